"""LAPGAN: pictures are drawn small, and each level of a pyramid adds detail (Denton et al., 2015, arXiv:1506.05751).

I_k+1 = down(I_k) is blurred by the binomial 5x5 kernel and every second pixel taken; up() repeats pixels and blurs them
by the same. Level k draws I_k = up(I_k+1) + G_k(z_k, up(I_k+1)); its discriminator sees the sum. Levels are phases,
the coarsest first, each trained alone with the shared step; what is not trained yet is only scaled up. The coarsest
has the first paper's networks with maxout units, where the authors have rectified ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

import i2i
from i2i_zoo import recipe, rules, spelling
from i2i_zoo.architectures.lapgan import LAPGAN, Pyramid
from i2i_zoo.latents import Uniform
from i2i_zoo.layers.pyramid import down, up
from i2i_zoo.model import TwoPlayer, Zoo
from i2i_zoo.moment import Drawn, Moment
from i2i_zoo.parts import Architecture

SMALLEST = 13  # side that a level's discriminator can see


class Fine(Moment):
    """A step of a level: what is drawn is added to real pictures of the next, scaled up."""

    coarse: Tensor

    def look(self, batch: i2i.Batch) -> None:
        super().look(batch)
        self.coarse = up(down(self.pictures.images))

    def draw(self, grad: bool, times: int = 1) -> Drawn:
        coarse = self.coarse.repeat(times, 1, 1, 1)
        z, labels = self.latents(len(coarse)), self.pictures.labels
        labels = None if labels is None or self.labels(1) is None else labels.repeat(times)  # the coarse one's class
        with torch.set_grad_enabled(grad):
            return Drawn(coarse + self.painter(z, labels, self.noise, coarse), labels, z)


class Coarsest(TwoPlayer):
    """The players of the level that draws of noise alone."""

    norms = "--coarsest with norm=layer or norm=none"


class Level(TwoPlayer):
    """The players of a level that adds detail."""

    moment, method = Fine, "lapgan"


class Pyramids(Zoo):
    """Levels of two players each; the generator is all of them."""

    @dataclass(frozen=True, kw_only=True)
    class Options(recipe.Recipe):
        levels: int = i2i.option(2, help="Levels that add detail: sides of the coarsest are halved so often.", min=1)
        coarsest: str = i2i.option("mlp-maxout", help="Family of networks of the coarsest level.")

    generator: Pyramid

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        (height, width), smallest = spec.image_size, min(spec.image_size) >> options.levels - 1
        if height % 2**options.levels or width % 2**options.levels or smallest < SMALLEST:
            raise ValueError(
                f"{options.levels} levels halve sides of {height} x {width} so often, the last of {SMALLEST} pixels or "
                f"more; use --image-size {16 << options.levels - 1}, or fewer --levels"
            )
        if not isinstance(self.latent, Uniform):
            raise ValueError(f"--latent is {options.latent}, and planes of noise are uniform; use --latent uniform:100")
        sizes = [(height >> n, width >> n) for n in range(options.levels, -1, -1)]
        self.generator = Pyramid([self._level(size, n) for n, size in enumerate(sizes)])
        self.latent = dataclasses.replace(self.latent, size=sum(self.generator.sizes))
        self.latent_shape = (self.latent.size,)
        if any(level.eager for level in self._levels()):
            self.eager = ("generator",)

    def _level(self, size: tuple[int, int], number: int) -> TwoPlayer:
        o, spec = self.options, dataclasses.replace(self.spec, image_size=size)
        if number == 0:
            self._check_coarsest()
            return Coarsest(dataclasses.replace(o, architecture=o.coarsest), spec)
        latent = f"uniform:{size[0] * size[1]},low={self.latent.low},high={self.latent.high}"
        level = Level(dataclasses.replace(o, latent=latent, reuse=False), spec)
        if not isinstance(level.architecture, LAPGAN):
            raise ValueError(f"--architecture {o.architecture} adds to no picture; use lapgan, and --coarsest for it")
        return level

    def _check_coarsest(self) -> None:
        asked, usual = f"--coarsest {self.options.coarsest}", type(self.options).coarsest
        coarsest = spelling.make("architecture", self.options.coarsest, "--coarsest")
        rules.check_method(coarsest, "", asked, usual)
        if type(coarsest).phases is not Architecture.phases:
            raise ValueError(f"{asked} grows, and each level has one size; use --coarsest {usual}")

    def _levels(self) -> list[TwoPlayer]:
        return [level for level in self.generator.levels if isinstance(level, TwoPlayer)]

    def phases(self) -> list[i2i.Phase]:
        sides = [level.shape.size for level in self._levels()]
        return [i2i.Phase(f"{height} x {width}", lr=self.curve()) for height, width in sides]

    def _number(self, phase: str) -> int:
        names = [each.name for each in self.phases()]
        return names.index(phase) if phase in names else len(names) - 1

    def optimizers(self, phase: i2i.Phase) -> dict[str, Optimizer]:
        return self._levels()[self._number(phase.name)].optimizers(phase)

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        number = self._number(progress.phase.name)
        seen = batch | {"image": self.shrunk(batch["image"], number)}
        yield from self._levels()[number].train_step(seen, progress)

    def shrunk(self, images: Tensor, number: int) -> Tensor:
        """Pictures (N, C, H, W) as a level sees them."""
        for _ in range(self.options.levels - number):
            images = down(images)
        return images

    def diagnose(self, training: Iterable[i2i.Batch], held_back: Iterable[i2i.Batch]) -> dict[str, float]:
        """The figures of the level that was trained last."""
        number = self._number(self.phase)
        sets = ((b | {"image": self.shrunk(b["image"], number)} for b in each) for each in (training, held_back))
        return self._levels()[number].diagnose(*sets)

    def features(self, images: Tensor) -> Tensor:
        number = self._number(self.phase)
        return self._levels()[number].features(self.shrunk(images, number))

    def drawer(self) -> nn.Module:
        self.generator.last = self._number(self.phase)
        return self.generator
