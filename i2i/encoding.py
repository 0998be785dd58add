"""Writing picture files: in the picture's own format and depth with its metadata, and whole or not at all."""

from __future__ import annotations

import io
import math
import os
import struct
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.PngImagePlugin

from i2i import png
from i2i.metadata import IPTC
from i2i.options import nearest
from i2i.picture import Array, Picture

FORMATS = {
    "jpg": "JPEG",
    "png": "PNG",
    "tif": "TIFF",
    "webp": "WEBP",
    "bmp": "BMP",
    "ppm": "PPM",
    "gif": "GIF",
    "tga": "TGA",
    "jp2": "JPEG2000",
    "avif": "AVIF",
}
"""Suffix (and value of --format) to Pillow's name of the format."""

_ALIASES = {"jpeg": "jpg", "jpe": "jpg", "jfif": "jpg", "mpo": "jpg", "apng": "png", "tiff": "tif", "dib": "bmp"}
_ALIASES |= {"pgm": "ppm", "pbm": "ppm", "pnm": "ppm", "j2k": "jp2"}
_OPAQUE = {"JPEG", "PPM", "BMP"}
_DEEP = {"PNG", "TIFF", "PPM"}
_LONGEST_SEGMENT = 65_000  # bytes that fit a JPEG segment
_LONGEST_SIDE = {"JPEG": 65_500, "GIF": 65_535, "TGA": 65_535, "WEBP": 16_383}  # pixels
_FINEST = 65_535  # dots per inch that JPEG can name
QUALITY = 95  # of formats that lose something


def format_of(name: str) -> str:
    """Pillow's name of the format that a suffix or a value of --format means. Raises LookupError."""
    short = name.lower().lstrip(".")
    short = _ALIASES.get(short, short)
    if short not in FORMATS:
        raise LookupError(
            f'there is no picture format "{name}"' + nearest(short, FORMATS, f"known: {', '.join(FORMATS)}")
        )
    return FORMATS[short]


def write(path: Path | str, picture: Picture, format: str = "") -> tuple[str, ...]:
    """Write a picture in `format` ("png"), else in its own, else in the one its name says; return what was lost.

    The file is written beside its place and renamed, so that it is there whole or not at all. Raises ValueError where
    the format cannot hold the picture, OSError where the file cannot be written.
    """
    path = Path(path)
    kind = format_of(format) if format else picture.format or format_of(path.suffix)
    data, lost = encode(picture, kind)
    part = path.with_name(f".{uuid.uuid4().hex[:12]}.part")  # short, as the name itself may be as long as names go
    try:
        part.write_bytes(data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return lost


def encode(picture: Picture, kind: str) -> tuple[bytes, tuple[str, ...]]:
    """Encode a picture as the bytes of a file, with the sentences that say what the format could not hold.

    Raises ValueError where it cannot hold the picture.
    """
    kind = kind if kind in FORMATS.values() else "PNG"  # formats that are read and never written
    if kind != "TIFF":
        _check(picture, kind)
    try:
        return _encode(picture, kind)
    except Exception as error:  # encoders raise anything at all: of a picture too large, or a note too odd
        way = "" if kind in _DEEP else "; use --format png"
        raise ValueError(f"cannot be written as {kind} ({str(error) or type(error).__name__}){way}") from error


def _encode(picture: Picture, kind: str) -> tuple[bytes, tuple[str, ...]]:
    if kind == "TIFF":
        from i2i import tiff_encoding

        return tiff_encoding.encode(picture), ()
    settings, lost = _settings(picture, kind)
    values = picture.pixels
    if picture.alpha is not None and kind not in _OPAQUE:
        values = np.dstack([values, picture.alpha])
    elif picture.alpha is not None:
        lost.append(f"alpha left out: {kind} holds none")
    if values.dtype == np.uint16:
        wide = kind == "PPM"
        data = _wide_pnm(values, picture.metadata.maxval or 65535) if wide else png.encode(values, settings)
        return data, tuple(lost)
    image = PIL.Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)
    if image.mode == "LA" and kind not in ("PNG", "TGA", "JPEG2000"):
        image = image.convert("RGBA")
    if kind == "GIF" and image.mode != "L":
        lost.append("colours reduced: GIF holds 256")
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)
    data = buffer.getvalue()
    if kind == "JPEG" and picture.metadata.iptc:
        data = _with_iptc(data, picture.metadata.iptc)
    return data, tuple(lost)


