"""BigGAN-deep's networks: four convolutions a block, narrow within, and shortcuts without weights where they can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i_zoo.architectures.biggan import BigGAN, norm_of
from i2i_zoo.architectures.residual import Discriminator, Generator, Plan, attending, check_numbers, plan_of
from i2i_zoo.layers.heads import Head
from i2i_zoo.layers.spectral import Kit, Players, kit
from i2i_zoo.parts import Shape

NARROW = 4  # how many times fewer channels there are within a block


class DeepUpBlock(nn.Module):
    """1x1, two 3x3 and 1x1, each after a norm and ReLU; the shortcut drops the channels that are too many."""

    def __init__(self, inputs: int, outputs: int, norm: Callable[[int], nn.Module], kit: Kit, *, up: bool) -> None:
        super().__init__()
        self.outputs, self.up = outputs, up
        hidden = inputs // NARROW
        self.conv1 = kit.conv(inputs, hidden, 1)
        self.conv2 = kit.conv(hidden, hidden, 3, padding=1)
        self.conv3 = kit.conv(hidden, hidden, 3, padding=1)
        self.conv4 = kit.conv(hidden, outputs, 1)
        self.bn1, self.bn2, self.bn3, self.bn4 = norm(inputs), norm(hidden), norm(hidden), norm(hidden)

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        h = self.conv1(F.relu(self.bn1(x, condition)))
        h = self.doubled(F.relu(self.bn2(h, condition)))
        h = self.conv3(F.relu(self.bn3(self.conv2(h), condition)))
        return self.conv4(F.relu(self.bn4(h, condition))) + self.doubled(x[:, : self.outputs])

    def doubled(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2) if self.up else x


class DeepDownBlock(nn.Module):
    """1x1, two 3x3 and 1x1, each after a ReLU, halved before the last; the shortcut adds the channels that lack."""

    def __init__(self, inputs: int, outputs: int, kit: Kit, *, down: bool) -> None:
        super().__init__()
        self.down = down
        hidden = outputs // NARROW
        self.conv1 = kit.conv(inputs, hidden, 1)
        self.conv2 = kit.conv(hidden, hidden, 3, padding=1)
        self.conv3 = kit.conv(hidden, hidden, 3, padding=1)
        self.conv4 = kit.conv(hidden, outputs, 1)
        self.conv_sc = kit.conv(inputs, outputs - inputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.relu(x))
        h = self.conv3(F.relu(self.conv2(F.relu(h))))
        h = self.conv4(self.halved(F.relu(h)))
        x = self.halved(x)
        return h + (x if self.conv_sc is None else torch.cat([x, self.conv_sc(x)], dim=1))

    def halved(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2) if self.down else x


class DeepGenerator(Generator):
    """Draw pictures of a latent and the shared embedding of a class: the first layer and all norms get both."""

    def __init__(self, to: Shape, shared: int, hier: bool, *rest: object) -> None:
        super().__init__(to, to.latent + shared * hier, *rest)  # type: ignore[arg-type]
        self.hier = hier
        self.shared = nn.Embedding(to.classes, shared) if shared else None

    def told(self, z: Tensor, labels: Tensor | None) -> tuple[Tensor, list[Tensor | None]]:
        told = labels
        if self.shared is not None:
            told = self.shared(labels).to(z.dtype)
            z = torch.cat([told, z], dim=1) if self.hier else z
        return z, [z if self.hier else told] * len(self.blocks)


@dataclass(frozen=True)
class BigGANDeep(BigGAN):
    """The deeper and narrower networks of the BigGAN paper's appendix (Brock et al., 2019, arXiv:1809.11096)."""

    name: ClassVar[str] = "biggan-deep"
    width: int = 128
    spectral: Players = "gd"
    attend: Players = "gd"
    depth: int = 2  # blocks of one size

    def check(self, to: Shape) -> None:
        super().check(to)
        check_numbers(self.name, depth=self.depth)

    def parts(self, plan: Plan) -> int:
        return 1  # every norm gets all of the latent

    def generator(self, to: Shape) -> nn.Module:
        plan, layers = plan_of(to.size, self.plans, self.name), kit(self.spectral, "g")
        channels = plan.channels(self.width)[0]
        shared = self.shared if to.generator_conditioning == "shared" else 0
        norm = norm_of(to, shared + to.latent * self.hier, layers, self.eps)
        blocks: list[list[nn.Module]] = [
            [
                *(DeepUpBlock(inputs, inputs, norm, layers, up=False) for _ in range(self.depth - 1)),
                DeepUpBlock(inputs, outputs, norm, layers, up=True),
            ]
            for inputs, outputs in pairwise(channels)
        ]
        attending(blocks, channels[1:], plan.sides(to.size)[0], self.attention * ("g" in self.attend), layers)
        return DeepGenerator(to, shared, self.hier, channels, blocks, layers, self.eps)

    def discriminator(self, to: Shape) -> nn.Module:
        plan, layers = plan_of(to.size, self.plans, self.name), kit(self.spectral, "d")
        channels = plan.channels(self.width, self.ratio)[1]
        blocks: list[list[nn.Module]] = [
            [
                DeepDownBlock(inputs, outputs, layers, down=number < plan.halvings),
                *(DeepDownBlock(outputs, outputs, layers, down=False) for _ in range(self.depth - 1)),
            ]
            for number, (inputs, outputs) in enumerate(pairwise(channels))
        ]
        attending(blocks, channels[1:], plan.sides(to.size)[1][:-1], self.attention * ("d" in self.attend), layers)
        first = layers.conv(to.channels, channels[0], 3, padding=1)
        return Discriminator([[first], *blocks], Head(channels[-1], to, layers, self.turns, self.predictor))
