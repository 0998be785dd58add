"""StarGAN: many domains with one generator (Choi, Choi, Kim, Ha, Kim, Choo, 2018, arXiv:1711.09020)."""

from __future__ import annotations

import i2i


@i2i.hookimpl
def models() -> list[i2i.ModelCard]:
    """Announce the model."""
    return [
        i2i.ModelCard(
            "stargan",
            "i2i_stargan.model:StarGAN",
            data="labelled",
            summary="Translate between many domains or attributes with one generator.",
            paper="https://arxiv.org/abs/1711.09020",
            year=2018,
        )
    ]
