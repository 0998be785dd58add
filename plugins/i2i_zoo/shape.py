"""What networks are built for, and where what is random in them comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class Chance(Protocol):
    """A source of numbers: of a train step (`i2i.Progress` is one), or of a seed."""

    def rand(self, *shape: int) -> Tensor:
        """Draw from U[0, 1)."""

    def randn(self, *shape: int) -> Tensor:
        """Draw from N(0, 1)."""


@dataclass(frozen=True)
class Shape:
    """What networks are built for.

    `size` is (height, width) in pixels, `latent` how many numbers a latent has, `classes` how many classes the pictures
    have (0 where they have none), `conditioning` how the generator and the discriminator are told the class: "none",
    "concat+concat", "table+projection", "shared+projection", "table+ac" and the like.
    """

    channels: int
    size: tuple[int, int]
    latent: int
    classes: int = 0
    conditioning: str = "none"

    def check_sides(self, multiple: int, least: int) -> None:
        """Raise ValueError, with the nearest size, unless both sides are multiples of a number and large enough."""
        if any(side % multiple or side < least for side in self.size):
            near = max(least, multiple * round(self.size[0] / multiple))
            raise ValueError(
                f"these networks are for sides of {least} pixels or more that are multiples of {multiple}, not "
                f"{self.size[0]} x {self.size[1]}; use --image-size {near}"
            )

    @property
    def generator_conditioning(self) -> str:
        """How the generator is told the class: what stands before the plus."""
        return self.conditioning.partition("+")[0]

    @property
    def discriminator_conditioning(self) -> str:
        """How the discriminator is told the class, or tells it: what stands after the plus."""
        return self.conditioning.partition("+")[2] or "none"
