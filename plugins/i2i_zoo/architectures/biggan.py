"""BigGAN's networks: the residual ones with class norms told by a shared embedding and by parts of the latent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from i2i_zoo.architectures.residual import (
    Discriminator,
    Generator,
    Plan,
    UpBlock,
    attending,
    check_attention,
    check_numbers,
    down_blocks,
    plan_of,
)
from i2i_zoo.bounds import Factor, Weight
from i2i_zoo.layers.heads import Head
from i2i_zoo.layers.norms import EPS, PlainNorm, class_linear, class_table
from i2i_zoo.layers.spectral import Kit, Players, kit
from i2i_zoo.parts import Architecture, Shape

PLANS = {
    32: Plan((4, 4, 4, 4), (4, 4, 4, 4), 2),
    64: Plan((16, 16, 8, 4, 2), (1, 2, 4, 8, 16), 4),
    128: Plan((16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16), 5),
    256: Plan((16, 16, 8, 8, 4, 2, 1), (1, 2, 4, 8, 8, 16, 16), 6),
}


class BigGenerator(Generator):
    """Draw pictures of a latent cut into equal parts: one for the first layer, one more for each block's norms.

    With one part all of it goes into the first layer. The embedding of the class is shared between all norms.
    """

    def __init__(self, to: Shape, parts: int, shared: int, *rest: object) -> None:
        super().__init__(to, to.latent // parts, *rest)  # type: ignore[arg-type]
        self.latent = to.latent // parts * parts  # what is left over is not used
        self.parts = parts
        self.shared = nn.Embedding(to.classes, shared) if shared else None  # without spectral norm

    def told(self, z: Tensor, labels: Tensor | None) -> tuple[Tensor, list[Tensor | None]]:
        stem, *parts = z.chunk(self.parts, dim=1)
        if self.shared is None:
            return stem, [*parts] or [labels] * len(self.blocks)
        embedded = self.shared(labels).to(z.dtype)  # (N, shared), looked up once for all norms
        return stem, [torch.cat([embedded, part], dim=1) for part in parts] or [embedded] * len(self.blocks)


@dataclass(frozen=True)
class BigGAN(Architecture):
    """Large residual networks (Brock et al., 2019, arXiv:1809.11096), as BigGAN-PyTorch builds them."""

    name: ClassVar[str] = "biggan"
    plans: ClassVar[dict[int, Plan]] = PLANS
    width: int = 96  # at 32 pixels there are 4 times as many channels
    ratio: float = Factor(1.0)  # of the discriminator's width to the generator's
    shared: int = 128  # numbers of the embedding of a class that all norms share
    hier: bool = True  # parts of the latent go to every block
    spectral: Players = "gd"  # the networks with spectral norm
    attention: int = 0  # side of the maps with self-attention; 0: none
    attend: Players = "gd"  # the networks with that attention
    eps: float = Weight(EPS)  # what the generator's norms add to the variance
    turns: bool = False  # the discriminator tells rotations, too
    predictor: bool = False  # the discriminator names classes, too, beside projecting on them

    conditions = frozenset({"table", "shared", "projection", "ac"})

    @property
    def gives(self) -> frozenset[str]:  # type: ignore[override]
        """What the discriminator gives beside logits."""
        return frozenset(["features", *["turns"] * self.turns, *["classes"] * self.predictor])

    def check(self, to: Shape) -> None:
        """Refuse sizes that the networks do not have, and numbers that do not fit together. Raises ValueError."""
        check_numbers(self.name, width=self.width, shared=self.shared, ratio=round(self.width * self.ratio))
        plan = plan_of(to.size, self.plans, self.name)
        sides = [side for side, player in zip(plan.sides(to.size), "gd", strict=True) if player in self.attend]
        check_attention(self.name, self.attention, *sides)
        if self.hier and to.generator_conditioning == "table":
            raise ValueError(
                f"--conditioning {to.conditioning} tells norms the class alone, and {self.name}:hier=true a "
                "part of the latent, too; use --conditioning shared+projection, or "
                f"--architecture {self.name}:hier=false"
            )
        if to.latent < (parts := self.parts(plan)):
            raise ValueError(
                f"a latent of {to.latent} numbers cannot be cut in {parts} parts, one for each layer; "
                f"use --latent normal:{20 * parts}, or --architecture {self.name}:hier=false"
            )

    def parts(self, plan: Plan) -> int:
        """How many parts the latent is cut in."""
        return plan.doublings + 1 if self.hier else 1

    def generator(self, to: Shape) -> nn.Module:
        plan, layers = plan_of(to.size, self.plans, self.name), kit(self.spectral, "g")
        channels = plan.channels(self.width)[0]
        shared = self.shared if to.generator_conditioning == "shared" else 0
        parts = self.parts(plan)
        norm = norm_of(to, shared + (to.latent // parts) * self.hier, layers, self.eps)
        blocks: list[list[nn.Module]] = [[UpBlock(*pair, norm, layers, "nearest")] for pair in pairwise(channels)]
        attending(blocks, channels[1:], plan.sides(to.size)[0], self.attention * ("g" in self.attend), layers)
        return BigGenerator(to, parts, shared, channels, blocks, layers, self.eps)

    def discriminator(self, to: Shape) -> nn.Module:
        plan, layers = plan_of(to.size, self.plans, self.name), kit(self.spectral, "d")
        channels = plan.channels(self.width, self.ratio)[1]
        blocks = down_blocks(plan, to.channels, channels, layers, "none", broad=True)
        attending(blocks, channels, plan.sides(to.size)[1], self.attention * ("d" in self.attend), layers)
        return Discriminator(blocks, Head(channels[-1], to, layers, self.turns, self.predictor))

    def initialise(self, net: nn.Module) -> None:
        """Orthogonal weights, tables' too; biases 0."""
        for layer in net.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear, nn.Embedding)):
                nn.init.orthogonal_(layer.weight)
            if isinstance(layer, (nn.Conv2d, nn.Linear)) and layer.bias is not None:
                nn.init.zeros_(layer.bias)


def norm_of(to: Shape, condition: int, layers: Kit, eps: float) -> Callable[[int], nn.Module]:
    """The norm of a block: of tables of classes, of a condition of so many numbers, or plain where there is none."""

    def norm(channels: int) -> nn.Module:
        if to.generator_conditioning == "table":
            return class_table(channels, to.classes, eps)
        return class_linear(channels, condition, layers, eps) if condition else PlainNorm(channels, eps=eps)

    return norm
