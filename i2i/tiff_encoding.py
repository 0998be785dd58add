"""Writing TIFF: any depth and number of channels, laid out and packed as the file it came from, with its tags."""

from __future__ import annotations

import contextlib
import io
import struct
from typing import Any

import numpy as np
import PIL.Image
import PIL.TiffImagePlugin
import tifffile

from i2i.picture import Array, Picture
from i2i.tiff import EXIF_FOLDERS, TEXT_TAGS, Tags

_BROKEN = (ValueError, SyntaxError, OSError, KeyError, TypeError, struct.error)  # what Pillow raises on odd EXIF


def encode(picture: Picture) -> bytes:
    """Encode a picture as TIFF, laid out and packed as its file was, with its tags."""
    kept = picture.metadata
    layout = kept.tiff
    if not isinstance(layout, Tags):  # from a file of another format
        layout = Tags(compressed=True, rgb=picture.channels == 3, tags=_exif_tags(kept.exif))
    values = picture.pixels
    rgb = layout.rgb and picture.channels >= 3
    extra = [0] * (picture.channels - (3 if rgb else 1))
    if picture.alpha is not None:
        index = layout.alpha_index if layout.alpha_index >= 0 else picture.channels
        values = np.insert(values, min(index, picture.channels), picture.alpha, axis=2)
        extra.insert(max(0, min(index, picture.channels) - (picture.channels - len(extra))), layout.alpha)
    if kept.dtype:
        values = _as_type(values, kept.dtype)
    planes = layout.layout != "YXS" and values.shape[2] > 1
    settings: dict[str, Any] = {"planarconfig": "separate" if planes else "contig"} if values.shape[2] > 1 else {}
    if planes and layout.layout == "CYX" and picture.alpha is None and not rgb:
        settings, extra = {}, []  # a page for each channel
    values = np.ascontiguousarray(np.moveaxis(values, -1, 0)) if planes else values
    if layout.compressed:
        settings |= {"compression": "zlib", "predictor": values.dtype.kind == "u"}
    if layout.resolution:
        settings |= {"resolution": layout.resolution[:2], "resolutionunit": layout.resolution[2]}
    elif kept.dpi:
        settings |= {"resolution": kept.dpi, "resolutionunit": 2}
    tags = list(layout.tags)
    if kept.xmp:
        tags.append((700, 1, len(kept.xmp), kept.xmp, True))
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        values[..., 0] if values.shape[-1] == 1 and not planes else values,
        photometric="rgb" if rgb else "minisblack",
        extrasamples=extra or None,
        iccprofile=kept.icc,
        extratags=[_plain_tag(tag) for tag in tags],
        metadata=None,
        software=False,
        **settings,
    )
    return _with_folders(buffer.getvalue(), _exif_folders(kept.exif))


def _as_type(values: Array, dtype: str) -> Array:
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return values.astype(kind)
    limits = np.iinfo(kind)
    return np.clip(np.rint(values.astype(np.float64)), limits.min, limits.max).astype(kind)


def _plain_tag(tag: tuple[int, int, int, Any, bool]) -> tuple[int, int, int, Any, bool]:
    code, kind, count, value, once = tag
    if isinstance(value, str):  # tifffile takes other than ASCII only as bytes
        value = value.encode("utf-8") + b"\0"
        count = len(value)
    return code, kind, count, value, once


def _load_exif(exif: bytes) -> PIL.Image.Exif:
    loaded = PIL.Image.Exif()
    with contextlib.suppress(*_BROKEN):
        loaded.load(b"Exif\0\0" + exif)
    return loaded


def _exif_tags(exif: bytes | None) -> tuple[tuple[int, int, int, Any, bool], ...]:
    """The texts of an EXIF structure as tags of a TIFF."""
    loaded = _load_exif(exif) if exif else {}
    return tuple((code, 2, 0, loaded[code], True) for code in TEXT_TAGS if isinstance(loaded.get(code), str))


def _exif_folders(exif: bytes | None) -> dict[int, dict[int, Any]]:
    """The EXIF and GPS folders of an EXIF structure; none of one that only its camera understands."""
    with contextlib.suppress(*_BROKEN):
        loaded = _load_exif(exif or b"")
        return {code: folder for code in EXIF_FOLDERS if (folder := dict(loaded.get_ifd(code)))}
    return {}


def _with_folders(data: bytes, folders: dict[int, dict[int, Any]]) -> bytes:
    """Add EXIF and GPS folders to a TIFF, which tifffile does not write.

    They and a first folder that points at them are put at the end; all other offsets stay valid.
    """
    if not folders or data[:4] != b"II*\0":
        return data
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    entries = [data[first + 2 + 12 * i : first + 14 + 12 * i] for i in range(count)]
    following = data[first + 2 + 12 * count : first + 6 + 12 * count]
    for code, folder in folders.items():
        ifd = PIL.TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
        for tag, value in folder.items():
            if not isinstance(value, dict):  # interoperability: a folder in the folder
                ifd[tag] = value
        data += bytes(len(data) % 2)
        entries.append(struct.pack("<HHII", code, 4, 1, len(data)))
        data += ifd.tobytes(len(data))
    data += bytes(len(data) % 2)
    entries.sort(key=lambda entry: struct.unpack_from("<H", entry)[0])
    start = struct.pack("<I", len(data))
    return data[:4] + start + data[8:] + struct.pack("<H", len(entries)) + b"".join(entries) + following
