"""Discriminators of BEGAN and EBGAN, autoencoders: their logit is an energy, how far a picture is from its copy.

Berthelot et al., 2017, arXiv:1703.10717; Zhao et al., 2016, arXiv:1609.03126.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from i2i import networks
from i2i_zoo.layers.chosen import Norm, of_vectors
from i2i_zoo.parts import Architecture, Chance, Judged, Shape, wide

BOTTOM = 8  # pixels a side of BEGAN's smallest maps


def energy(images: Tensor, copies: Tensor, kind: str) -> Tensor:
    """How far pictures are from their copies (N,): mean of magnitudes `l1`, of squares `mse`, or the length `norm`."""
    off = (wide(copies) - wide(images)).flatten(1)
    if kind == "norm":
        return (off.square().sum(dim=1) + 1e-12).sqrt()
    return (off.abs() if kind == "l1" else off.square()).mean(dim=1)


class Autoencoder(nn.Module):
    """Judge pictures by their copies: `encoder` to codes (N, E), `decoder` back to pictures."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, kind: str) -> None:
        super().__init__()
        self.encoder, self.decoder, self.kind = encoder, decoder, kind

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judged:
        codes = self.encoder(images)
        return Judged(images, energy(images, self.decoder(codes), self.kind), embedding=codes)


class Decoder(nn.Module):
    """A latent or a code (N, Z) to pictures (N, C, H, W): by what a class of networks puts between."""

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor, labels: Tensor | None = None, chance: Chance | None = None) -> Tensor:
        images: Tensor = self.layers(z)
        return images


def began_repeats(size: tuple[int, int]) -> int:
    """How many stages there are down to maps of 8 pixels; 0 where sides cannot be halved to that."""
    side = size[0]
    halvings = (side // BOTTOM).bit_length() - 1 if side >= BOTTOM else -1
    return halvings + 1 if size == (BOTTOM << max(halvings, 0),) * 2 else 0


@dataclass(frozen=True)
class BEGAN(Architecture):
    """Convolutions with ELU, doubled by copying pixels; the picture has no last function.

    As the authors of the PyTorch port count: in the encoder a stage i has `width` x i channels, `code` numbers between.
    """

    width: int = 64
    code: int = 64
    energy: Literal["l1", "mse", "norm"] = "l1"

    gives = frozenset({"energy", "embedding"})

    def check(self, to: Shape) -> None:
        if not began_repeats(to.size):
            near = min((BOTTOM << n for n in range(8)), key=lambda side: (abs(side - min(to.size)), side))
            raise ValueError(
                f"--architecture began has squares of 8 times a power of two, not {to.size[0]}x{to.size[1]}; "
                f"use --image-size {near}"
            )

    def generator(self, to: Shape) -> nn.Module:
        return self._decoder(to, to.latent)

    def discriminator(self, to: Shape) -> nn.Module:
        repeats, width = began_repeats(to.size), self.width
        layers: list[nn.Module] = [_conv(to.channels, width), nn.ELU()]
        for stage in range(1, repeats + 1):
            layers += [_conv(width * max(1, stage - 1), width * stage), nn.ELU()]
            if stage < repeats:
                layers += [_conv(width * stage, width * stage, 2), nn.ELU()]
        last = width * repeats
        layers += [_conv(last, last), nn.ELU(), nn.Flatten(), nn.Linear(BOTTOM**2 * last, self.code)]
        return Autoencoder(nn.Sequential(*layers), self._decoder(to, self.code), self.energy)

    def _decoder(self, to: Shape, inputs: int) -> Decoder:
        repeats, width = began_repeats(to.size), self.width
        layers: list[nn.Module] = [nn.Linear(inputs, BOTTOM**2 * width), nn.Unflatten(1, (width, BOTTOM, BOTTOM))]
        for stage in range(1, repeats + 1):
            layers += [_conv(width, width), nn.ELU(), _conv(width, width), nn.ELU()]
            if stage < repeats:
                layers.append(nn.Upsample(scale_factor=2))
        return Decoder([*layers, _conv(width, to.channels)])


def ebgan_stages(size: tuple[int, int]) -> int:
    """How often the encoder halves the sides: once at least, and down to 16 pixels."""
    return max(1, math.ceil(math.log2(max(min(size), 1) / 16)))


@dataclass(frozen=True)
class EBGAN(Architecture):
    """Few convolutions with ReLU, as PyTorch-GAN builds them at 32 pixels: 32 numbers between, for the pull-away term.

    The generator has `width` x 2 channels. Larger pictures are halved more often. `norm` is the discriminator's.
    """

    width: int = 64
    code: int = 32
    energy: Literal["mse", "norm", "l1"] = "mse"
    norm: Norm = "batch"

    gives = frozenset({"energy", "embedding"})

    def check(self, to: Shape) -> None:
        step = max(4, 1 << ebgan_stages(to.size))
        if any(side % step or not side for side in to.size):
            raise ValueError(
                f"--architecture ebgan has sides that are multiples of {step}, not {to.size[0]}x{to.size[1]}; "
                f"use --image-size {max(step, round(min(to.size) / step) * step)}"
            )

    def generator(self, to: Shape) -> nn.Module:
        height, width, wide = to.size[0] // 4, to.size[1] // 4, 2 * self.width
        layers: list[nn.Module] = [nn.Linear(to.latent, wide * height * width), nn.Unflatten(1, (wide, height, width))]
        for outputs in (wide, self.width):
            norm = networks.BatchNorm2d(outputs)
            layers += [nn.Upsample(scale_factor=2), _conv(wide, outputs), norm, nn.LeakyReLU(0.2)]
        return Decoder([*layers, _conv(self.width, to.channels), nn.Tanh()])

    def discriminator(self, to: Shape) -> nn.Module:
        stages = ebgan_stages(to.size)
        maps = (self.width, to.size[0] >> stages, to.size[1] >> stages)
        widths = [to.channels, *[self.width] * stages]
        down = [layer for pair in itertools.pairwise(widths) for layer in (_conv(*pair, stride=2), nn.ReLU())]
        encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(math.prod(maps), self.code))
        layers: list[nn.Module] = [*of_vectors(self.norm, self.code), nn.ReLU(), nn.Linear(self.code, math.prod(maps))]
        layers += [*of_vectors(self.norm, math.prod(maps)), nn.Unflatten(1, maps)]
        for outputs in widths[-2::-1]:
            layers += [nn.ReLU(), nn.Upsample(scale_factor=2), _conv(self.width, outputs)]
        return Autoencoder(encoder, nn.Sequential(*layers), self.energy)


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, 1)
