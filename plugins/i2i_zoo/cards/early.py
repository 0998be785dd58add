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
    Part(
        "architecture",
        "dcgan",
        "i2i_zoo.architectures.dcgan:DCGAN",
        "Strided convolutions, batch norm.",
        "https://arxiv.org/abs/1511.06434",
        2015,
    ),
    Part(
        "objective",
        "ns",
        "i2i_zoo.objectives.classic:NonSaturating",
        "Cross-entropy; the generator's not saturating.",
        "https://arxiv.org/abs/1406.2661",
        2014,
    ),
]
