"""Losses on the features of a network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from i2i.losses.reconstruction import l1


def feature_matching(fake: Sequence[Sequence[Tensor]], real: Sequence[Sequence[Tensor]]) -> Tensor:
    """Compare a discriminator's features of generated and real pictures, as pix2pixHD does (usual weight: 10).

    Both are what a `MultiScaleDiscriminator` with features returns: for each scale the outputs of its layers, the
    logits last, which are not compared. The loss is the mean over scales of 4 / layers times the sum over layers of the
    mean absolute difference. No gradient flows to `real`. Raises ValueError where scales, layers or shapes differ.
    """
    if len(fake) != len(real) or any(len(f) != len(r) for f, r in zip(fake, real, strict=False)):
        raise ValueError(
            f"fake features have {[len(f) for f in fake]} layers by scale and real ones {[len(r) for r in real]}; "
            "give those of one discriminator"
        )
    terms = []
    for fake_layers, real_layers in zip(fake, real, strict=True):
        pairs = list(zip(fake_layers[:-1], real_layers[:-1], strict=True))
        terms += [4 / len(pairs) * l1(f, r.detach()) for f, r in pairs]
    return torch.stack(terms).sum() / len(fake)
