"""Latents with codes: categories, and numbers of a range, beside noise; and how a request sets or sweeps them.

Codes are counted from 1: the sets of categories first, then the numbers. `3=0.5` sets one, `3=-2..2` sweeps it in nine
values, `3=-2..2/5` in five, `1=0..9` goes through categories; several stand with commas between them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import torch
from torch import Tensor

import i2i
from i2i_zoo import requests
from i2i_zoo.latents import Latent
from i2i_zoo.parts import Chance

STEPS = 9  # of a sweep, so that its middle is one of them
MOST_STEPS = 100
NUMBER = r"-?\d+(?:\.\d+)?"
CODE = re.compile(rf"(\d+)=({NUMBER})(?:\.\.({NUMBER})(?:/(\d+))?)?")


@dataclass(frozen=True)
class Codes(Latent):
    """Noise from U(-1, 1), then `sets` of one of so many categories each, then numbers from U(-1, 1)."""

    size: int = field(init=False)
    noise: int = 62
    categories: int = 10
    sets: int = 1
    continuous: int = 2

    def __post_init__(self) -> None:
        if min(self.noise, self.sets, self.continuous) < 0 or self.categories < 2 or not self.sets + self.continuous:
            raise ValueError(
                "--latent codes needs categories=2 or more, 0 or more of the others, and sets or continuous above 0"
            )
        object.__setattr__(self, "size", self.noise + self.sets * self.categories + self.continuous)

    def draw(self, chance: Chance, count: int) -> Tensor:
        noise = 2 * chance.rand(count, self.noise + self.continuous) - 1
        chosen = (chance.rand(count, self.sets) * self.categories).long()
        told = torch.nn.functional.one_hot(chosen, self.categories).to(noise).flatten(1)
        return torch.cat([noise[:, : self.noise], told, noise[:, self.noise :]], dim=1)

    def truncated(self, chance: Chance, count: int, limit: float) -> Tensor:
        """Draw noise and numbers from the middle `limit` of their range."""
        noise, told, numbers = self.split(self.draw(chance, count))
        return torch.cat([min(limit, 1.0) * noise, told.flatten(1), min(limit, 1.0) * numbers], dim=1)

    def between(self, a: Tensor, b: Tensor, share: float) -> Tensor:
        """Go straight, and change categories half of the way."""
        return self.kept(super().between(a, b, share))

    def kept(self, z: Tensor) -> Tensor:
        noise, told, numbers = self.split(z)
        chosen = torch.nn.functional.one_hot(told.argmax(dim=2), self.categories).to(z).flatten(1)
        return torch.cat([noise.clamp(-1, 1), chosen, numbers.clamp(-1, 1)], dim=1)

    def split(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Noise (N, noise), categories (N, sets, categories) of zeros and a one, numbers (N, continuous)."""
        noise, told, numbers = z.split([self.noise, self.sets * self.categories, self.continuous], dim=1)
        return noise, told.unflatten(1, (self.sets, self.categories)), numbers

    def with_code(self, z: Tensor, number: int, value: float) -> Tensor:
        """Latents (N, Z) with a code set."""
        z = z.clone()
        _, told, numbers = self.split(z)
        if number <= self.sets:
            told[:, number - 1] = 0.0
            told[:, number - 1, int(value)] = 1.0
        else:
            numbers[:, number - self.sets - 1] = value
        return z

    def read(self, text: str) -> dict[int, list[float]]:
        """The values that each code of a request shall take. Raises ValueError for what is no code of these."""
        values: dict[int, list[float]] = {}
        for item in text.split(","):
            if not (found := CODE.fullmatch(item.strip())):
                raise ValueError(f'--code has "{item}"; give a code and its value, 3=0.5, or a range, 3=-2..2')
            number, low, high = int(found[1]), float(found[2]), float(found[3] or found[2])
            if not 1 <= number <= self.sets + self.continuous or number in values:
                raise ValueError(f"--code {item}: codes are 1 to {self.sets + self.continuous}, each once")
            values[number] = self._values(number, low, high, int(found[4] or STEPS), item)
        if sum(len(each) > 1 for each in values.values()) > 2:
            raise ValueError(f"--code {text} sweeps more than rows and columns; set the others to one value: 3=0.5")
        return values

    def _values(self, number: int, low: float, high: float, steps: int, item: str) -> list[float]:
        if number > self.sets:
            if steps > MOST_STEPS:
                raise ValueError(f"--code {item} asks for {steps:,} pictures in a row; give {MOST_STEPS} at most")
            count = 1 if low == high else max(2, steps)
            return [low + (high - low) * step / max(1, count - 1) for step in range(count)]
        low, high = min(low, high), max(low, high)
        if low < 0 or high >= self.categories or low % 1 or high % 1:
            raise ValueError(f"--code {item}: code {number} is one of the categories 0 to {self.categories - 1}")
        return [float(value) for value in range(int(low), int(high) + 1)]


def spelt(values: dict[int, float]) -> str:
    """Codes with one value each, as a request names them."""
    return ",".join(f"{number}={value:.6f}".rstrip("0").rstrip(".") for number, value in values.items())


@dataclass(frozen=True, kw_only=True)
class Request(requests.Request):
    """What to draw, and with which codes."""

    of_latents = (*requests.Request.of_latents, "code")

    code: str | None = i2i.option(
        None, help="Set codes, 1=7 or 3=0.5, or sweep one or two of them: 3=-2..2, 1=0..9,3=-2..2."
    )
