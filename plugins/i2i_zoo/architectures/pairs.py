"""Networks of BiGAN: a generator, its inverse, and a discriminator of pairs.

Donahue et al., 2016, arXiv:1605.09782.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from i2i import networks
from i2i_zoo.architectures import dcgan, mlp
from i2i_zoo.layers.chosen import Norm, of_vectors
from i2i_zoo.parts import Architecture, Judged, Shape


class Inferring(Architecture):
    """Networks that have an encoder, too, and a discriminator that is called with pictures and latents (N, Z)."""

    method = "bigan"

    def encoder(self, to: Shape) -> nn.Module:
        """Build what makes latents (N, Z) of pictures (N, C, H, W)."""
        raise NotImplementedError

    def initialise(self, net: nn.Module) -> None:
        networks.initialise(net)


@dataclass(frozen=True)
class Perceptrons(Inferring):
    """Two hidden layers of `width` with batch norm each, as the authors have for MNIST; pictures may have any size.

    `norm` is the discriminator's.
    """

    width: int = 1024
    norm: Norm = "batch"

    def generator(self, to: Shape) -> nn.Module:
        body = _hidden(to.latent, self.width, nn.ReLU())
        return mlp.Generator(nn.Sequential(*body, nn.Linear(self.width, _pixels(to))), to)

    def encoder(self, to: Shape) -> nn.Module:
        body = _hidden(_pixels(to), self.width, nn.LeakyReLU(0.2))
        return nn.Sequential(nn.Flatten(), *body, nn.Linear(self.width, to.latent))

    def discriminator(self, to: Shape) -> nn.Module:
        body = _hidden(_pixels(to) + to.latent, self.width, nn.LeakyReLU(0.2), self.norm)
        return PairDiscriminator(nn.Flatten(), body, self.width)


@dataclass(frozen=True)
class Convolutions(Inferring):
    """DCGAN's, whose discriminator gets the latent beside the features of the picture; `width` and `norm` as there."""

    width: int = 64
    hidden: int = 512
    norm: Norm = "batch"

    def check(self, to: Shape) -> None:
        dcgan.DCGAN(self.width).check(to)

    def generator(self, to: Shape) -> nn.Module:
        return dcgan.Generator(to, self.width)

    def encoder(self, to: Shape) -> nn.Module:
        return nn.Sequential(*self._trunk(to, "batch"), nn.Linear(self._features(to), to.latent))

    def discriminator(self, to: Shape) -> nn.Module:
        joined = [nn.Linear(self._features(to) + to.latent, self.hidden), nn.LeakyReLU(0.2)]
        return PairDiscriminator(nn.Sequential(*self._trunk(to, self.norm)), joined, self.hidden)

    def _trunk(self, to: Shape, norm: Norm) -> list[nn.Module]:
        return [dcgan.Discriminator(to, self.width, norm).body, nn.Flatten()]

    def _features(self, to: Shape) -> int:
        stages = dcgan.stages_of(to.size)
        return (self.width << stages - 1) * (to.size[0] >> stages) * (to.size[1] >> stages)


class PairDiscriminator(nn.Module):
    """Pictures (N, C, H, W) with latents (N, Z) to one logit each."""

    def __init__(self, trunk: nn.Module, body: Sequence[nn.Module], features: int) -> None:
        super().__init__()
        self.trunk, self.body = trunk, nn.Sequential(*body)
        self.head = nn.Linear(features, 1)

    def forward(self, images: Tensor, z: Tensor) -> Judged:
        seen = self.trunk(images)
        features = self.body(torch.cat([seen, z.to(seen)], dim=1))  # (N, F)
        return Judged(images, self.head(features).flatten(), features=features)


class _Norm(nn.Module):
    """Batch norm with a bias and no gain."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = networks.BatchNorm1d(width, affine=False)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x) + self.bias


def _hidden(inputs: int, width: int, activation: nn.Module, norm: Norm = "batch") -> list[nn.Module]:
    layers: list[nn.Module] = []
    for size in (inputs, width):
        normed = [_Norm(width)] if norm == "batch" else of_vectors(norm, width)
        layers += [nn.Linear(size, width, bias=norm != "batch"), *normed, activation]
    return layers


def _pixels(to: Shape) -> int:
    return to.channels * to.size[0] * to.size[1]
