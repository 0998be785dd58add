"""What the models that fill holes share: what they are asked of held-back pictures, and how they are judged."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import i2i
from i2i_completion.blending import poisson_blend

ENOUGH = 2000  # pictures that the mean pixel is taken of, at most


@dataclass(frozen=True, kw_only=True)
class Request(i2i.Request):
    """Options of one translation, of which there is one result."""

    blend: Literal["none", "poisson"] = i2i.option(
        "none", help="poisson fits the colours of what is filled in to those around the hole."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.samples > 1:
            raise ValueError(
                f"--samples {self.samples} would write the same picture {self.samples} times: this model fills a hole "
                "in one way; leave it out"
            )


class Filling(i2i.Model):
    """A model that takes a picture and a mask, and makes up what lies in the hole."""

    Request = Request
    inputs = ("source", "mask")
    metric = "masked_l1"

    def hole(self, seed: int) -> Tensor:
        """A mask (1, 1, H, W) to ask a held-back picture with, the same each time."""
        raise NotImplementedError

    def blank(self, picture: Tensor, mask: Tensor) -> Tensor:
        """A picture (N, C, H, W) with its holes filled with what the network sees there."""
        raise NotImplementedError

    def question(self, inputs: i2i.Batch) -> i2i.Batch:
        """Make a hole; which one goes by what the picture shows."""
        picture = inputs["source"]
        levels = ((picture[0].float() + 1) * 127.5).round().to(torch.uint8).cpu().contiguous()
        mask = self.hole(zlib.crc32(levels.numpy().tobytes())).to(picture)
        if mask.shape[2:] != picture.shape[2:]:
            mask = F.interpolate(mask, picture.shape[2:], mode="nearest")
        return {**inputs, "source": self.blank(picture, mask), "mask": mask, "target": picture}

    def put(self, source: Tensor, made: Tensor, mask: Tensor, request: i2i.Request) -> Tensor:
        """Put what was made into the holes of pictures in [-1, 1], blended where that is asked for."""
        if getattr(request, "blend", "none") == "poisson":  # the sample sheet asks with a plain i2i.Request
            made = poisson_blend(source, made, mask)
        return torch.where(mask.bool(), made.clamp(-1, 1), source)

    def preview(self, examples: Sequence[tuple[i2i.Batch, i2i.Request]]) -> list[dict[str, Tensor]]:
        rows = []
        for inputs, request in examples:
            row = {"with a hole": self.blank(inputs["source"], inputs["mask"])[0]}
            row["filled"] = self.translate(inputs, request)[0]
            if "target" in inputs:
                row["original"] = inputs["target"][0]
            rows.append(row)
        return rows


class MeanPixel(nn.Module):
    """The mean pixel of the data, which holes are filled with before the network sees them. It is part of the model."""

    value: Tensor  # (C,), in [-1, 1]
    pictures: Tensor  # how many it was taken of; 0 as long as it is not known

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("value", torch.zeros(channels))
        self.register_buffer("pictures", torch.zeros((), dtype=torch.int64))

    def measure(self, batches: Iterable[Tensor]) -> None:
        """Take the mean of pictures (N, C, H, W), unless it is known already."""
        if self.pictures:
            return
        total, count = torch.zeros(len(self.value), dtype=torch.float64), 0
        for pictures in batches:
            total += pictures.mean(dim=(2, 3)).cpu().double().sum(dim=0)
            count += len(pictures)
            if count >= ENOUGH:
                break
        self.value.copy_(total / max(count, 1))
        self.pictures.fill_(count)

    def forward(self, pictures: Tensor, mask: Tensor) -> Tensor:
        return torch.where(mask.bool(), self.value.to(pictures).view(1, -1, 1, 1), pictures)


def masked_l1(results: Sequence) -> float | None:
    """Mean absolute error inside the holes, in per cent of the range of values; the mean over pictures."""
    errors = []
    for result in results:
        if "target" in result.inputs and "mask" in result.inputs:
            mask = result.inputs["mask"][0]
            difference = (result.output - result.inputs["target"][0]).abs() * mask
            errors.append(50 * difference.mean().item() / max(mask.mean().item(), 1e-9))
    return sum(errors) / len(errors) if errors else None
