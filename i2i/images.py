"""Reading and writing picture files: every mode and depth, upright, with a sentence for those that cannot be read.

Pillow reads most; OpenCV reads PNG of 16 bits, of which Pillow keeps 8; `i2i.tiff` reads TIFF.
"""

from __future__ import annotations

import io
import os
import re
import warnings
import zlib
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import PIL.Image
import PIL.ImageCms

from i2i import metadata, png
from i2i.encoding import write as write
from i2i.picture import Array, Header, Metadata, orient
from i2i.picture import Picture as Picture
from i2i.picture import Unreadable as Unreadable
from i2i.picture import convert_channels as convert_channels
from i2i.picture import to_tensor as to_tensor

_SUFFIXES = """
    .jpg .jpeg .jpe .jfif .mpo .png .apng .ppm .pgm .pbm .pnm .bmp .dib .tif .tiff .webp .gif .tga .jp2 .j2k .avif
"""
EXTENSIONS = frozenset(re.findall(r"\S+", _SUFFIXES))
"""Suffixes of pictures that read() takes, in lower case."""

MAX_PIXELS = 178_956_970  # where Pillow stops, too
PNM_HEAD = 4096  # bytes that hold the header of a PGM or PPM, comments and all
warnings.filterwarnings("ignore", module=r"PIL\.")  # of large pictures and of odd metadata: what matters is raised

_GRAY = {"1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N", "I", "F"}
_ALPHA = {"LA", "La", "RGBA", "RGBa", "PA"}
_CUT_OFF = ("truncated", "smaller than", "broken PNG", "failed to read", "unexpected end")  # in others' messages


def is_picture(path: Path) -> bool:
    """Whether a file's name is that of a picture."""
    return path.suffix.lower() in EXTENSIONS


def _refuse_devices(path: Path) -> None:
    """Refuse what is there and no file: reading a pipe or a device may never end."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise Unreadable(path, "is a folder" if os.path.isdir(path) else "is a pipe or a device, not a file")


def read(path: Path | str) -> Picture:
    """Read a picture: upright, palettes and CMYK as RGB, alpha apart, in the depth of the file.

    Of several frames or pages the first is read. Raises Unreadable, with the reason in a sentence.
    """
    path = Path(path)
    _refuse_devices(path)
    data = _bytes(path)
    try:
        return decode(data, path)
    except Unreadable:
        raise
    except Exception as error:  # decoders raise anything at all on damaged files
        raise Unreadable(path, _reason(data, error)) from error


def header(path: Path | str) -> Header:
    """Read what a file says about its picture without decoding pixels. Raises Unreadable.

    A picture cut off after its header passes here and fails in `read`.
    """
    path = Path(path)
    _refuse_devices(path)
    try:
        with path.open("rb") as file:
            if is_tiff(file.read(4)):
                from i2i import tiff

                file.seek(0)
                return tiff.header(file, path)
            file.seek(0)
            if found := _wide_pnm(file.read(PNM_HEAD)):
                told = _pnm_header(found)
                guard(told.height, told.width, path)
                return told
            file.seek(0)
            with PIL.Image.open(file) as image:
                return pillow_header(image, file, path)
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(path, _reason(_bytes(path), error)) from error


def decode(data: bytes, path: Path | str = "the picture") -> Picture:
    """Decode a file's bytes; see `read`. `path` is what errors name."""
    if is_tiff(data[:4]):
        from i2i import tiff

        return tiff.read(data, Path(path))
    if found := _wide_pnm(data[:PNM_HEAD]):
        return _read_pnm(data, found, path)
    with PIL.Image.open(io.BytesIO(data)) as image:
        guard(image.height, image.width, path)
        frames = getattr(image, "n_frames", 1) if image.format != "MPO" else 1
        image.load()
        orientation = metadata.orientation(image)
        if png.is_wide(data):
            pixels, alpha = png.decode(data)
            profile = image.info.get("icc_profile")
        else:
            pixels, alpha, profile = from_pillow(image)
        pixels, alpha = orient(pixels, orientation), None if alpha is None else orient(alpha, orientation)
        kept = metadata.gather(image, pixels.shape[:2])
        kept = replace(kept, icc=profile, lossless=_is_lossless_webp(data))
        name = "JPEG" if image.format == "MPO" else image.format or ""
    return Picture(pixels, alpha, name, kept, (f"first of {frames} frames",) if frames > 1 else ())


def from_pillow(image: PIL.Image.Image) -> tuple[Array, Array | None, bytes | None]:
    """Split a Pillow image of any mode: pixels (H, W, C), alpha (H, W) or None, the ICC profile if it still fits."""
    profile = image.info.get("icc_profile") or None
    mode = image.mode
    if mode in ("I", "I;16", "I;16L", "I;16B", "I;16N", "F"):
        values = np.asarray(image)
        if mode == "I" and values.size and values.min() >= 0 and values.max() <= 65535:
            values = values.astype(np.uint16)
        return values.astype(np.uint16 if values.dtype.kind == "u" else np.float32)[..., None], None, profile
    if mode in ("CMYK", "LAB"):
        return np.array(_to_rgb(image, profile)), None, None
    gray = mode in _GRAY
    if mode in _ALPHA or "transparency" in image.info:
        values = np.array(image.convert("LA" if gray else "RGBA"))
        return values[..., :-1], values[..., -1], profile
    values = np.array(image.convert("L" if gray else "RGB"))
    return values[..., None] if gray else values, None, profile


