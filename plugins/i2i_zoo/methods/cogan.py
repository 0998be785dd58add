"""CoGAN: two generators that share their first layers draw the same in two domains, without a pair to learn from.

Liu and Tuzel, 2016, arXiv:1606.07536. Each domain has a discriminator, which share their last layers; the generators
are given the same latents. Losses are means over both domains, half of the authors' sum. Of data with one domain the
second is made: edges or negatives, as in the paper, of other pictures of the batch than their partners.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

import i2i
from i2i_zoo import recipe
from i2i_zoo.architectures.coupled import Coupled, Generators
from i2i_zoo.model import PREVIEWED, TwoPlayer
from i2i_zoo.moment import Drawn, Moment
from i2i_zoo.parts import Judged


def edges(images: Tensor) -> Tensor:
    """Pictures (N, C, H, W) to their outlines: what is brighter within a pixel, less the picture."""
    return F.max_pool2d(images, 3, 1, 1) - images - 1


SECOND: dict[str, Callable[[Tensor], Tensor]] = {"edges": edges, "negative": torch.neg}


def domains(count: int, like: Tensor) -> Tensor:
    """Labels of so many pictures in each domain, (2 N,)."""
    return torch.arange(2, device=like.device).repeat_interleave(count)


class Domains(Moment):
    """A step whose pictures are of the first domain, label 0, then of the second, 1."""

    def look(self, batch: i2i.Batch) -> None:
        assert isinstance(self.model, CoGAN)
        pair = self.model.pair_of(batch)
        self.pictures = Drawn(torch.cat(pair), domains(len(pair[0]), pair[0]))

    def draw(self, grad: bool, times: int = 1) -> Drawn:
        """Draw in both domains, of the same latents."""
        count = times * len(self.pictures.images) // 2
        z, generator = self.latents(count), self.painter
        assert isinstance(generator, Generators)
        with torch.set_grad_enabled(grad):
            return Drawn(torch.cat(generator.pair(z)), domains(count, z), torch.cat([z, z]))


class CoGAN(TwoPlayer):
    """A pair of generators and a pair of discriminators, each pair one player."""

    moment, method = Domains, "cogan"

    @dataclass(frozen=True, kw_only=True)
    class Options(recipe.Recipe):
        second: Literal["edges", "negative"] = i2i.option(
            "edges", help="What the second domain is made of where data have one: edges or negatives of pictures."
        )

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        if not isinstance(self.architecture, Coupled):
            raise ValueError(f"--architecture {options.architecture} is no pair; use cogan or cogan-conv")
        if not isinstance(self.generator, Generators):
            raise ValueError(
                f"--regularisers {options.regularisers} changes what the pair of generators is; leave virtual-norm out"
            )
        if len(set(spec.channels.values())) > 1:
            raise ValueError("the networks of both domains share layers; give pictures all in colour or all in gray")

    def pair_of(self, batch: i2i.Batch) -> tuple[Tensor, Tensor]:
        """The pictures (N, C, H, W) of both domains, none with its partner."""
        if "a" in batch:
            return batch["a"], batch["b"]
        return batch["image"], SECOND[self.options.second](batch["image"].roll(1, 0))

    def told(self, labels: Tensor | None) -> Tensor | None:
        return labels  # which are domains

    def features(self, images: Tensor) -> Tensor:
        first: Judged = self.discriminator(images, domains(len(images), images)[: len(images)])
        assert first.features is not None
        return first.features

    def targets(self) -> tuple[str, ...]:
        return self.spec.domains if "a" in self.spec.channels else ("pictures", self.options.second)

    def label(self, request: Any) -> int:
        return 0 if request.to is None else self.targets().index(request.to)

    def grid(self, request: Any) -> list[list[tuple[str, Any]]] | None:
        if request.to is not None:
            return super().grid(request)
        if request.strip() is not None:
            return [row for name in self.targets() for row in self.grid(dataclasses.replace(request, to=name)) or ()]
        seeds = range(request.seed, request.seed + request.samples)
        rows = [seeds[first : first + PREVIEWED] for first in range(0, len(seeds), PREVIEWED)]
        return [
            [(f"{name}, seed {seed}", dataclasses.replace(request, seed=seed, to=name)) for seed in row]
            for row in rows
            for name in self.targets()
        ]

    def preview(self, examples: Sequence[tuple[i2i.Batch, Any]]) -> list[dict[str, Tensor]]:
        real = [self.pair_of(inputs) for inputs, _ in examples[:PREVIEWED] if "a" in inputs or "image" in inputs]
        asked = self.grid(type(self).Request(samples=PREVIEWED)) or []
        drawn = [{title: self.translate({}, one)[0] for title, one in row} for row in asked]
        names = self.targets()
        shown = [{f"real {names[k]} {n}": pair[k][0] for n, pair in enumerate(real, 1)} for k in range(2)]
        return [*drawn, *shown]
