"""A picture in memory, in its file's own depth, and the arithmetic between file values and tensors."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Array = np.ndarray[Any, np.dtype[Any]]

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow and OpenCV have it


class Unreadable(ValueError):
    """A file that cannot be read as a picture; `reason` says why without naming the file."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(f"{path} {reason}")
        self.path = Path(path)
        self.reason = reason


@dataclass(frozen=True)
class Metadata:
    """What a file holds besides pixels. EXIF has lost its orientation and its thumbnail: the pixels are upright."""

    exif: bytes | None = None  # a TIFF structure, without the "Exif\0\0" in front
    icc: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None  # captions and keywords, as newspapers keep them in a JPEG
    dpi: tuple[float, float] | None = None
    text: tuple[tuple[str, str], ...] = ()  # PNG's text chunks; a GIF's or JPEG's comment
    tiff: Any = None  # i2i.tiff.Tags
    lossless: bool = False  # of a WebP
    maxval: int = 0  # of a 16-bit PGM or PPM
    dtype: str = ""  # of a file whose numbers Picture holds as float32: "int16"
    nodata: float | None = None  # the value that marks missing pixels


@dataclass(frozen=True)
class Picture:
    """Pixels (H, W, C) as uint8, uint16 or float32, in the file's own depth and upright; alpha (H, W) apart."""

    pixels: Array
    alpha: Array | None = None
    format: str = ""  # Pillow's name: "JPEG", "PNG", "TIFF"
    metadata: Metadata = field(default_factory=Metadata)
    notes: tuple[str, ...] = ()  # what reading left out: "first of 12 frames"

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.dtype not in (np.uint8, np.uint16, np.float32):
            raise ValueError(
                f"pixels are {self.pixels.dtype} of shape {self.pixels.shape}; "
                "give uint8, uint16 or float32 of shape (H, W, C)"
            )

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns of pixels."""
        return int(self.pixels.shape[1])

    @property
    def channels(self) -> int:
        """Colour channels, alpha not counted."""
        return int(self.pixels.shape[2])

    @property
    def depth(self) -> int:
        """Bits a channel: 8, 16, or 32 for float."""
        return self.pixels.dtype.itemsize * 8


@dataclass(frozen=True)
class Header:
    """What a file says about its picture before any pixel is decoded; height and width after orientation."""

    height: int
    width: int
    channels: int  # colour channels that `read` gives, alpha not counted
    depth: int  # bits a channel that `read` gives: 8, 16 or 32 (float)
    mode: str  # Pillow's name of how the file stores it: "RGB", "P", "CMYK", "I;16"; "5x16" for other TIFFs
    format: str
    alpha: bool


def orient(pixels: Array, orientation: int) -> Array:
    """Turn an image (H, W, ...) upright by its EXIF orientation, 1-8; any other value changes nothing."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def natural_range(dtype: Any) -> tuple[float, float]:
    """The range of a pixel type: 0-255 or 0-65535. Raises ValueError for float, which has none."""
    if np.dtype(dtype).kind != "u":
        raise ValueError("float pictures have no range of their own; name it as `range = [0, 1]` in dataset.toml")
    return 0.0, float(np.iinfo(dtype).max)


def to_tensor(pixels: Array, value_range: tuple[float, float]) -> Tensor:
    """Map pixels (H, W, C) to a float32 tensor (C, H, W), with `value_range` falling on [-1, 1]."""
    import torch

    low, high = _checked(value_range)
    scaled = np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32)
    if scaled is pixels or np.shares_memory(scaled, pixels):
        scaled = scaled.copy()
    scaled -= np.float32((low + high) / 2)
    scaled *= np.float32(2 / (high - low))
    return torch.from_numpy(scaled)


def to_pixels(tensor: Tensor, value_range: tuple[float, float], dtype: Any) -> Array:
    """Map a tensor (C, H, W) in [-1, 1] to pixels (H, W, C) of a type: rounded, and cut to `value_range`.

    The inverse of `to_tensor`, exactly so for uint8 and uint16.
    """
    low, high = _checked(value_range)
    scaled = tensor.detach().float().cpu().numpy().astype(np.float32)  # a copy
    scaled *= np.float32((high - low) / 2)
    scaled += np.float32((low + high) / 2)
    np.clip(scaled, low, high, out=scaled)
    if np.dtype(dtype).kind == "u":
        np.rint(scaled, out=scaled)
        np.clip(scaled, 0, np.iinfo(dtype).max, out=scaled)
    return np.ascontiguousarray(scaled.transpose(1, 2, 0)).astype(dtype)


def _checked(value_range: tuple[float, float]) -> tuple[float, float]:
    low, high = value_range
    if not low < high:
        raise ValueError(f"the value range {low:g}-{high:g} is empty; give the lower value first")
    return low, high


def convert_channels(pixels: Array, channels: int) -> Array:
    """Convert pixels (H, W, C) between gray and colour, in their own depth.

    Gray is repeated; colour becomes its luma. Raises ValueError for any other change.
    """
    have = pixels.shape[2]
    if have == channels:
        return pixels
    if have == 1 and channels == 3:
        return np.repeat(pixels, 3, axis=2)
    if have == 3 and channels == 1:
        luma = pixels.astype(np.float64) @ np.array(LUMA)
        if pixels.dtype.kind == "u":
            luma = np.rint(luma)
        return luma.astype(pixels.dtype)[..., None]
    raise ValueError(f"a picture of {have} channels cannot become one of {channels}; only 1 and 3 convert")
