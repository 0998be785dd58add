"""Residual networks: of SNGAN, and with other numbers of WGAN-GP, of projection discriminators and of SAGAN."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import nn

from i2i_zoo.architectures.residual import (
    Discriminator,
    Generator,
    Plan,
    Pool,
    UpBlock,
    attending,
    check_attention,
    check_numbers,
    down_blocks,
    plan_of,
)
from i2i_zoo.layers.heads import Head
from i2i_zoo.layers.norms import EPS, ClassNorm, PlainNorm, class_table
from i2i_zoo.layers.spectral import Players, kit
from i2i_zoo.parts import Architecture, Shape

PLANS = {
    32: Plan((4, 4, 4, 4), (2, 2, 2, 2), 2),
    48: Plan((8, 4, 2, 1), (1, 2, 4, 8, 16), 4),
    64: Plan((16, 8, 4, 2, 1), (1, 2, 4, 8, 16), 5),
    128: Plan((16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16), 5),
}


@dataclass(frozen=True)
class ResNet(Architecture):
    """Residual networks with spectral norm (Miyato et al., 2018, arXiv:1802.05957).

    With pool=mean and spectral=none they are WGAN-GP's (Gulrajani et al., 2017, arXiv:1704.00028); with spectral=gd,
    hidden=out and attention SAGAN's (Zhang et al., 2019, arXiv:1805.08318). With attention=auto that is at maps of half
    the pictures' side and at most 32, as in the paper at 128 pixels.
    """

    width: int = 64  # at 32 pixels the generator has 4 times as many channels, the discriminator twice as many
    spectral: Players = "d"  # the networks with spectral norm
    attention: int | Literal["auto"] = 0  # side of the maps with self-attention, in both networks; 0: none
    hidden: Literal["in", "out"] = "in"  # channels within the discriminator's blocks: as many as come in, or go out
    pool: Pool = "sum"
    norm: Literal["none", "batch", "layer"] = "none"  # of the discriminator
    upsample: Literal["nearest", "bilinear"] = "nearest"
    turns: bool = False  # the discriminator tells rotations, too
    predictor: bool = False  # the discriminator names classes, too, beside projecting on them

    conditions = frozenset({"table", "projection", "ac"})

    @property
    def gives(self) -> frozenset[str]:  # type: ignore[override]
        """What the discriminator gives beside logits."""
        return frozenset(["features", *["turns"] * self.turns, *["classes"] * self.predictor])

    def check(self, to: Shape) -> None:
        """Refuse pictures of a size, or attention at one, that the networks do not have. Raises ValueError."""
        check_numbers("resnet", width=self.width)
        check_attention("resnet", self.attended(to), *plan_of(to.size, PLANS, "resnet").sides(to.size))

    def attended(self, to: Shape) -> int:
        """The side of the maps with self-attention; 0: none."""
        return min(min(to.size) // 2, 32) if self.attention == "auto" else self.attention

    def generator(self, to: Shape) -> nn.Module:
        plan, layers = plan_of(to.size, PLANS, "resnet"), kit(self.spectral, "g")
        channels = plan.channels(self.width)[0]
        told = to.generator_conditioning == "table"

        def norm(count: int) -> nn.Module:
            return class_table(count, to.classes) if told else PlainNorm(count, eps=EPS)

        blocks: list[list[nn.Module]] = [[UpBlock(*pair, norm, layers, self.upsample)] for pair in pairwise(channels)]
        attending(blocks, channels[1:], plan.sides(to.size)[0], self.attended(to), layers)
        return Generator(to, to.latent, channels, blocks, layers)

    def discriminator(self, to: Shape) -> nn.Module:
        plan, layers = plan_of(to.size, PLANS, "resnet"), kit(self.spectral, "d")
        channels = plan.channels(self.width)[1]
        blocks = down_blocks(plan, to.channels, channels, layers, self.norm, broad=self.hidden == "out")
        attending(blocks, channels, plan.sides(to.size)[1], self.attended(to), layers)
        head = Head(channels[-1], to, layers, self.turns, self.predictor)
        return Discriminator(blocks, head, self.pool, joint=self.norm != "batch")

    def initialise(self, net: nn.Module) -> None:
        """Xavier's uniform weights, those of 3x3 convolutions times a root of 2; tables of gains near 0."""
        for layer in net.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear, nn.Embedding)):
                square = isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3)
                nn.init.xavier_uniform_(layer.weight, math.sqrt(2) if square else 1.0)
            if isinstance(layer, (nn.Conv2d, nn.Linear)) and layer.bias is not None:
                nn.init.zeros_(layer.bias)
        for layer in net.modules():  # after the tables within were drawn like other ones
            if isinstance(layer, ClassNorm):
                nn.init.normal_(layer.gain.get_parameter("weight"), 0.0, 0.02)
                nn.init.zeros_(layer.bias.get_parameter("weight"))
