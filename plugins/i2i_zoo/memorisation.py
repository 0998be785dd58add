"""Whether a discriminator has learnt its training pictures by heart: it then takes held-back ones for drawn ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

import i2i
from i2i_zoo.latents import Seeded
from i2i_zoo.moment import Drawn, Moment
from i2i_zoo.parts import Judged, wide

if TYPE_CHECKING:
    from i2i_zoo.model import TwoPlayer

GROUP = 4  # pictures that a discriminator may compare with each other


def diagnose(
    model: TwoPlayer,
    training: Iterable[i2i.Batch],
    held_back: Iterable[i2i.Batch],
    draw: Callable[[Moment], Drawn] = lambda now: now.draw(grad=False),
) -> dict[str, float]:
    """Shares of pictures that the discriminator takes for real: of training, held back and drawn by seed.

    A picture is taken for real whose logit lies nearer to the mean of training pictures than to that of drawn ones;
    so it is the same for probabilities, distances and energies. Brock et al., 2018, arXiv:1809.11096, section 4.2.
    """
    logits: dict[str, list[Tensor]] = {"training": [], "held-back": [], "drawn": []}
    chance = Seeded(0)
    for name, batches in (("training", training), ("held-back", held_back)):
        for batch in batches:
            now = model.moment.still(model, batch, chance)
            logits[name].append(wide(judged(now, now.pictures).logit))
            if name == "training":
                logits["drawn"].append(wide(judged(now, draw(now)).logit))
    if not all(logits.values()):
        return {}
    said = {name: torch.cat(each) for name, each in logits.items()}
    real, drawn = said["training"].mean(), said["drawn"].mean()
    taken = {name: ((each - real).abs() < (each - drawn).abs()).float().mean().item() for name, each in said.items()}
    return {f"taken for real, {name}": share for name, share in taken.items()}


def judged(now: Moment, drawn: Drawn) -> Judged:
    """What the discriminator says of pictures (N, C, H, W), of any number: it may compare them in groups of four."""
    count = len(drawn.images)
    padded = torch.arange(count + -count % GROUP, device=drawn.images.device) % count
    (says,) = now.judge(drawn.of(padded))
    return says.split(count, len(padded) - count)[0]
