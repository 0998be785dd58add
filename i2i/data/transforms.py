"""Joint transforms on the host (albumentations): one draw for all pictures of a sample, replayable from its rng."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from i2i.data import sizes
from i2i.data.facts import MAPS
from i2i.images import to_tensor
from i2i.maps import is_set
from i2i.settings import Settings

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # else importing albumentations asks the network for a newer one


def train_transform(
    settings: Settings, image_size: int | tuple[int, int], value_range: tuple[float, float]
) -> JointTransform:
    """The transform of training pictures: resize, cut, and whatever augmentation the settings switch on.

    `image_size` is the phase's; a smaller one than the run's shrinks the resizing in proportion.
    """
    height, width = _pair(image_size)
    return JointTransform(
        size=(height, width),
        resized=_resized(settings, (height, width)),
        value_range=value_range,
        crop=settings.crop,
        flip=settings.flip,
        flip_vertical=settings.flip_vertical,
        rotate=settings.rotate,
        color_jitter=settings.color_jitter,
    )


def eval_transform(
    settings: Settings, image_size: int | tuple[int, int], value_range: tuple[float, float], pieces: bool = False
) -> JointTransform:
    """The transform of previews and evaluation: resize and cut the middle out, or squeeze; nothing random.

    Pictures are resized to be seen as whole as can be or, in `pieces`, as training resizes them.
    """
    size = _pair(image_size)
    crop = "none" if settings.crop == "none" else "center"
    resized = _resized(settings, size) if pieces else size
    return JointTransform(size=size, resized=resized, value_range=value_range, crop=crop)


def _resized(settings: Settings, size: tuple[int, int]) -> tuple[int, int]:
    """The (H, W) that training pictures cover before `size` is cut out of them."""
    kept = sizes.short_side(settings.resize, settings.image_size, settings.crop)
    height, width = (max(side, round(kept * side / settings.image_size)) for side in size)
    return height, width


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


@dataclass
class JointTransform:
    """Turn the pictures of one sample into tensors of one size; see `i2i.data.dataset.Transform`.

    Colour changes are the same for all pictures of a call and spare the maps. Values outside `value_range` are cut
    to it.
    """

    size: tuple[int, int]  # (H, W) of the result
    resized: tuple[int, int]  # (H, W) that pictures cover before cutting, keeping their aspect
    value_range: tuple[float, float]
    crop: str = "random"
    flip: bool = False
    flip_vertical: bool = False
    rotate: bool = False
    color_jitter: float = 0.0
    _made: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.rotate and self.size[0] != self.size[1]:
            raise ValueError(f"--rotate needs square pictures, and the size is {self.size[0]} x {self.size[1]}")

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_made": {}}  # albumentations' objects are made anew in each process

    def __call__(self, rng: np.random.Generator, **images: np.ndarray) -> dict[str, Tensor]:
        """Transform arrays (H, W, C); returns tensors (C, H, W), label maps as int64 (1, H, W)."""
        images = self._resize(images)
        geometry = self._compose("geometry", images, self._geometry)
        if geometry is not None:
            images = self._apply(geometry, rng, images)
        tensors = {key: self._tensor(key, pixels) for key, pixels in images.items()}
        return self._jitter(rng, tensors) if self.color_jitter else tensors

    def _resize(self, images: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Bring all pictures to one size, from which the result can be cut."""
        height, width = next(iter(images.values())).shape[:2]
        size = self.size if self.crop == "none" else sizes.cover(height, width, self.resized)
        return {key: sizes.resize(pixels, size, nearest=key in MAPS) for key, pixels in images.items()}

    def _geometry(self) -> list[Any]:
        import albumentations as A

        cut = {"random": A.RandomCrop, "center": A.CenterCrop}.get(self.crop)
        steps: list[Any] = [cut(*self.size)] if cut else []
        steps += [A.HorizontalFlip(p=0.5)] if self.flip else []
        steps += [A.VerticalFlip(p=0.5)] if self.flip_vertical else []
        return steps + ([A.RandomRotate90(p=1)] if self.rotate else [])

    def _compose(self, name: str, images: dict[str, Any], steps: Any) -> Any:
        """The albumentations pipeline for these keys, made once in a process; None when there is nothing to do."""
        key = (name, *images)
        if key not in self._made:
            import albumentations as A

            kinds = {f"{target}_": "mask" if target in MAPS else "image" for target in images}
            self._made[key] = A.Compose(made, additional_targets=kinds) if (made := steps()) else None
        return self._made[key]

    @staticmethod
    def _apply(compose: Any, rng: np.random.Generator, images: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run a pipeline with one draw for all pictures; it insists on one called image, so the first goes twice."""
        compose.set_random_seed(int(rng.integers(2**31)))
        first = next(iter(images.values()))
        done = compose(image=first, **{f"{key}_": pixels for key, pixels in images.items()})
        return {key: done[f"{key}_"] for key in images}

    def _tensor(self, key: str, pixels: np.ndarray) -> Tensor:
        if key == "mask":
            return torch.from_numpy(is_set(pixels[None, :, :, 0]).astype(np.float32))
        if key in MAPS:
            return torch.from_numpy(pixels[:, :, :1].astype(np.int64).transpose(2, 0, 1).copy())
        return to_tensor(pixels, self.value_range).clamp_(-1, 1)

    def _jitter(self, rng: np.random.Generator, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Change brightness, contrast and, for colour, saturation of the pictures; all by one draw."""
        colours = {key: value for key, value in tensors.items() if key not in MAPS}
        plain = all(value.shape[0] in (1, 3) for value in colours.values())
        compose = self._compose(f"colour {plain}", colours, lambda: self._colour(plain))
        arrays = {key: np.ascontiguousarray(((v + 1) / 2).permute(1, 2, 0).numpy()) for key, v in colours.items()}
        done = self._apply(compose, rng, arrays)
        changed = {key: to_tensor(pixels, (0.0, 1.0)).clamp_(-1, 1) for key, pixels in done.items()}
        return {key: changed.get(key, value) for key, value in tensors.items()}

    def _colour(self, plain: bool) -> list[Any]:
        import albumentations as A

        change = self.color_jitter
        if not plain:  # more channels than a colour has
            return [A.RandomBrightnessContrast(change, change, p=1)]
        span = (max(0.0, 1 - change), 1 + change)
        return [A.ColorJitter(brightness=span, contrast=span, saturation=span, hue=(0, 0), p=1)]
