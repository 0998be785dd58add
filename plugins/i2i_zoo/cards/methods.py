"""Methods with steps of their own."""

from __future__ import annotations

import i2i
from i2i_zoo.cards.early import BOTH

MODELS = [
    i2i.ModelCard(
        "vae",
        "i2i_zoo.presets.methods:VAE",
        data=BOTH,
        summary="Draw pictures with the decoder of an autoencoder whose codes are held close to noise.",
        paper="https://arxiv.org/abs/1312.6114",
        year=2013,
    ),
]