def _to_rgb(image: PIL.Image.Image, profile: bytes | None) -> PIL.Image.Image:
    """Convert CMYK or Lab to sRGB, by the file's own profile where it has one."""
    if image.mode == "LAB" or profile:
        try:
            source: Any = PIL.ImageCms.createProfile("LAB") if image.mode == "LAB" else io.BytesIO(profile or b"")
            made = PIL.ImageCms.profileToProfile(image, source, PIL.ImageCms.createProfile("sRGB"), outputMode="RGB")
            if made is not None:
                return made
        except PIL.ImageCms.PyCMSError:  # a broken profile; Pillow's plain formula then
            if image.mode == "LAB":
                raise ValueError("holds Lab colours that cannot be converted") from None
    return image.convert("RGB")


def _wide_pnm(data: bytes) -> re.Match[bytes] | None:
    """The header of a PGM or PPM of more than 8 bits, which Pillow would rescale: kind, width, height, maximum."""
    space = rb"(?:\s|#[^\n]*\n)+"
    match = re.match(rb"P([2356])" + space + rb"([1-9]\d*)" + space + rb"([1-9]\d*)" + space + rb"(\d{3,5})\s", data)
    return match if match and 255 < int(match[4]) < 65536 else None


def _pnm_header(match: re.Match[bytes]) -> Header:
    colour = match[1] in (b"3", b"6")
    return Header(int(match[3]), int(match[2]), 3 if colour else 1, 16, "RGB;16" if colour else "I;16", "PPM", False)


def _read_pnm(data: bytes, match: re.Match[bytes], path: Path | str) -> Picture:
    told = _pnm_header(match)
    guard(told.height, told.width, path)
    count = told.height * told.width * told.channels
    if match[1] in (b"2", b"3"):  # numbers in letters
        values = np.array(data[match.end() :].split(None, count)[:count]).astype(np.uint16)
    else:
        values = np.frombuffer(data, ">u2", count, match.end()).astype(np.uint16)
    kept = Metadata(maxval=int(match[4]))
    return Picture(values.reshape(told.height, told.width, told.channels), None, "PPM", kept)


def pillow_header(image: PIL.Image.Image, file: IO[bytes], path: Path) -> Header:
    """The header of a file that Pillow has opened."""
    guard(image.height, image.width, path)
    height, width = image.height, image.width
    if _orientation(image, file) in (5, 6, 7, 8):
        height, width = width, height
    mode, gray = image.mode, image.mode in _GRAY
    depth = 16 if mode.startswith("I") else 32 if mode == "F" else 8
    if image.format == "PNG":
        place = file.tell()
        file.seek(0)
        start = file.read(32)
        file.seek(place)
        if png.is_wide(start):
            depth, gray = 16, png.is_gray(start)
            mode = "I;16" if mode == "I;16" else mode.replace("RGB", "L") + ";16" if gray else mode + ";16"
    name = "JPEG" if image.format == "MPO" else image.format or ""
    alpha = image.mode in _ALPHA or "transparency" in image.info
    return Header(height, width, 1 if gray else 3, depth, mode, name, alpha)


def _orientation(image: PIL.Image.Image, file: IO[bytes]) -> int:
    """The orientation, which Pillow finds in a PNG only by decoding it all: that is done only where there is one."""
    if image.format == "PNG" and "exif" not in image.info and not png.may_be_turned(file):
        return 1
    return metadata.orientation(image)


def _is_lossless_webp(data: bytes) -> bool:
    place = 12
    while data[8:12] == b"WEBP" and place + 8 <= len(data):
        if data[place : place + 4] in (b"VP8L", b"VP8 "):
            return data[place : place + 4] == b"VP8L"
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        place += 8 + length + length % 2
    return False


def is_tiff(start: bytes) -> bool:
    """Whether a file that begins so is a TIFF or BigTIFF."""
    return start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def guard(height: int, width: int, path: Path | str) -> None:
    """Raise Unreadable for a picture that declares more pixels than fit: a slide to cut, or a decompression bomb."""
    if height * width > MAX_PIXELS:
        raise Unreadable(
            path, f"declares {width} x {height} pixels, more than the {MAX_PIXELS:,} that are read; cut it into tiles"
        )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(path, f"cannot be opened: {error.strerror or error}") from error


def _reason(data: bytes, error: BaseException) -> str:
    if not data:
        return "is empty (0 bytes)"
    start = data[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<?xml")) and b"html" in start:
        return "is a web page (HTML), not a picture"
    if isinstance(error, MemoryError):
        return "does not fit into memory"
    if isinstance(error, PIL.Image.DecompressionBombError):
        return f"declares more than the {MAX_PIXELS:,} pixels that are read; cut it into tiles"
    if isinstance(error, PIL.UnidentifiedImageError):
        return "is not a picture that can be read, whatever its name says"
    text = re.sub(r"\s+", " ", str(error)).strip().rstrip(".")
    if isinstance(error, (EOFError, zlib.error)) or any(word in text for word in _CUT_OFF):
        return f"is damaged or cut off ({text})"
    return f"cannot be decoded ({text or type(error).__name__})"
