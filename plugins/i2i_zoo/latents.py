"""What pictures are drawn from: vectors of chance, by a train step's or by a seed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from i2i_zoo.parts import Chance

ROUNDS = 1000  # of drawing again what lies outside a truncation


class Seeded:
    """Numbers of a seed alone, on the CPU."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def rand(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator)

    def randn(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator)


@dataclass(frozen=True)
class Latent:
    """A distribution of vectors of `size` numbers."""

    size: int = 128

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"a latent of {self.size} numbers holds nothing; give 1 or more")

    def draw(self, chance: Chance, count: int) -> Tensor:
        """Draw (N, `size`)."""
        raise NotImplementedError

    def truncated(self, chance: Chance, count: int, limit: float) -> Tensor:
        """Draw from the middle alone: closer to the typical, and less varied, the smaller the limit."""
        own = type(self).__name__.lower()
        raise ValueError(f"--truncation is for latents with a middle, normal or uniform, not for {own}; leave it out")

    def between(self, a: Tensor, b: Tensor, share: float) -> Tensor:
        """What lies between two latents (N, `size`), as likely as they are: `a` at 0, `b` at 1."""
        return torch.lerp(a, b, share)

    def kept(self, z: Tensor) -> Tensor:
        """Bring latents (N, `size`) to the nearest that might have been drawn."""
        return z

    def mixed(self, latents: Tensor, weights: Tensor) -> Tensor:
        """The sum (1, `size`) of latents (K, `size`) times weights (K,), where draws lie."""
        return self.kept(weights[None] @ latents)


class Normal(Latent):
    """z ~ N(0, 1)."""

    def draw(self, chance: Chance, count: int) -> Tensor:
        return chance.randn(count, self.size)

    def truncated(self, chance: Chance, count: int, limit: float) -> Tensor:
        """Draw each number again until it is at most `limit` from 0 (Brock et al., 2018, arXiv:1809.11096)."""
        z = chance.randn(count, self.size)
        for _ in range(ROUNDS):
            outside = z.abs() > limit
            if not outside.any():
                return z
            z = torch.where(outside, chance.randn(count, self.size), z)
        raise ValueError(f"--truncation {limit} leaves next to nothing; give 0.05 or more")

    def between(self, a: Tensor, b: Tensor, share: float) -> Tensor:
        """Go along the great circle: a mean of two would be shorter than either."""
        cosine = torch.nn.functional.cosine_similarity(a, b, dim=1).clamp(-1, 1)
        angle = cosine.acos()[:, None]  # (N, 1)
        near = angle.sin() < 1e-4
        sine = torch.where(near, torch.ones_like(angle), angle.sin())
        arc = ((1 - share) * angle).sin() / sine * a + (share * angle).sin() / sine * b
        return torch.where(near, torch.lerp(a, b, share), arc)

    def kept(self, z: Tensor) -> Tensor:
        """Bring lengths within three deviations of their mean: squares of them are size +- 3 sqrt(2 size)."""
        spread = 3 * (2 * self.size) ** 0.5
        length = z.norm(dim=1, keepdim=True)
        shortest, longest = max(0.0, self.size - spread) ** 0.5, (self.size + spread) ** 0.5
        return z * (length.clamp(shortest, longest) / length.clamp_min(1e-8))

    def mixed(self, latents: Tensor, weights: Tensor) -> Tensor:
        """Give the sum the mean length of what was summed: a mean of normal latents is too short to be one."""
        length = latents.norm(dim=1).mean()
        return torch.nn.functional.normalize(weights[None] @ latents) * length


class Sphere(Normal):
    """z ~ N(0, 1), then brought to the length sqrt(size) (Karras et al., 2017, arXiv:1710.10196)."""

    def draw(self, chance: Chance, count: int) -> Tensor:
        z = chance.randn(count, self.size)
        return z * (z.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()

    def truncated(self, chance: Chance, count: int, limit: float) -> Tensor:
        return Latent.truncated(self, chance, count, limit)

    def kept(self, z: Tensor) -> Tensor:
        return torch.nn.functional.normalize(z) * self.size**0.5


@dataclass(frozen=True)
class Uniform(Latent):
    """z ~ U(low, high)."""

    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low < self.high:
            raise ValueError(f"a uniform latent from {self.low} to {self.high} is empty; give low below high")

    def draw(self, chance: Chance, count: int) -> Tensor:
        return self.low + (self.high - self.low) * chance.rand(count, self.size)

    def truncated(self, chance: Chance, count: int, limit: float) -> Tensor:
        """Draw from the middle `limit` of the range."""
        middle = (self.low + self.high) / 2
        return middle + min(limit, 1.0) * (self.draw(chance, count) - middle)

    def kept(self, z: Tensor) -> Tensor:
        return z.clamp(self.low, self.high)


class Bernoulli(Latent):
    """z is 0 or 1, each as often (Brock et al., 2018, arXiv:1809.11096)."""

    def draw(self, chance: Chance, count: int) -> Tensor:
        return (chance.rand(count, self.size) < 0.5).float()

    def kept(self, z: Tensor) -> Tensor:
        """Leave what lies between 0 and 1, which a step of a search can still move."""
        return z.clamp(0, 1)


class Censored(Normal):
    """z = max(N(0, 1), 0) (Brock et al., 2018, arXiv:1809.11096)."""

    def draw(self, chance: Chance, count: int) -> Tensor:
        return chance.randn(count, self.size).relu()

    def truncated(self, chance: Chance, count: int, limit: float) -> Tensor:
        return super().truncated(chance, count, limit).relu()

    def kept(self, z: Tensor) -> Tensor:
        return z.relu()

    def mixed(self, latents: Tensor, weights: Tensor) -> Tensor:
        return super().mixed(latents, weights).relu()
