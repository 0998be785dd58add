"""How learning rates go over a run: functions of the fraction that is done."""

from __future__ import annotations

from collections.abc import Callable

import i2i

Curve = Callable[[float], float]


def constant() -> Curve:
    """Keep it."""
    return lambda fraction: 1.0


def linear(start: float = 0.0) -> Curve:
    """Keep it until a fraction `start` of the run, then let it fall to 0 in a line."""
    return i2i.linear_decay(start)


def halving(times: int = 2) -> Curve:
    """Halve it so often, at equal distances: after the last there is as long a stretch as before the first."""
    if times < 0:
        raise ValueError(f"--lr-curve has times={times}; give 0 or more")
    return lambda fraction: 0.5 ** int(fraction * (times + 1) + 1e-9)


def exponential(end: float = 0.1) -> Curve:
    """Let it fall to a share `end` of its start, by as large a factor in every step."""
    if not 0 < end <= 1:
        raise ValueError(f"--lr-curve has end={end}; give more than 0 and at most 1")
    return lambda fraction: end**fraction
