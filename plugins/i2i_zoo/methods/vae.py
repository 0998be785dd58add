"""VAE: an encoder and a decoder that share a bound on the likelihood (Kingma and Welling, 2013, arXiv:1312.6114).

The networks are the fully connected ones of the PyTorch examples. Their decoder ends in a sigmoid on [0, 1]; here it
gives logits, and pictures in [-1, 1] are 2 sigmoid - 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

import i2i
from i2i_zoo import recipe
from i2i_zoo.latents import Normal
from i2i_zoo.model import PREVIEWED, Zoo
from i2i_zoo.parts import Chance, wide


@dataclass(frozen=True)
class Code:
    """What an encoder says of N pictures: a normal distribution of latents each, by its means and log variances."""

    mean: Tensor  # (N, Z)
    log_variance: Tensor  # (N, Z)

    def draw(self, chance: Chance) -> Tensor:
        """Draw a latent (N, Z) of each, differentiably: mean + deviation * noise."""
        noise = chance.randn(*self.mean.shape).to(self.mean)
        return self.mean + (0.5 * self.log_variance).exp() * noise

    def divergence(self) -> Tensor:
        """KL(N(mean, variance) || N(0, 1)) = 1/2 sum (mean^2 + variance - log variance - 1), (N,)."""
        mean, log_variance = wide(self.mean), wide(self.log_variance)
        return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(dim=1)


def check_latent(latent: Any, asked: str) -> None:
    """Refuse a latent that the divergence is not from. Raises ValueError."""
    if type(latent) is not Normal:
        raise ValueError(f"--latent is {asked}, and the encoder's codes are held close to N(0, 1); use --latent normal")


class Encoder(nn.Module):
    """Pictures (N, C, H, W) to a code: one hidden layer."""

    def __init__(self, shape: tuple[int, ...], width: int, latent: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(math.prod(shape), width)
        self.mean = nn.Linear(width, latent)
        self.log_variance = nn.Linear(width, latent)

    def forward(self, images: Tensor) -> Code:
        hidden = self.hidden(images.flatten(1)).relu()
        return Code(self.mean(hidden), self.log_variance(hidden))


class Decoder(nn.Module):
    """Latents (N, Z) to pictures (N, C, H, W): one hidden layer."""

    def __init__(self, shape: tuple[int, ...], width: int, latent: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(latent, width)
        self.pixels = nn.Linear(width, math.prod(shape))
        self.shape = shape

    def logits(self, z: Tensor) -> Tensor:
        """Of each value of the pictures, (N, C, H, W)."""
        return self.pixels(self.hidden(z).relu()).unflatten(1, self.shape)

    def forward(self, z: Tensor, labels: Tensor | None = None, chance: Chance | None = None) -> Tensor:
        return 2 * self.logits(z).sigmoid() - 1


class Autoencoder(Zoo):
    """Draw with the decoder of a variational autoencoder."""

    generator: Decoder

    @dataclass(frozen=True, kw_only=True)
    class Options(recipe.Common):
        width: int = i2i.option(400, help="Units of the hidden layers.", min=1)
        kl_weight: float = i2i.option(1.0, help="Weight of the codes' distance from N(0, 1).", min=0)

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        check_latent(self.latent, options.latent)
        shape = (self.shape.channels, *self.shape.size)
        self.encoder = Encoder(shape, options.width, self.latent.size)
        self.generator = Decoder(shape, options.width, self.latent.size)
        self.make_average()

    def optimizers(self, phase: i2i.Phase) -> dict[str, Optimizer]:
        trained = [*self.encoder.parameters(), *self.generator.parameters()]
        return {"autoencoder": self.optimizer(trained, self.options.lr)}

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        images = batch["image"]  # (N, C, H, W) in [-1, 1]
        code = self.encoder(images)
        logits = wide(self.generator.logits(code.draw(progress)))
        reconstruction = F.binary_cross_entropy_with_logits(logits, (wide(images) + 1) / 2, reduction="sum")
        kl = self.options.kl_weight * code.divergence().mean()
        yield "autoencoder", {"reconstruction": reconstruction / len(images), "kl": kl}
        self.clock.tick("generator")
        self.follow(len(images) * progress.ranks)

    def features(self, images: Tensor) -> Tensor:
        mean: Tensor = self.encoder(images).mean
        return mean

    def preview(self, examples: Sequence[tuple[i2i.Batch, Any]]) -> list[dict[str, Tensor]]:
        real = torch.cat([inputs["image"][:1] for inputs, _ in examples[:PREVIEWED]])
        again = self.drawer()(self.encoder(real).mean, None, None).clamp(-1, 1)
        row = {f"reconstruction {number}": image for number, image in enumerate(again, 1)}
        return [*super().preview(examples), row]
