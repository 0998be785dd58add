"""What a picture's file holds besides pixels: EXIF, ICC profile, XMP, resolution, texts; gathered and put right."""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from i2i.picture import Metadata

if TYPE_CHECKING:
    import PIL.Image

ORIENTATION, THUMBNAIL, THUMBNAIL_LENGTH = 0x0112, 0x0201, 0x0202
EXIF_FOLDER, PIXEL_WIDTH, PIXEL_HEIGHT = 0x8769, 0xA002, 0xA003
IPTC = 0x0404  # of the resources that Photoshop keeps in a JPEG
_XMP_ORIENTATION = re.compile(rb'(tiff:Orientation(?:="|>))[1-8]')
_TEXT_OF_OTHERS = ("XML:com.adobe.xmp", "Raw profile type exif", "Raw profile type APP1", "xmp")


def gather(image: PIL.Image.Image, size: tuple[int, int]) -> Metadata:
    """Collect the metadata of a decoded Pillow image whose upright pixels have `size` (H, W)."""
    info = image.info
    exif = info.get("exif") or _raw_exif(info.get("Raw profile type exif"))
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    texts: list[tuple[str, str]] = []
    for key, value in getattr(image, "text", {}).items():
        if key not in _TEXT_OF_OTHERS:
            texts.append((key, str(value)))
    if isinstance(comment := info.get("comment"), bytes):
        texts.append(("Comment", comment.decode("utf-8", "replace")))
    photoshop = info.get("photoshop")
    return Metadata(
        exif=upright_exif(exif.removeprefix(b"Exif\0\0"), size) if isinstance(exif, bytes) and exif else None,
        icc=info.get("icc_profile") or None,
        xmp=upright_xmp(xmp) if isinstance(xmp, bytes) else None,
        iptc=photoshop.get(IPTC) if isinstance(photoshop, dict) else None,
        dpi=_dpi(info.get("dpi")),
        text=tuple(texts),
    )


def resized(kept: Metadata, size: tuple[int, int], scale: int, before: int, after: int) -> Metadata:
    """Fit metadata to a result of `size` (H, W), `scale` times the source's, of `after` channels, not `before`."""
    if kept.exif and scale != 1:
        kept = replace(kept, exif=upright_exif(kept.exif, size))
    if kept.icc and before != after and kept.icc[16:20] != {1: b"GRAY", 3: b"RGB "}.get(after):
        kept = replace(kept, icc=None)  # a profile of gray says nothing about colour
    if kept.tiff is not None and (scale != 1 or before != after):
        kept = replace(kept, tiff=kept.tiff.resized(scale, before, after))
    return kept


def orientation(image: PIL.Image.Image) -> int:
    """The EXIF orientation of a Pillow image, 1-8; 1 where there is none, or where the EXIF structure is broken."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # Pillow raises anything at all; the pixels are no worse for it
        return 1


def upright_xmp(xmp: bytes) -> bytes:
    """Set the orientation in an XMP packet to 1."""
    return _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)


def upright_exif(exif: bytes, size: tuple[int, int]) -> bytes | None:
    """Set orientation to 1 and the pixel size to `size` (H, W), and cut the thumbnail out, leaving all else in place.

    Offsets are not moved, so that maker notes stay valid. None when the structure is broken.
    """
    data = bytearray(exif)
    try:
        order = {b"II*\0": "<", b"MM\0*": ">"}[bytes(data[:4])]
        (first,) = struct.unpack_from(order + "I", data, 4)
        entries, following = _folder(data, order, first)
        if ORIENTATION in entries:
            _set(data, order, entries[ORIENTATION], 1)
        if EXIF_FOLDER in entries:
            inner, _ = _folder(data, order, _get(data, order, entries[EXIF_FOLDER]))
            for tag, length in ((PIXEL_HEIGHT, size[0]), (PIXEL_WIDTH, size[1])):
                if tag in inner:
                    _set(data, order, inner[tag], length)
        (second,) = struct.unpack_from(order + "I", data, following)
        if second:
            struct.pack_into(order + "I", data, following, 0)
            _erase_thumbnail(data, order, second)
    except (struct.error, KeyError, ValueError):
        return None
    return bytes(data)


def _erase_thumbnail(data: bytearray, order: str, folder: int) -> None:
    try:
        entries, _ = _folder(data, order, folder)
        start = _get(data, order, entries[THUMBNAIL])
        end = start + _get(data, order, entries[THUMBNAIL_LENGTH])
    except (struct.error, KeyError):
        return
    if 8 <= start < end == len(data):
        del data[start:]
    elif 8 <= start < end < len(data):
        data[start:end] = bytes(end - start)


def _folder(data: bytearray, order: str, offset: int) -> tuple[dict[int, int], int]:
    """The entries of a TIFF folder as {tag: offset of the entry}, and where the next folder's offset stands."""
    (count,) = struct.unpack_from(order + "H", data, offset)
    places = [offset + 2 + 12 * i for i in range(count)]
    tags = {struct.unpack_from(order + "H", data, place)[0]: place for place in places}
    return tags, offset + 2 + 12 * count


def _get(data: bytearray, order: str, entry: int) -> int:
    (kind,) = struct.unpack_from(order + "H", data, entry + 2)
    return int(struct.unpack_from(order + {3: "H", 4: "I", 13: "I"}[kind], data, entry + 8)[0])


def _set(data: bytearray, order: str, entry: int, value: int) -> None:
    (kind,) = struct.unpack_from(order + "H", data, entry + 2)
    if kind == 3 and value > 0xFFFF:
        kind = 4
        struct.pack_into(order + "H", data, entry + 2, kind)
    struct.pack_into(order + {3: "H", 4: "I"}[kind], data, entry + 8, value)


def _raw_exif(text: Any) -> bytes:
    """The EXIF that ImageMagick once kept in a PNG as a text: a name, a length, then lines of hexadecimal digits."""
    try:
        return bytes.fromhex("".join(str(text or "").split("\n")[3:]))
    except ValueError:
        return b""


def _dpi(dpi: Any) -> tuple[float, float] | None:
    try:
        x, y = (float(value) for value in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if 0 < x < 1e6 and 0 < y < 1e6 else None
