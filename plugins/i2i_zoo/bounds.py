"""What numbers a part takes, said by what they are by default: `weight: float = Weight(1.0)`.

Options are held to it before a part is made. Whole numbers, and numbers that depend on others, a part refuses itself.
"""

from __future__ import annotations

import math
from typing import ClassVar


class Bounded(float):
    """A number by default, which knows what others may take its place."""

    allowed: ClassVar[str] = "a number"

    def allows(self, value: float) -> bool:
        """Whether another may."""
        raise NotImplementedError

    def check(self, where: str, value: float) -> None:
        """Raise ValueError for a number that may not; `where` names it."""
        if not self.allows(value):
            raise ValueError(f"{where} is {value:g}; give {self.allowed}")


class Weight(Bounded):
    """0 or more: with less a loss would teach the opposite."""

    allowed = "0 or more"

    def allows(self, value: float) -> bool:
        return 0 <= value < math.inf


class Factor(Bounded):
    """More than 0."""

    allowed = "more than 0"

    def allows(self, value: float) -> bool:
        return 0 < value < math.inf


class Share(Bounded):
    """Between 0 and 1, and neither, unless it is so by default."""

    allowed = "between 0 and 1"

    def allows(self, value: float) -> bool:
        return 0 < value < 1 or value == self


class Probability(Bounded):
    """From 0 to 1."""

    allowed = "0 or more, and 1 at most"

    def allows(self, value: float) -> bool:
        return 0 <= value <= 1


def kind_of(default: object) -> type:
    """The type of a number, by what it is by default."""
    return float if isinstance(default, float) else type(default)
