"""pix2pixHD: large photos from label maps (Wang, Liu, Zhu, Tao, Kautz, Catanzaro, 2018, arXiv:1711.11585)."""

from __future__ import annotations

import i2i


@i2i.hookimpl
def models() -> list[i2i.ModelCard]:
    """Announce the model."""
    return [
        i2i.ModelCard(
            "pix2pixhd",
            "i2i_pix2pixhd.model:Pix2PixHD",
            data="paired",
            summary="Make large photos from label maps, coarse to fine; objects can be edited.",
            paper="https://arxiv.org/abs/1711.11585",
            year=2018,
        )
    ]
