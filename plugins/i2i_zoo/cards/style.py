"""Networks that grow, and those that are told their style in every layer."""

from __future__ import annotations

import i2i
from i2i_zoo import Part

BOTH = ("labelled", "images")  # the labels serve where a conditioning is asked for

MODELS = [
    i2i.ModelCard(
        "progan",
        "i2i_zoo.presets.style:PROGAN",
        data=BOTH,
        summary="Grow from 4 pixels up, each size fading in.",
        paper="https://arxiv.org/abs/1710.10196",
        year=2017,
    ),
    i2i.ModelCard(
        "stylegan",
        "i2i_zoo.presets.style:STYLEGAN",
        data=BOTH,
        summary="Grow, with a style in every layer.",
        paper="https://arxiv.org/abs/1812.04948",
        year=2018,
    ),
    i2i.ModelCard(
        "stylegan2",
        "i2i_zoo.presets.style:STYLEGAN2",
        data=BOTH,
        summary="Draw with weights that styles scale, all sizes at once.",
        paper="https://arxiv.org/abs/1912.04958",
        year=2019,
    ),
]

PARTS = [
    Part("architecture", "progan", "i2i_zoo.architectures.progan:ProGAN", "Grows from 4 pixels up, with pixel norm."),
    Part("architecture", "stylegan", "i2i_zoo.architectures.stylegan:StyleGAN", "Grows, with a style in every layer."),
    Part("architecture", "stylegan2", "i2i_zoo.architectures.stylegan2:StyleGAN2", "Styles scale the weights."),
    Part("regulariser", "path-length", "i2i_zoo.path_length:PathLength", "Steps in a style change as much everywhere."),
]
