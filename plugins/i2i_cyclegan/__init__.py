"""CycleGAN: translation between two domains without pairs (Zhu, Park, Isola, Efros, 2017, arXiv:1703.10593)."""

from __future__ import annotations

import i2i


@i2i.hookimpl
def models() -> list[i2i.ModelCard]:
    """Announce the model."""
    return [
        i2i.ModelCard(
            "cyclegan",
            "i2i_cyclegan.model:CycleGAN",
            data="unpaired",
            summary="Translate between two domains, both ways, from pictures without pairs.",
            paper="https://arxiv.org/abs/1703.10593",
            year=2017,
        )
    ]
