"""Writing picture files: in the picture's own format and depth with its metadata, and whole or not at all."""

from __future__ import annotations

import io
import os
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.PngImagePlugin

from i2i import png
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


def format_of(name: str) -> str:
    """Pillow's name of the format that a suffix or a value of --format means. Raises LookupError."""
    short = name.lower().lstrip(".")
    short = _ALIASES.get(short, short)
    if short not in FORMATS:
        raise LookupError(f'there is no picture format "{name}"{nearest(short, FORMATS)}; known: {", ".join(FORMATS)}')
    return FORMATS[short]


def write(path: Path | str, picture: Picture, format: str = "", quality: int = 95) -> tuple[str, ...]:
    """Write a picture in `format` ("png"), else in its own, else in the one its name says; return what was lost.

    The file is written beside its place and renamed, so that it is there whole or not at all. Raises ValueError where
    the format cannot hold the picture, OSError where the file cannot be written.
    """
    path = Path(path)
    kind = format_of(format) if format else picture.format or format_of(path.suffix)
    data, lost = encode(picture, kind, quality)
    part = path.with_name(f".{uuid.uuid4().hex[:12]}.part")  # short, as the name itself may be as long as names go
    try:
        part.write_bytes(data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return lost


def encode(picture: Picture, kind: str, quality: int = 95) -> tuple[bytes, tuple[str, ...]]:
    """Encode a picture as the bytes of a file, with the sentences that say what the format could not hold."""
    kind = kind if kind in FORMATS.values() else "PNG"  # formats that are read and never written
    if kind == "TIFF":
        from i2i import tiff_encoding

        return tiff_encoding.encode(picture), ()
    _check(picture, kind)
    lost = []
    pixels, alpha = picture.pixels, picture.alpha
    if alpha is not None and kind in _OPAQUE:
        lost.append(f"alpha left out: {kind} holds none")
        alpha = None
    values = pixels if alpha is None else np.dstack([pixels, alpha])
    if values.dtype == np.uint16:
        if kind == "PPM":
            return _wide_pnm(values, picture.metadata.maxval or 65535), tuple(lost)
        return png.encode(values, _settings(picture, kind, quality)), tuple(lost)
    image = PIL.Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)
    if image.mode == "LA" and kind not in ("PNG", "TGA", "JPEG2000"):
        image = image.convert("RGBA")
    if kind == "GIF" and (picture.channels == 3 or alpha is not None):
        lost.append("colours reduced: GIF holds 256")
    buffer = io.BytesIO()
    image.save(buffer, kind, **_settings(picture, kind, quality))
    return buffer.getvalue(), tuple(lost)


def _check(picture: Picture, kind: str) -> None:
    if picture.channels not in (1, 3):
        raise ValueError(_too_small(kind, "1 or 3 channels", f"{picture.channels}; use --format tif"))
    if picture.pixels.dtype == np.float32:
        raise ValueError(_too_small(kind, "whole numbers", "fractions; use --format tif"))
    if picture.depth > 8 and kind not in _DEEP:
        raise ValueError(_too_small(kind, "8 bits a channel", f"{picture.depth}; use --format png or tif"))


def _too_small(kind: str, holds: str, has: str) -> str:
    return f"cannot be written as {kind}, which holds {holds}: the result has {has}"


def _settings(picture: Picture, kind: str, quality: int) -> dict[str, Any]:
    """What Pillow's encoder of a format is to be told."""
    kept = picture.metadata
    settings: dict[str, Any] = {}
    if kind in ("JPEG", "PNG", "WEBP", "AVIF"):
        settings = {"exif": kept.exif, "icc_profile": kept.icc, "xmp": kept.xmp}
    if kind in ("JPEG", "PNG", "BMP"):
        settings["dpi"] = kept.dpi
    comment = dict(kept.text).get("Comment")
    if kind == "PNG" and picture.channels == 1 and kept.icc and kept.icc[16:20] != b"GRAY":
        settings["icc_profile"] = None  # PNG allows no other beside gray
    if kind == "JPEG":
        settings["exif"] = b"Exif\0\0" + kept.exif if kept.exif else None
        for key in ("exif", "xmp"):
            if len(settings[key] or b"") > _LONGEST_SEGMENT:
                settings[key] = None
        settings |= {"quality": quality, "subsampling": 0, "comment": comment.encode() if comment else None}
    elif kind == "PNG":
        settings.pop("xmp")
        settings["pnginfo"] = _texts(picture)
    elif kind == "WEBP":
        settings |= {"quality": quality, "lossless": kept.lossless, "exact": kept.lossless}
    elif kind == "AVIF":
        settings |= {"quality": quality, "subsampling": "4:4:4"}
    elif kind == "GIF":
        settings["comment"] = comment.encode() if comment else None
    return {key: value for key, value in settings.items() if value is not None}


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
