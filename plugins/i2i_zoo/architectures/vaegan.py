"""VAE-GAN's networks: an encoder, a decoder and a discriminator of 5x5 convolutions, as in the authors' code.

Larsen et al., 2015, arXiv:1512.09300.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from i2i import networks
from i2i_zoo.layers.chosen import Norm, of_maps, of_vectors
from i2i_zoo.methods.vae import Code
from i2i_zoo.parts import Architecture, Chance, Judged, Shape, wide


@dataclass(frozen=True)
class VAEGAN(Architecture):
    """`width` is of the encoder's first layer; all three halve sides, or double them, three times.

    `norm` is the discriminator's. With three `outputs` that tells apart real pictures, reconstructions and samples,
    and its logit is the log odds of a real picture.
    """

    width: int = 64
    outputs: int = 1
    norm: Norm = "batch"

    def __post_init__(self) -> None:
        if self.outputs not in (1, 3):
            raise ValueError(f"--architecture vaegan has outputs={self.outputs}; give 1 or 3")

    @property
    def gives(self) -> frozenset[str]:  # type: ignore[override]  # what it gives depends on its numbers
        return frozenset({"features", "kinds"} if self.outputs == 3 else {"features"})

    def check(self, to: Shape) -> None:
        if any(side % 8 for side in to.size):
            near = max(8, 8 * round(to.size[0] / 8))
            raise ValueError(
                f"these networks halve sides three times, and {to.size[0]} x {to.size[1]} cannot be; "
                f"use --image-size {near}"
            )

    def encoder(self, to: Shape) -> nn.Module:
        """Build what makes codes of pictures."""
        return Encoder(to, self.width)

    def generator(self, to: Shape) -> nn.Module:
        return Decoder(to, self.width)

    def discriminator(self, to: Shape) -> nn.Module:
        return Discriminator(to, self.width, self.outputs, self.norm)

    def initialise(self, net: nn.Module) -> None:
        networks.initialise(net)


class Encoder(nn.Module):
    """Pictures (N, C, H, W) to codes."""

    def __init__(self, to: Shape, width: int) -> None:
        super().__init__()
        widths, hidden = (to.channels, width, 2 * width, 4 * width), 16 * width
        self.body = nn.Sequential(
            *(
                layer
                for number in range(3)
                for layer in (_down(*widths[number : number + 2]), *_norm(widths[number + 1]))
            ),
            *(nn.Flatten(), nn.Linear(4 * width * _area(to), hidden, bias=False)),
            *(networks.BatchNorm1d(hidden), nn.ReLU()),
        )
        self.mean, self.log_variance = nn.Linear(hidden, to.latent), nn.Linear(hidden, to.latent)

    def forward(self, images: Tensor) -> Code:
        hidden = self.body(images)
        return Code(self.mean(hidden), self.log_variance(hidden))


class Decoder(nn.Module):
    """Latents (N, Z) to pictures (N, C, H, W) in [-1, 1]."""

    def __init__(self, to: Shape, width: int) -> None:
        super().__init__()
        widths = (4 * width, 4 * width, 2 * width, width // 2)
        smallest = (widths[0], to.size[0] // 8, to.size[1] // 8)
        units = widths[0] * _area(to)
        self.main = nn.Sequential(
            *(nn.Linear(to.latent, units, bias=False), networks.BatchNorm1d(units), nn.ReLU()),
            nn.Unflatten(1, smallest),
            *(
                layer
                for number in range(3)
                for layer in (_up(*widths[number : number + 2]), *_norm(widths[number + 1]))
            ),
            *(nn.Conv2d(widths[-1], to.channels, 5, 1, 2), nn.Tanh()),
        )

    def forward(self, z: Tensor, labels: Tensor | None = None, chance: Chance | None = None) -> Tensor:
        images: Tensor = self.main(z)
        return images


class Discriminator(nn.Module):
    """Pictures (N, C, H, W) to a logit each; their features are the last convolution's, before its norm."""

    def __init__(self, to: Shape, width: int, outputs: int, norm: Norm) -> None:
        super().__init__()
        first, hidden, biased = width // 2, 8 * width, norm != "batch"
        self.body = nn.Sequential(
            *(nn.Conv2d(to.channels, first, 5, 1, 2), nn.ReLU()),
            *(_down(first, 2 * width, biased), *_norm(2 * width, norm)),
            *(_down(2 * width, 4 * width, biased), *_norm(4 * width, norm)),
            _down(4 * width, 4 * width, biased),
        )
        self.top = nn.Sequential(
            *(*_norm(4 * width, norm), nn.Flatten(), nn.Linear(4 * width * _area(to), hidden, bias=biased)),
            *(*of_vectors(norm, hidden), nn.ReLU(), nn.Linear(hidden, outputs)),
        )

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judged:
        maps = self.body(images)
        says = wide(self.top(maps))  # (N, 1), or (N, 3) of real pictures, reconstructions and samples
        if says.shape[1] == 1:
            return Judged(images, says[:, 0], features=maps.flatten(1))
        odds = says[:, 0] - torch.logsumexp(says[:, 1:], dim=1)
        return Judged(images, odds, features=maps.flatten(1), classes=says)


def _down(before: int, after: int, biased: bool = False) -> nn.Module:
    return nn.Conv2d(before, after, 5, 2, 2, bias=biased)


def _up(before: int, after: int) -> nn.Module:
    return nn.ConvTranspose2d(before, after, 5, 2, 2, output_padding=1, bias=False)


def _norm(width: int, norm: Norm = "batch") -> list[nn.Module]:
    return [*of_maps(norm, width), nn.ReLU()]


def _area(to: Shape) -> int:
    return (to.size[0] // 8) * (to.size[1] // 8)
