"""Curves of learning rates: factors on the rate, by the fraction of a phase that is done."""

from __future__ import annotations

from collections.abc import Callable


def constant(fraction: float) -> float:
    """Keep the learning rate: a factor of 1 at any fraction of a phase."""
    return 1.0


def linear_decay(start: float, stages: int | None = None, to_zero: bool = False) -> Callable[[float], float]:
    """Keep the learning rate until `start` (a fraction of the phase), then let it fall to 0 in a line.

    With `stages` (epochs, as a rule) it falls in stairs as the reference CycleGAN does: stage e of n, counted from 1,
    has the factor 1 - max(0, e - start * n) / (n - start * n + 1), so the last stage still learns. With `to_zero` it
    is 1 - max(0, e - start * n) / (n - start * n), and the last stage does not, as in the releases of 2018 and 2020.
    """
    if not 0 <= start <= 1:
        raise ValueError(f"linear_decay(start={start}) is outside 0-1; give the fraction of the phase at full rate")

    def factor(fraction: float) -> float:
        if stages is None:
            return 1.0 if fraction <= start else (1.0 - fraction) / (1.0 - start)
        constant_stages = round(start * stages)
        stage = min(int(fraction * stages + 1e-9) + 1, stages)
        return 1.0 - max(0, stage - constant_stages) / max(1, stages - constant_stages + (not to_zero))

    return factor
