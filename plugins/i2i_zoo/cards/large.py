"""Large networks: BigGAN and its kin."""

from __future__ import annotations

import i2i
from i2i_zoo import Part

BIGGAN_PAPER = "https://arxiv.org/abs/1809.11096"

MODELS = [
    i2i.ModelCard(
        "biggan",
        "i2i_zoo.presets.large:BIGGAN",
        data="labelled",
        summary="Draw pictures of classes; the class and parts of the latent reach every layer.",
        paper=BIGGAN_PAPER,
        year=2018,
    ),
    *(
        i2i.ModelCard(
            name,
            f"i2i_zoo.presets.large:{name.replace('-', '').upper()}",
            data="labelled",
            summary=f"BigGAN {words}.",
            paper=BIGGAN_PAPER,
            year=2018,
        )
        for name, words in (
            ("biggan-128", "at 128 pixels, with attention at 64"),
            ("biggan-256", "at 256 pixels, with attention at 128"),
            ("biggan-deep-128", "at 128 pixels, with deeper and narrower blocks"),
        )
    ),
]

PARTS = [
    Part(
        "regulariser",
        "ortho",
        "i2i_zoo.singular:Orthogonal",
        "Rows of weights at right angles.",
        BIGGAN_PAPER,
        2018,
    ),
    Part(
        "regulariser",
        "singular-clamp",
        "i2i_zoo.singular:SingularClamp",
        "The generator's largest singular values within a bound.",
        BIGGAN_PAPER,
        2018,
    ),
    Part(
        "architecture",
        "biggan",
        "i2i_zoo.architectures.biggan:BigGAN",
        "Residual blocks told by class and parts of the latent.",
        BIGGAN_PAPER,
        2018,
    ),
    Part(
        "architecture",
        "biggan-deep",
        "i2i_zoo.architectures.biggan_deep:BigGANDeep",
        "BigGAN with deeper, narrower blocks.",
        BIGGAN_PAPER,
        2018,
    ),
]
