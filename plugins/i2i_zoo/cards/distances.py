"""Other distances between distributions, and bounds on how steep a critic is."""

from __future__ import annotations

import i2i
from i2i_zoo import Part
from i2i_zoo.cards.early import BOTH

MODELS = [
    i2i.ModelCard(
        "wgan",
        "i2i_zoo.presets.distances:WGAN",
        data=BOTH,
        summary="Draw pictures close in the Wasserstein distance, by a critic of clipped weights.",
        paper="https://arxiv.org/abs/1701.07875",
        year=2017,
    ),
    i2i.ModelCard(
        "wgan-gp",
        "i2i_zoo.presets.distances:WGANGP",
        data=BOTH,
        summary="Draw pictures close in the Wasserstein distance, by a critic whose slope is held at 1.",
        paper="https://arxiv.org/abs/1704.00028",
        year=2017,
    ),
]

PARTS = [
    Part(
        "objective",
        "wgan",
        "i2i_zoo.objectives.classic:Wasserstein",
        "The difference of means, of critics with a bound.",
    ),
    Part("penalty", "gp", "i2i_zoo.penalties:GradientPenalty", "Slopes between real and generated pictures to 1."),
    Part("penalty", "r1", "i2i_zoo.penalties:R1", "Slopes at real pictures to 0."),
    Part("regulariser", "clip", "i2i_zoo.regularisers:Clip", "Weights of the discriminator within a bound."),
]
