"""Perceptual loss: pictures compared by the features of a trained network (Johnson et al., 2016, arXiv:1603.08155)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from i2i.losses.reconstruction import at_least_float32, l1


def perceptual(
    fake: Sequence[Tensor], real: Sequence[Tensor], weights: Sequence[float] | None = None, squared: bool = False
) -> Tensor:
    """Compare features of generated and real pictures: the weighted sum over layers of the mean absolute difference.

    Both are what `networks.VGGFeatures` returns; `weights` are 1 for each layer by default. With `squared` it is the
    mean squared difference, as in SRGAN. No gradient flows to `real`. Raises ValueError where layers or shapes differ.
    """
    weights = [1.0] * len(fake) if weights is None else weights
    if not len(fake) == len(real) == len(weights) > 0:
        raise ValueError(
            f"{len(fake)} layers of fake features, {len(real)} of real ones and {len(weights)} weights; "
            "give as many of each"
        )
    terms = []
    for weight, f, r in zip(weights, fake, real, strict=True):
        if squared and f.shape == r.shape:
            terms.append(weight * (at_least_float32(f) - at_least_float32(r.detach())).square().mean())
        else:
            terms.append(weight * l1(f, r.detach()))
    return torch.stack(terms).sum()
