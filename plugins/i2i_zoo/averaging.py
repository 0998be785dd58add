"""How the average of a generator's weights follows it: the share of the average that an update keeps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Constant:
    """Keep `decay` at each update (Brock et al., 2018, arXiv:1809.11096).

    What comes before the generator's update `start` is a copy; without one the decay grows to its value, as
    (1 + updates) / (10 + updates), so that short runs have an average, too.
    """

    decay: float = 0.999
    start: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1:
            raise ValueError(f"--average has decay={self.decay:g}; give 0 or more and less than 1")
        if self.start < 0:
            raise ValueError(f"--average has start={self.start}; give 0 or more")

    def __call__(self, updates: int, batch: int) -> float:
        """The share to keep, of how many updates the generator has had and how many pictures one has."""
        if self.start:
            return self.decay if updates > self.start else 0.0
        return min(self.decay, (1 + updates) / (10 + updates))


@dataclass(frozen=True)
class HalfLife:
    """Keep half after so many thousand pictures (Karras et al., 2018, arXiv:1812.04948).

    With a `ramp` the half-life is at most that share of the pictures seen so far, so that short runs have an average.
    """

    kimg: float = 10.0
    ramp: float = 0.0

    def __post_init__(self) -> None:
        if self.kimg <= 0 or self.ramp < 0:
            raise ValueError(f"--average has kimg={self.kimg:g},ramp={self.ramp:g}; give more than 0, and 0 or more")

    def __call__(self, updates: int, batch: int) -> float:
        """The share to keep, of how many updates the generator has had and how many pictures one has."""
        pictures = self.kimg * 1000
        if self.ramp:
            pictures = min(pictures, self.ramp * updates * batch)
        return float(0.5 ** (batch / max(pictures, 1e-8)))
