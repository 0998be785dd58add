"""Objectives of three sets of pictures: real ones, reconstructions and samples (Larsen et al., 2015, arXiv:1512.09300).

What is generated comes as one batch, whose first half are the reconstructions.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

import i2i
from i2i_zoo.moment import Moment
from i2i_zoo.parts import Divergence, Element, Judged, wide


class ThreeSets(Divergence):
    """D: mean sp(-r) + mean sp(f1) + mean sp(f2); G: mean sp(-f1) + mean sp(-f2), of reconstructions and samples.

    `saturating`, G is minus the whole of D.
    """

    needs = frozenset({"reconstructions"})

    def __init__(self, saturating: bool = False) -> None:
        super().__init__()
        self.needs_real = self.saturating = saturating  # type: ignore[misc]  # what it needs depends on its numbers

    def d(self, r: Tensor, f: Tensor) -> Tensor:
        return F.softplus(-r).mean() + 2 * F.softplus(f).mean()  # the mean over two halves is half of their sum

    def g(self, f: Tensor, r: Tensor | None) -> Tensor:
        if self.saturating and r is not None:
            return -self.d(r, f)
        return 2 * F.softplus(-f).mean()


class ThreeClasses(Element):
    """D: cross-entropy of telling apart real pictures, reconstructions and samples; G: of both others as real."""

    needs = frozenset({"kinds", "reconstructions"})

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        half = len(fake.images) // 2
        return {"gan": self.cost(real, 0) + sum(self.cost(each, n) for n, each in enumerate(fake.split(half, half), 1))}

    def generator(self, now: Moment, fake: Judged, real: Judged | None) -> i2i.Terms:
        return {"gan": 2 * self.cost(fake, 0)}

    def costs(self, real: Judged, fake: Judged) -> Tensor:
        """Cross-entropies of real and of generated pictures, on the scale of two classes, (2,)."""
        half = len(fake.images) // 2
        fakes = sum(self.cost(each, kind) for kind, each in enumerate(fake.split(half, half), 1)) / 2
        return torch.stack([self.cost(real, 0), torch.as_tensor(fakes)]) * (math.log(2) / math.log(3))

    def cost(self, judged: Judged, kind: int) -> Tensor:
        """The cross-entropy of taking all for one kind."""
        assert judged.classes is not None
        return -wide(judged.classes).log_softmax(dim=1)[:, kind].mean()


def of_two_classes(real: Judged, fake: Judged) -> Tensor:
    """Cross-entropies of real and of generated pictures, (2,)."""
    return torch.stack([F.softplus(-wide(real.logit)).mean(), F.softplus(wide(fake.logit)).mean()])
