"""StackGAN: pictures of sentences."""

from __future__ import annotations

import i2i


@i2i.hookimpl
def models() -> list[i2i.ModelCard]:
    """Announce the models."""
    return [
        i2i.ModelCard(
            "stackgan",
            "i2i_stackgan.model:StackGAN",
            data="captioned",
            summary="Draw pictures of sentences, in two stages.",
            paper="https://arxiv.org/abs/1612.03242",
            year=2017,
        ),
        i2i.ModelCard(
            "stackgan-v2",
            "i2i_stackgan.tree:StackGANTree",
            data="captioned",
            summary="Draw pictures of sentences at three sizes at once.",
            paper="https://arxiv.org/abs/1710.10916",
            year=2018,
        ),
        i2i.ModelCard(
            "gan-cls",
            "i2i_stackgan.gan_cls:GANCLS",
            data="captioned",
            summary="Draw pictures of sentences, at 64 pixels.",
            paper="https://arxiv.org/abs/1605.05396",
            year=2016,
        ),
    ]
