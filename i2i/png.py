"""PNG of 16 bits a channel, which Pillow reads and writes as gray only."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import PIL.Image

from i2i import opencv
from i2i.picture import Array

_NEEDED = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_ORIENTED = {b"eXIf", b"iTXt", b"tEXt", b"zTXt"}


def is_wide(start: bytes) -> bool:
    """Whether a file that begins so is a PNG of 16 bits."""
    return start[:8] == b"\x89PNG\r\n\x1a\n" and start[24:25] == b"\x10"


def is_gray(start: bytes) -> bool:
    """Whether a PNG holds gray, with alpha or without."""
    return start[25] in (0, 4)


def may_be_turned(file: IO[bytes]) -> bool:
    """Whether a PNG has a chunk that could name an orientation; the place in the file is kept."""
    place = file.tell()
    file.seek(8)
    found = False
    while not found and len(head := file.read(8)) == 8:
        found = head[4:] in _ORIENTED
        file.seek(struct.unpack(">I", head[:4])[0] + 4, 1)
    file.seek(place)
    return found


def decode(data: bytes) -> tuple[Array, Array | None]:
    """Decode a 16-bit PNG: pixels (H, W, 1 or 3) and alpha (H, W) or None, uint16. Raises ValueError."""
    # What OpenCV does not need is left out: its libpng prints warnings about profiles.
    bare = data[:8] + b"".join(whole for name, _, whole in _chunks(data) if name in _NEEDED)
    values = opencv.decode(bare)
    if values is None or values.dtype != np.uint16:
        raise ValueError("the PNG data is damaged")
    values = np.atleast_3d(values)  # gray with alpha comes as BGRA, too
    alpha = np.array(values[..., 3]) if values.shape[2] == 4 else None
    if not is_gray(data):
        return np.ascontiguousarray(values[..., 2::-1]), alpha
    for name, body, _ in _chunks(data):
        if name == b"tRNS":  # the one gray that is transparent, which OpenCV passes over
            alpha = np.where(values[..., 0] == int.from_bytes(body, "big"), 0, 65535).astype(np.uint16)
    return np.ascontiguousarray(values[..., :1]), alpha


def encode(values: Array, settings: dict[str, Any]) -> bytes:
    """Encode uint16 (H, W, 1-4) as PNG. Pillow writes the metadata around one pixel; the picture takes its place."""
    height, width, channels = values.shape
    buffer = io.BytesIO()
    PIL.Image.new({1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels], (1, 1)).save(buffer, "PNG", **settings)
    rows = values.astype(">u2").reshape(height, -1).view(np.uint8)
    filtered = np.empty((height, 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = 2  # each row as its difference from the one above
    filtered[0, 1:], filtered[1:, 1:] = rows[0], rows[1:] - rows[:-1]
    made = [buffer.getvalue()[:8]]
    for name, body, _ in _chunks(buffer.getvalue()):
        if name == b"IHDR":
            body = struct.pack(">IIB", width, height, 16) + body[9:]
        elif name == b"IDAT":
            body = zlib.compress(filtered.tobytes(), 6)
        made.append(struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)))
    return b"".join(made)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """The chunks of a PNG: name, body, and the whole with length and check sum."""
    place = 8
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        if place + 12 + length > len(data):
            return  # cut off, or a length that is none: OpenCV would make room for it
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + length], data[place : place + 12 + length]
        place += 12 + length
