"""EXIF put right byte by byte; profiles and XMP."""

from __future__ import annotations

import io
import struct

from PIL import Image

from i2i.metadata import resized, upright_exif, upright_xmp
from i2i.picture import Metadata


def structure(order: str, thumbnail: bytes) -> bytes:
    """An EXIF structure as cameras write it: orientation, EXIF folder with a maker note, thumbnail at the end."""
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HI", 42, 8)
    note = b"MAKER NOTE"
    first, inner, second = 8, 8 + 2 + 24 + 4, 8 + 2 + 24 + 4 + 2 + 36 + 4
    note_at, thumbnail_at = second + 2 + 24 + 4, second + 2 + 24 + 4 + len(note)

    def entry(tag: int, kind: int, count: int, value: int) -> bytes:
        packed = struct.pack(order + "HH", value, 0) if kind == 3 else struct.pack(order + "I", value)
        return struct.pack(order + "HHI", tag, kind, count) + packed

    body = struct.pack(order + "H", 2) + entry(274, 3, 1, 6) + entry(0x8769, 4, 1, inner)
    body += struct.pack(order + "I", second)
    body += struct.pack(order + "H", 3) + entry(0x927C, 7, len(note), note_at)
    body += entry(0xA002, 3, 1, 40) + entry(0xA003, 4, 1, 30) + struct.pack(order + "I", 0)
    body += struct.pack(order + "H", 2) + entry(0x201, 4, 1, thumbnail_at) + entry(0x202, 4, 1, len(thumbnail))
    body += struct.pack(order + "I", 0) + note + thumbnail
    assert first == len(head)
    return head + body


def test_orientation_size_and_thumbnail_are_put_right_in_place():
    for order in "<>":
        raw = structure(order, b"\xff\xd8tiny\xff\xd9")
        done = upright_exif(raw, (40, 30))
        assert done is not None
        assert b"tiny" not in done
        assert done.index(b"MAKER NOTE") == raw.index(b"MAKER NOTE")  # its offsets stay valid
        exif = Image.Exif()
        exif.load(b"Exif\0\0" + done)
        assert exif[274] == 1
        assert (exif.get_ifd(0x8769)[0xA003], exif.get_ifd(0x8769)[0xA002]) == (40, 30)
        assert not exif.get_ifd(1)


def test_a_size_beyond_16_bits_fits():
    done = upright_exif(structure("<", b"x"), (40, 70_000))
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + (done or b""))
    assert exif.get_ifd(0x8769)[0xA002] == 70_000


def test_broken_exif_is_dropped():
    whole = structure(">", b"thumbnail")
    assert upright_exif(b"", (1, 1)) is None
    assert upright_exif(b"nonsense", (1, 1)) is None
    assert upright_exif(whole[:30], (1, 1)) is None


def test_xmp_orientation():
    assert upright_xmp(b'<x tiff:Orientation="6"/>') == b'<x tiff:Orientation="1"/>'
    assert upright_xmp(b"<tiff:Orientation>8</tiff:Orientation>") == b"<tiff:Orientation>1</tiff:Orientation>"


def test_a_profile_that_no_longer_fits_is_dropped():
    gray, colour = Metadata(icc=bytes(16) + b"GRAY"), Metadata(icc=bytes(16) + b"RGB ")
    assert resized(gray, (1, 1), 1, 1, 3).icc is None
    assert resized(gray, (1, 1), 1, 1, 1).icc
    assert resized(colour, (1, 1), 1, 1, 3).icc
    assert resized(colour, (1, 1), 1, 3, 1).icc is None


def test_pillow_reads_what_we_made():
    buffer = io.BytesIO()
    Image.new("L", (30, 40)).save(
        buffer, "JPEG", exif=b"Exif\0\0" + (upright_exif(structure("<", b"x"), (40, 30)) or b"")
    )
    with Image.open(buffer) as image:
        assert image.getexif()[274] == 1
