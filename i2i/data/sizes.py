"""Sizes: how pictures are resized, and to what."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def short_side(resize: int | None, image_size: int, crop: str) -> int:
    """The short side that pictures get before they are cropped to squares.

    By default, where crops are random, 286 for an image size of 256 and in proportion for others, as CycleGAN has it.
    """
    if resize is not None:
        return resize
    return round(image_size * 286 / 256) if crop == "random" else image_size


def cover(height: int, width: int, size: tuple[int, int]) -> tuple[int, int]:
    """The smallest size that keeps the aspect and out of which `size` (height, width) can be cut."""
    if height * size[1] <= width * size[0]:  # the height decides
        return size[0], max(size[1], round(width * size[0] / height))
    return max(size[0], round(height * size[1] / width)), size[1]


def resize(pixels: np.ndarray, size: tuple[int, int], nearest: bool = False) -> np.ndarray:
    """Resize an array (H, W, C) of any depth to `size` (height, width), in its own depth.

    Bicubic, with the filter widened when shrinking so that nothing aliases; `nearest` for maps of labels.
    """
    import numpy as np
    import PIL.Image

    if pixels.shape[:2] == size:
        return pixels
    if nearest:
        rows, columns = (
            np.minimum(((np.arange(new) + 0.5) * old / new).astype(int), old - 1)
            for new, old in zip(size, pixels.shape[:2], strict=True)
        )
        return pixels[rows[:, None], columns]
    new = (size[1], size[0])
    if pixels.dtype == np.uint8 and pixels.shape[2] == 3:
        image = PIL.Image.fromarray(np.ascontiguousarray(pixels))
        return np.asarray(image.resize(new, PIL.Image.Resampling.BICUBIC))
    planes = []
    for channel in range(pixels.shape[2]):
        plane = PIL.Image.fromarray(np.ascontiguousarray(pixels[:, :, channel], dtype=np.float32))
        planes.append(np.asarray(plane.resize(new, PIL.Image.Resampling.BICUBIC)))
    result = np.stack(planes, axis=2)
    if pixels.dtype.kind == "u":
        limit = np.iinfo(pixels.dtype).max
        return np.clip(np.rint(result), 0, limit).astype(pixels.dtype)
    return result.astype(pixels.dtype)
