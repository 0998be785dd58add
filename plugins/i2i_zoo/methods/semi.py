"""Learning of few labels: two players whose discriminator names the classes, where most pictures have none.

The step is the shared one; `i2i evaluate` also measures how many held-back pictures are named rightly.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import i2i
from i2i_zoo import memorisation
from i2i_zoo.latents import Seeded
from i2i_zoo.model import TwoPlayer
from i2i_zoo.moment import Drawn


def share_named(model: TwoPlayer, batches: Iterable[i2i.Batch]) -> float | None:
    """Share of labelled pictures whose class is told rightly; None where there is none."""
    right, known = 0, 0
    for batch in batches:
        now = model.moment.still(model, batch, Seeded(0))
        says = memorisation.judged(now, Drawn(now.pictures.images))
        assert says.classes is not None
        known += int((batch["label"] >= 0).sum())
        right += int((says.classes.argmax(dim=1) == batch["label"]).sum())
    return right / known if known else None


class SemiSupervised(TwoPlayer):
    """Two players; labels may be missing, and the discriminator is a classifier."""

    takes_unlabelled: ClassVar[bool] = True

    def diagnose(self, training: Iterable[i2i.Batch], held_back: Iterable[i2i.Batch]) -> dict[str, float]:
        held_back = list(held_back)
        named = share_named(self, held_back)
        figures = super().diagnose(training, held_back)
        return figures if named is None else figures | {"named rightly, held-back": named}
