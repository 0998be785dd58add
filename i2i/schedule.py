"""Phases laid out over a run: at which step, batch and image size each begins and ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from i2i.settings import Settings

if TYPE_CHECKING:
    from i2i.model import Model, Phase


@dataclass(frozen=True)
class Stretch:
    """A phase laid out in a run: where it begins, how long it is, at which sizes."""

    phase: Phase
    first: int  # step of the run
    steps: int
    extra: int  # how many of the steps were added to a finished run
    batch_size: int  # global
    first_sample: int  # samples that the phases before it take
    image_size: tuple[int, int]  # (H, W)

    @property
    def end(self) -> int:
        """The run's step at which the phase is done."""
        return self.first + self.steps


def plan(phases: Sequence[Phase], settings: Settings, steps: int, extra: int = 0) -> list[Stretch]:
    """Divide `steps` among phases by their shares; `extra` more belong to the last one.

    Raises ValueError when a phase would get no step.
    """
    total = sum(phase.share for phase in phases)
    stretches: list[Stretch] = []
    first, share, samples = 0, 0.0, 0
    for index, phase in enumerate(phases):
        share += phase.share
        last = index + 1 == len(phases)
        own = (steps if last else round(steps * share / total)) - first
        if own < 1:
            enough = math.ceil(total / min(p.share for p in phases))
            raise ValueError(f'{steps} steps leave none for the phase "{phase.name}"; use --steps {enough}')
        own += extra if last else 0
        batch_size = phase.batch_size or settings.batch_size
        size = phase.image_size or tuple(round(side * phase.image_scale) for side in settings.size)
        height, width = (size, size) if isinstance(size, int) else size
        stretches.append(Stretch(phase, first, own, extra if last else 0, batch_size, samples, (height, width)))
        first += own
        samples += own * batch_size
    return stretches


def check_sizes(model: Model, stretches: Sequence[Stretch]) -> None:
    """Refuse to train at a size that the model would refuse or change. Raises ValueError with the nearest sizes."""
    for stretch in stretches:
        # A phase at a share of the run's size asks for a multiple of the run's that is larger by as much.
        scale = 1.0 if stretch.phase.image_size else stretch.phase.image_scale
        multiple, smallest = (round(size / scale) for size in (model.size_multiple, model.min_size))
        height, width = (round(side / scale) for side in stretch.image_size)
        for name, side in (("size", height), *([("width", width)] if width != height else [])):
            if side % multiple:
                low, high = side // multiple * multiple, -(-side // multiple) * multiple
                near = f"{low} or {high}" if low >= max(smallest, 1) else f"{high}"
                raise ValueError(f"image {name} {side} is not a multiple of {multiple}; use --image-{name} {near}")
            if side < smallest:
                raise ValueError(
                    f"image {name} {side} is too small for this model; use --image-{name} {smallest} or more"
                )
