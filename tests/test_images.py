"""Reading every mode and depth, and saying what is wrong with what cannot be read."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from i2i import images, opencv, png
from i2i.encoding import encode
from i2i.images import Unreadable, header, read


def colours(height: int = 7, width: int = 9, channels: int = 3, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels)).astype(dtype)


def agree(path: Path) -> images.Picture:
    """Read a file; its header must promise what reading gives."""
    picture, told = read(path), header(path)
    assert (told.height, told.width, told.channels) == picture.pixels.shape
    assert (told.depth, told.alpha, told.format) == (picture.depth, picture.alpha is not None, picture.format)
    return picture


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "gif", "jpg", "bmp"])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16", "F", "YCbCr"])
def test_header_and_read_agree_on_every_mode_and_format(tmp_path, mode, suffix):
    image = Image.fromarray(colours())
    image = image.convert("L").convert(mode) if mode in ("I;16", "F") else image.convert(mode)
    path = tmp_path / f"x.{suffix}"
    try:
        image.save(path)
    except (OSError, KeyError, ValueError):
        pytest.skip(f"Pillow writes no {mode} as {suffix}")
    agree(path)


def test_palette_with_a_transparent_colour(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.save(tmp_path / "x.png", transparency=1)
    picture = agree(tmp_path / "x.png")
    assert picture.pixels.tolist() == [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [0, 255, 0]]]
    assert picture.alpha.tolist() == [[255, 0], [255, 0]]


def test_one_bit_becomes_black_and_white(tmp_path):
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "x.png")
    assert agree(tmp_path / "x.png").pixels.flatten().tolist() == [255, 0]


def test_cmyk_with_a_profile_is_converted_by_it(tmp_path):
    Image.new("CMYK", (2, 2), (255, 0, 0, 0)).save(tmp_path / "plain.jpg")
    assert agree(tmp_path / "plain.jpg").pixels[0, 0, 0] < 20
    broken = tmp_path / "broken.jpg"
    Image.new("CMYK", (2, 2), (255, 0, 0, 0)).save(broken, icc_profile=b"no profile")
    picture = agree(broken)
    assert (picture.pixels == read(tmp_path / "plain.jpg").pixels).all()
    assert picture.metadata.icc is None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_exif_orientation_is_applied(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(colours(16, 24)).save(path, exif=exif, **({"lossless": True} if suffix == "webp" else {}))
    picture = agree(path)
    with Image.open(path) as image:
        assert (picture.pixels == np.asarray(ImageOps.exif_transpose(image))).all()
    if picture.metadata.exif:
        kept = Image.Exif()
        kept.load(b"Exif\0\0" + picture.metadata.exif)
        assert kept.get(274, 1) == 1


def wide_png(values: np.ndarray, kind: int) -> bytes:
    """Encode 16 bits by hand, without a filter."""
    height, width = values.shape[:2]
    rows = values.astype(">u2").reshape(height, -1)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    start = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", start) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("channels", "kind"), [(1, 0), (3, 2), (2, 4), (4, 6)])
def test_png_of_16_bits_keeps_them(tmp_path, channels, kind):
    values = np.random.default_rng(1).integers(0, 65536, (5, 6, channels)).astype(np.uint16)
    (tmp_path / "x.png").write_bytes(wide_png(values, kind))
    picture = agree(tmp_path / "x.png")
    alpha = channels in (2, 4)
    assert (picture.pixels == (values[..., :-1] if alpha else values)).all()
    assert picture.pixels.dtype == np.uint16
    assert (picture.alpha == values[..., -1]).all() if alpha else picture.alpha is None


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_of_16_bits(tmp_path, channels):
    values = np.array([[[1000] * channels, [2000] * channels]], np.uint16)
    data = wide_png(values, 0 if channels == 1 else 2)
    body = struct.pack(">H", 2000) * channels
    key = struct.pack(">I", len(body)) + b"tRNS" + body + struct.pack(">I", zlib.crc32(b"tRNS" + body))
    (tmp_path / "x.png").write_bytes(data[:33] + key + data[33:])
    picture = agree(tmp_path / "x.png")
    assert (picture.pixels == values).all()
    assert picture.alpha.tolist() == [[65535, 0]]


def test_pgm_of_12_bits_is_not_rescaled(tmp_path):
    values = np.array([[0, 1], [2047, 4095]], ">u2")
    (tmp_path / "x.pgm").write_bytes(b"P5\n# a scan\n2 2\n4095\n" + values.tobytes())
    picture = agree(tmp_path / "x.pgm")
    assert picture.pixels[..., 0].tolist() == values.tolist()
    images.write(tmp_path / "y.pgm", picture)
    assert (tmp_path / "y.pgm").read_bytes() == b"P5\n2 2\n4095\n" + values.tobytes()


def test_a_long_comment_hides_no_depth(tmp_path):
    values = np.array([[0, 4095]], ">u2")
    (tmp_path / "x.pgm").write_bytes(
        b"P5\n# " + b"made by a long-winded program " * 9 + b"\n2 1\n4095\n" + values.tobytes()
    )
    assert agree(tmp_path / "x.pgm").pixels.flatten().tolist() == [0, 4095]


@pytest.mark.parametrize(("kind", "shape"), [("P2", (1, 3, 1)), ("P3", (1, 1, 3))])
def test_numbers_in_letters_are_not_rescaled(tmp_path, kind, shape):
    path = tmp_path / "x.pnm"
    path.write_text(f"{kind} {shape[1]} {shape[0]} 1023\n0 512\n1023\n")
    picture = agree(path)
    assert picture.pixels.shape == shape
    assert picture.pixels.flatten().tolist() == [0, 512, 1023]
    path.write_text(f"{kind} {shape[1]} {shape[0]} 1023\n0 512\n")
    with pytest.raises(Unreadable):
        read(path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_broken_exif_makes_no_picture_unreadable(tmp_path, suffix):
    start = b"Exif\0\0" if suffix == "jpg" else b""
    Image.fromarray(colours()).save(tmp_path / f"x.{suffix}", exif=start + b"no structure at all")
    assert agree(tmp_path / f"x.{suffix}").metadata.exif is None


def test_exif_in_a_text_of_a_png_turns_it_and_is_kept(tmp_path):
    exif = Image.Exif()
    exif[274], exif[271] = 6, "Maker"
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Raw profile type exif", f"\nexif\n{len(exif.tobytes())}\n{exif.tobytes().hex()}\n", zip=True)
    Image.fromarray(colours()).save(tmp_path / "x.png", pnginfo=texts)
    picture = agree(tmp_path / "x.png")
    assert (picture.pixels == np.rot90(colours(), -1)).all()
    kept = Image.Exif()
    kept.load(b"Exif\0\0" + (picture.metadata.exif or b""))
    assert (kept[274], kept[271]) == (1, "Maker")


def test_the_first_of_several_frames_is_read_and_noted(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "x.tif", save_all=True, append_images=frames[1:])
    assert read(tmp_path / "x.gif").notes == ("first of 3 frames",)
    picture = agree(tmp_path / "x.tif")
    assert picture.notes == ("first of 3 pages",)
    assert picture.pixels[0, 0].tolist() == [255, 0, 0]


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(colours(64, 64)).save(buffer, "JPEG")
    return buffer.getvalue()


def tiff() -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, colours(64, 64))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("empty.jpg", b"", "is empty (0 bytes)"),
        ("page.jpg", b"\n<!DOCTYPE html><html><body>404</body></html>", "is a web page (HTML), not a picture"),
        ("text.png", b"hello, this is no picture at all", "is not a picture that can be read"),
        ("cut.jpg", jpeg()[:-700], "is damaged or cut off"),
        ("cut.png", wide_png(colours(64, 64, dtype=np.uint16), 2)[:300], "is damaged"),
        ("cut.tif", tiff()[:300], "is damaged or cut off"),
        ("few.tif", b"II*\0\x08\0\0\0", "is damaged or cut off"),
        ("cut.pgm", b"P5 9 9 65535 x", "is damaged or cut off"),
    ],
)
def test_broken_files_are_unreadable_for_a_reason(tmp_path, name, data, reason):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(Unreadable) as caught:
        read(path)
    assert reason in caught.value.reason
    assert str(caught.value) == f"{path} {caught.value.reason}"


def test_a_missing_file_is_unreadable(tmp_path):
    for reader in (read, header):
        with pytest.raises(Unreadable, match="cannot be opened: No such file"):
            reader(tmp_path / "x.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    (tmp_path / "y.png").mkdir()
    for reader in (read, header):
        with pytest.raises(Unreadable, match="is a pipe or a device, not a file"):
            reader(tmp_path / "x.png")
        with pytest.raises(Unreadable, match="is a folder"):
            reader(tmp_path / "y.png")


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(tmp_path):
    bomb = bytearray(wide_png(np.zeros((1, 1, 3), np.uint16), 2))
    bomb[16:24] = struct.pack(">II", 50_000, 50_000)
    bomb[29:33] = struct.pack(">I", zlib.crc32(bomb[12:29]))
    (tmp_path / "x.png").write_bytes(bomb)
    (tmp_path / "x.pgm").write_bytes(b"P5 50000 50000 65535 x")
    for name in ("x.png", "x.pgm"):
        for reader in (read, header):
            with pytest.raises(Unreadable, match=rf"{name} declares .*more than the 178,956,970"):
                reader(tmp_path / name)


def test_no_warning_for_large_pictures(tmp_path):
    Image.new("1", (9_500, 9_500)).save(tmp_path / "x.png")
    code = "import sys; from i2i.images import header; print(header(sys.argv[1]).width)"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "x.png"], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("9500\n", "")


def test_lab_becomes_rgb(tmp_path):
    lab = ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(
        Image.new("RGB", (3, 3), (200, 30, 40)), ImageCms.createProfile("sRGB"), lab, outputMode="LAB"
    )
    image.save(tmp_path / "x.tif")
    assert np.abs(agree(tmp_path / "x.tif").pixels.astype(int) - [200, 30, 40]).max() < 6


def test_names_of_pictures():
    assert images.is_picture(Path("a/B.JPEG"))
    assert not images.is_picture(Path("a/b.xmp"))


@pytest.mark.filterwarnings("ignore:Tag data larger than file")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "GIF", "AVIF"])
def test_damage_anywhere_is_read_or_unreadable_and_nothing_else(tmp_path, kind):
    rng = np.random.default_rng(0)
    wide = kind in ("PNG", "TIFF")
    values = np.linspace(0, 65535 if wide else 255, 600).reshape(20, 30, 1).astype(np.uint16 if wide else np.uint8)
    whole = encode(images.Picture(values.repeat(3, 2), None, kind), kind)[0]
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(damaged), rng.integers(1, 9)):
            damaged[place] = rng.integers(0, 256)
        (tmp_path / "x").write_bytes(damaged[: rng.integers(1, 2 * len(damaged))])
        for reader in (read, header):
            with contextlib.suppress(Unreadable):
                reader(tmp_path / "x")


def test_a_chunk_that_claims_more_than_the_file_holds_is_not_handed_on(monkeypatch):
    given = []
    monkeypatch.setattr(opencv, "decode", given.append)  # which would make room for all that is claimed
    data = bytearray(wide_png(colours(dtype=np.uint16), 2))
    data[33:37] = struct.pack(">I", 2**31 - 1)  # the length of IDAT
    with pytest.raises(ValueError, match="damaged"):
        png.decode(bytes(data))
    assert given == [bytes(data[:33])]
