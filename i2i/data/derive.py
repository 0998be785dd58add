"""Pairs made of photos alone: the source is derived from its photo on the fly, so that a folder of photos is enough.

A derivation works on the photo as the networks see it (resized, cut, mirrored), so that the task is the same whatever
the sizes of the files. What is random in it comes from the sample's own generator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from i2i.data import sizes
from i2i.picture import LUMA

ENLARGED = 4  # how much smaller a picture was before it was enlarged, for `lowres`
NOISE = (0.05, 0.5)  # standard deviations of `noise`, of a span of 2: 6 to 64 grey levels of 255
LINES = (1.0, 2.5)  # pixels that `edges` smooths by before it looks: fine to coarse drawings
HOLE = 1.0  # what a hole is filled with: white

Made = dict[str, np.ndarray]


@dataclass(frozen=True)
class Derivation:
    """How sources are made, and what a model of such pairs takes."""

    make: Callable[[np.ndarray, np.random.Generator], Made]
    """(photo (H, W, C) in [-1, 1], generator) -> what goes along with it by batch key, (H, W, C) or (H, W, 1)."""

    gray: bool  # whether sources have one channel
    gives: str  # what a source is, in words
    takes: str  # what to translate with such a model, in words


def derive(name: str, photo: Tensor, rng: np.random.Generator) -> dict[str, Tensor]:
    """Make what goes along with a photo (C, H, W) in [-1, 1]: its `source`, of `mask` the mask too, (1, H, W)."""
    made = DERIVATIONS[name].make(photo.permute(1, 2, 0).numpy(), rng)
    arrays = {key: np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32) for key, pixels in made.items()}
    return {key: torch.from_numpy(array).clamp_(-1, 1) for key, array in arrays.items()}


def channels(name: str, photo: int) -> dict[str, int]:
    """How many channels there are by batch key. Raises ValueError for photos that cannot have such sources."""
    if name == "gray" and photo != 3:
        held = "are gray already" if photo == 1 else f"have {photo} channels"
        raise ValueError(f"--derive gray takes the colour away, and these photos {held}; give photos in colour")
    source = 1 if DERIVATIONS[name].gray else photo
    return {"source": source, "target": photo} | ({"mask": 1} if name == "mask" else {})


def luma(photo: np.ndarray) -> np.ndarray:
    """The brightness (H, W, 1) of a photo; of other channels than three their mean."""
    if photo.shape[2] != 3:
        return photo.mean(axis=2, keepdims=True)
    return (photo @ np.array(LUMA, photo.dtype))[..., None]  # what --channels luminance makes of a picture, too


def _edges(photo: np.ndarray, rng: np.random.Generator) -> Made:
    """Black lines on white, by Canny's detector, more or less of them."""
    from skimage.feature import canny

    found = canny(luma(photo)[..., 0] / 2, sigma=rng.uniform(*LINES), mode="nearest")
    return {"source": np.where(found, -1.0, 1.0)[..., None]}


def _gray(photo: np.ndarray, rng: np.random.Generator) -> Made:
    return {"source": luma(photo)}


def _lowres(photo: np.ndarray, rng: np.random.Generator) -> Made:
    height, width = photo.shape[:2]
    small = sizes.resize(photo, (max(1, height // ENLARGED), max(1, width // ENLARGED)))
    return {"source": sizes.resize(small, (height, width))}


def _noise(photo: np.ndarray, rng: np.random.Generator) -> Made:
    return {"source": photo + rng.uniform(*NOISE) * rng.standard_normal(photo.shape, dtype=np.float32)}


def _mask(photo: np.ndarray, rng: np.random.Generator) -> Made:
    """Up to four shapes painted white, which may overlap and together hide a quarter of the photo, more or less."""
    from skimage.draw import random_shapes

    short = min(photo.shape[:2])
    shapes, _ = random_shapes(
        photo.shape[:2],
        max_shapes=4,
        min_size=max(2, short // 6),
        max_size=max(2, short // 2),
        channel_axis=None,
        intensity_range=(0, 0),
        allow_overlap=True,
        rng=rng,
    )
    hole = shapes[..., None] == 0
    return {"source": np.where(hole, np.float32(HOLE), photo), "mask": hole}


DERIVATIONS = {
    "edges": Derivation(_edges, True, "its photo's outlines", "drawings in black lines on white"),
    "gray": Derivation(_gray, True, "its photo in gray", "gray pictures"),
    "lowres": Derivation(
        _lowres, False, f"its photo shrunk {ENLARGED} times and enlarged", f"small pictures enlarged {ENLARGED} times"
    ),
    "noise": Derivation(_noise, False, "its photo with noise", "noisy pictures"),
    "mask": Derivation(_mask, False, "its photo with holes in white", "pictures with holes"),
}
