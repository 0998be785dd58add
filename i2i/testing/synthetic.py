"""Data made of numbers alone, that fits a specification."""

from __future__ import annotations

import torch
from torch import Tensor

from i2i.data.facts import MAPS
from i2i.model import Batch, mix
from i2i.spec import DataSpec


def synthetic_spec(kind: str, image_size: int = 32, channels: int = 3) -> DataSpec:
    """A small data specification of a kind of core's."""
    images = {
        "images": ("image",),
        "paired": ("source", "target"),
        "unpaired": ("a", "b"),
        "labelled": ("image",),
        "captioned": ("image",),
    }
    if kind not in images:
        raise LookupError(f'no synthetic data for the kind "{kind}"; known: {", ".join(images)}')
    return DataSpec(
        domains={"unpaired": ("day", "night"), "labelled": ("cat", "dog", "fox")}.get(kind, ()),
        channels=dict.fromkeys(images[kind], channels),
        image_size=(image_size, image_size),
        num_labels=3 if kind == "labelled" else 0,
        vocabulary=("a", "brown", "dog") if kind == "captioned" else (),
    )


def synthetic_batch(spec: DataSpec, size: int = 2, seed: int = 0, image_size: tuple[int, int] | None = None) -> Batch:
    """A batch that fits a specification: smooth random pictures (N, C, H, W) in [-1, 1], maps, labels, captions.

    No two captions are equal. Of a specification with parts the batch is of part `seed % len(parts)`, as in joint
    training.
    """
    if spec.parts:
        part = seed % len(spec.parts)
        return synthetic_batch(spec.parts[part], size, seed, image_size) | {"part": part}
    generator = torch.Generator().manual_seed(mix(seed, 77))
    height, width = image_size or spec.image_size

    def images(channels: int) -> Tensor:
        coarse = torch.rand(size, channels, 4, 4, generator=generator) * 2 - 1
        return torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)

    def maps(key: str) -> Tensor:
        highest = {"mask": 2, "label": spec.num_labels}.get(key, 5)
        coarse = torch.randint(highest, (size, 1, 4, 4), generator=generator)
        rows, columns = (torch.arange(side) * 4 // side for side in (height, width))
        blocks = coarse.index_select(2, rows).index_select(3, columns)  # (N, 1, H, W)
        return blocks.float() if key == "mask" else blocks

    batch: Batch = {key: maps(key) if key in MAPS else images(channels) for key, channels in spec.channels.items()}
    if spec.num_labels and "label" not in batch:
        attributes = spec.extra.get("labels") == "attributes"
        shape = (size, spec.num_labels) if attributes else (size,)
        drawn = torch.randint(2 if attributes else spec.num_labels, shape, generator=generator)
        batch["label"] = drawn.float() if attributes else drawn
    if spec.vocabulary:
        counts = range(3, 3 + size)  # of words: one more in each, so that no two captions are alike
        drawn_words = [torch.randint(len(spec.vocabulary), (count,), generator=generator) for count in counts]
        batch["caption"] = [" ".join(spec.vocabulary[i] for i in numbers.tolist()) for numbers in drawn_words]
    return batch
