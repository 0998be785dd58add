"""The hook: what i2i knows of this plugin before it is used. It imports no torch, so that `i2i --help` stays quick."""

import i2i


@i2i.hookimpl
def models() -> list[i2i.ModelCard]:
    """Announce the model."""
    return [
        i2i.ModelCard(
            "warmgan",
            "i2i_warmgan.model:WarmGAN",
            data="paired",
            summary="Translate with a U-Net, taught by L1 alone and then by a PatchGAN.",
            paper="https://arxiv.org/abs/1611.07004",
            year=2017,
        )
    ]