def _check(picture: Picture, kind: str) -> None:
    if picture.channels not in (1, 3):
        raise ValueError(_too_small(kind, "1 or 3 channels", f"{picture.channels}; use --format tif"))
    if picture.pixels.dtype == np.float32:
        raise ValueError(_too_small(kind, "whole numbers", "fractions; use --format tif"))
    if picture.depth > 8 and kind not in _DEEP:
        raise ValueError(_too_small(kind, "8 bits a channel", f"{picture.depth}; use --format png or tif"))
    if max(picture.height, picture.width) > _LONGEST_SIDE.get(kind, math.inf):
        has = f"{picture.width:,} x {picture.height:,}; use --format png or tif"
        raise ValueError(_too_small(kind, f"{_LONGEST_SIDE[kind]:,} pixels on a side", has))


def _too_small(kind: str, holds: str, has: str) -> str:
    return f"cannot be written as {kind}, which holds {holds}: the result has {has}"


def _settings(picture: Picture, kind: str) -> tuple[dict[str, Any], list[str]]:
    """What Pillow's encoder of a format is to be told, and the sentences that say what it cannot be."""
    kept = picture.metadata
    settings: dict[str, Any] = {}
    lost: list[str] = []
    if kind in ("JPEG", "PNG", "WEBP", "AVIF"):
        settings = {"exif": kept.exif, "icc_profile": kept.icc, "xmp": kept.xmp}
    if kind in ("JPEG", "PNG", "BMP"):
        settings["dpi"] = kept.dpi
    if kind in ("JPEG", "GIF"):
        settings["comment"] = dict(kept.text).get("Comment", "").encode() or None
    if kind == "PNG" and picture.channels == 1 and kept.icc and kept.icc[16:20] != b"GRAY":
        settings["icc_profile"] = None  # PNG allows no other beside gray
    if kind == "JPEG":
        settings |= {"exif": b"Exif\0\0" + kept.exif if kept.exif else None, "quality": QUALITY, "subsampling": 0}
        for key, name in (("exif", "EXIF"), ("xmp", "XMP"), ("comment", "comment")):
            if len(settings[key] or b"") > _LONGEST_SEGMENT:
                settings[key] = None
                lost.append(f"{name} left out: too long for JPEG")
        if kept.dpi and max(kept.dpi) > _FINEST:
            settings["dpi"] = None
            lost.append("resolution left out: too fine for JPEG")
    elif kind == "PNG":
        settings.pop("xmp")
        settings["pnginfo"] = _texts(picture)
    elif kind == "WEBP":
        settings |= {"quality": QUALITY, "lossless": kept.lossless, "exact": kept.lossless}
    elif kind == "AVIF":
        settings |= {"quality": QUALITY, "subsampling": "4:4:4"}
    return {key: value for key, value in settings.items() if value is not None}, lost


def _with_iptc(data: bytes, iptc: bytes) -> bytes:
    """Put IPTC captions into a JPEG, after its first segment, as a resource of Photoshop's; Pillow only reads them."""
    resource = b"Photoshop 3.0\x008BIM" + struct.pack(">HHI", IPTC, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)
    place = 4 + int.from_bytes(data[4:6], "big")
    return data[:place] + b"\xff\xed" + struct.pack(">H", len(resource) + 2) + resource + data[place:]


def _texts(picture: Picture) -> PIL.PngImagePlugin.PngInfo:
    texts = PIL.PngImagePlugin.PngInfo()
    for key, value in picture.metadata.text:
        try:
            texts.add_text(key, value) if value.isascii() else texts.add_itxt(key, value)
        except (UnicodeEncodeError, ValueError):
            continue  # a keyword that PNG does not allow
    if picture.metadata.xmp:
        texts.add_itxt("XML:com.adobe.xmp", picture.metadata.xmp.decode("utf-8", "replace"))
    return texts


def _wide_pnm(values: Array, maxval: int) -> bytes:
    height, width, channels = values.shape
    start = f"P{6 if channels == 3 else 5}\n{width} {height}\n{maxval}\n".encode()
    return start + np.minimum(values, maxval).astype(">u2").tobytes()
