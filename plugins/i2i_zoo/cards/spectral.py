"""Spectral norm: SNGAN and what was built on it."""

from __future__ import annotations

from i2i_zoo import Part

SNGAN_PAPER = "https://arxiv.org/abs/1802.05957"

PARTS = [
    Part(
        "architecture",
        "resnet",
        "i2i_zoo.architectures.resnet:ResNet",
        "Residual blocks, spectral norm, attention.",
        SNGAN_PAPER,
        2018,
    ),
    Part(
        "architecture",
        "sncnn",
        "i2i_zoo.architectures.sncnn:SNCNN",
        "Convolutions, spectral norm.",
        SNGAN_PAPER,
        2018,
    ),
]
