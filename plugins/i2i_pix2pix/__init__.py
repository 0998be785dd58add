"""pix2pix: translation learnt from pairs (Isola, Zhu, Zhou, Efros, 2017, arXiv:1611.07004)."""

from __future__ import annotations

import i2i


@i2i.hookimpl
def models() -> list[i2i.ModelCard]:
    """Announce the model."""
    return [
        i2i.ModelCard(
            "pix2pix",
            "i2i_pix2pix.model:Pix2Pix",
            data="paired",
            summary="Translate pictures as pairs show how: maps to photos, drawings to things, gray to colour.",
            paper="https://arxiv.org/abs/1611.07004",
            year=2017,
        )
    ]
