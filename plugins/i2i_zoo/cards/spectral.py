"""Spectral norm: SNGAN and what was built on it."""

from __future__ import annotations

import i2i
from i2i_zoo import Part

SNGAN_PAPER = "https://arxiv.org/abs/1802.05957"
SN_PENALTY_PAPER = "https://arxiv.org/abs/1705.10941"

MODELS = [
    i2i.ModelCard(
        "sn-regularisation",
        "i2i_zoo.presets.spectral:SNREGULARISATION",
        data=("labelled", "images"),
        summary="Draw pictures with convolutions; the discriminator's singular values are held small.",
        paper=SN_PENALTY_PAPER,
        year=2017,
    ),
    i2i.ModelCard(
        "sngan",
        "i2i_zoo.presets.spectral:SNGAN",
        data=("labelled", "images"),
        summary="Draw pictures with residual networks; the discriminator's weights have spectral norm.",
        paper=SNGAN_PAPER,
        year=2018,
    ),
    i2i.ModelCard(
        "sagan",
        "i2i_zoo.presets.spectral:SAGAN",
        data="labelled",
        summary="Draw pictures of classes with self-attention, spectral norm in both networks.",
        paper="https://arxiv.org/abs/1805.08318",
        year=2018,
    ),
]

PARTS = [
    Part(
        "regulariser",
        "sn-penalty",
        "i2i_zoo.singular:SpectralPenalty",
        "Largest singular values of the discriminator small.",
        SN_PENALTY_PAPER,
        2017,
    ),
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
    Part(
        "architecture",
        "deep-conv",
        "i2i_zoo.architectures.deep_conv:DeepConv",
        "Convolutions, batch norm, as benchmarks have DCGAN at 32 pixels.",
        "https://arxiv.org/abs/2206.09479",
        2022,
    ),
]
