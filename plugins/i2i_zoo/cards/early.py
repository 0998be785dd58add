"""The first years: plain perceptrons and convolutions."""

from __future__ import annotations

import i2i
from i2i_zoo import Part

BOTH = ("labelled", "images")  # the labels serve where a conditioning is asked for

MODELS = [
    i2i.ModelCard(
        "dcgan",
        "i2i_zoo.presets.early:DCGAN",
        data=BOTH,
        summary="Draw pictures with convolutions and batch norm.",
        paper="https://arxiv.org/abs/1511.06434",
        year=2015,
    ),
]

PARTS = [
    Part("architecture", "dcgan", "i2i_zoo.architectures.dcgan:DCGAN", "Strided convolutions and batch norm."),
    Part(
        "objective", "ns", "i2i_zoo.objectives.classic:NonSaturating", "Cross-entropy, the generator's not saturating."
    ),
    Part("objective", "minimax", "i2i_zoo.objectives.classic:Minimax", "Cross-entropy, one game for both players."),
    Part("objective", "lsgan", "i2i_zoo.objectives.classic:LeastSquares", "Squared distances of logits from codes."),
    Part(
        "objective",
        "wgan",
        "i2i_zoo.objectives.classic:Wasserstein",
        "The difference of means, for critics of a bound.",
    ),
    Part("objective", "hinge", "i2i_zoo.objectives.classic:Hinge", "Logits beyond 1 and -1 are left alone."),
    Part("penalty", "gp", "i2i_zoo.penalties:GradientPenalty", "Slopes between real and generated pictures to 1."),
    Part("penalty", "r1", "i2i_zoo.penalties:R1", "Slopes at real pictures to 0."),
]
