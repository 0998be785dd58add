"""SRGAN: photos at two, four or eight times their size."""

from __future__ import annotations

import i2i


@i2i.hookimpl
def models() -> list[i2i.ModelCard]:
    """Announce the model."""
    return [
        i2i.ModelCard(
            "srgan",
            "i2i_srgan.model:SRGAN",
            data="images",
            summary="Enlarge photos two, four or eight times, with detail that could have been there.",
            paper="https://arxiv.org/abs/1609.04802",
            year=2017,
        ),
    ]
