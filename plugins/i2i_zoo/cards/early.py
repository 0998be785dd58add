"""The first years: plain perceptrons and convolutions."""

from __future__ import annotations

import i2i
from i2i_zoo import Part

BOTH = ("labelled", "images")  # the labels serve where a conditioning is asked for

MODELS = [
    i2i.ModelCard(
        "gan",
        "i2i_zoo.presets.early:GAN",
        data=BOTH,
        summary="Draw pictures with fully connected layers, against maxout units.",
        paper="https://arxiv.org/abs/1406.2661",
        year=2014,
    ),
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
    Part("architecture", "mlp", "i2i_zoo.architectures.mlp:MLP", "Fully connected, with batch norm in the generator."),
    Part("architecture", "mlp-maxout", "i2i_zoo.architectures.mlp:MaxoutMLP", "Fully connected, maxout and dropout."),
    Part("architecture", "dcgan", "i2i_zoo.architectures.dcgan:DCGAN", "Strided convolutions and batch norm."),
    Part("objective", "ns", "i2i_zoo.objectives.classic:NonSaturating", "Cross-entropy that does not saturate."),
    Part("objective", "minimax", "i2i_zoo.objectives.classic:Minimax", "Cross-entropy, one game for both players."),
    Part("objective", "lsgan", "i2i_zoo.objectives.classic:LeastSquares", "Squared distances of logits from codes."),
    Part("objective", "hinge", "i2i_zoo.objectives.classic:Hinge", "Logits beyond 1 and -1 are left alone."),
]
