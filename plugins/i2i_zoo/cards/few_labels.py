"""Class-conditional networks for data of which few pictures tell their class."""

from __future__ import annotations

import i2i
from i2i_zoo import Part
from i2i_zoo.cards.early import BOTH

PAPER = "https://arxiv.org/abs/1903.02271"

MODELS = [
    i2i.ModelCard(
        "s2gan",
        "i2i_zoo.presets.few_labels:S2GAN",
        data=BOTH,
        summary="BigGAN by labels that a network infers first, of few or, by clusters, of none.",
        paper=PAPER,
        year=2019,
    ),
    i2i.ModelCard(
        "s2gan-co",
        "i2i_zoo.presets.few_labels:S2GANCO",
        data="labelled",
        summary="BigGAN by few labels, whose discriminator learns to tell the others as it goes.",
        paper=PAPER,
        year=2019,
    ),
    i2i.ModelCard(
        "s3gan",
        "i2i_zoo.presets.few_labels:S3GAN",
        data=BOTH,
        summary="BigGAN by inferred labels, whose discriminator tells how pictures were turned, too.",
        paper=PAPER,
        year=2019,
    ),
]

PARTS = [
    Part(
        "regulariser",
        "predictor",
        "i2i_zoo.methods.s2gan:Predictor",
        "The discriminator learns to name known classes, and goes by them where none is known.",
        PAPER,
        2019,
    ),
]
