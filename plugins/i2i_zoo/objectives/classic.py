"""The objectives that others are measured by: cross-entropies, squares, the Wasserstein distance, hinges.

r and f are the logits (N,) of real and of generated pictures, sp(x) = log(1 + exp x); each line is minimised.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from i2i_zoo.bounds import Share, Weight
from i2i_zoo.parts import Divergence


class NonSaturating(Divergence):
    """D: mean sp(-r) + mean sp(f), times `d_scale`; G: mean sp(-f) (Goodfellow et al., 2014, arXiv:1406.2661)."""

    smooth, d_scale = Share(1.0), Weight(1.0)  # smooth=0.9: 0.9 sp(-r) + 0.1 sp(r), one-sided (arXiv:1606.03498)

    def d(self, r: Tensor, f: Tensor) -> Tensor:  # sp(r) = sp(-r) + r
        return self.d_scale * ((F.softplus(-r) + (1 - self.smooth) * r).mean() + F.softplus(f).mean())

    def g(self, f: Tensor, r: Tensor | None) -> Tensor:
        return F.softplus(-f).mean()


class Minimax(NonSaturating):
    """D: mean sp(-r) + mean sp(f); G: -mean sp(f), which saturates (Goodfellow et al., 2014, arXiv:1406.2661)."""

    def g(self, f: Tensor, r: Tensor | None) -> Tensor:
        return -F.softplus(f).mean()


class LeastSquares(Divergence):
    """D: mean (r - b)^2 + mean (f - a)^2; G: mean (f - c)^2; times `scale` (Mao et al., 2016, arXiv:1611.04076)."""

    a, b, c, scale = 0.0, 1.0, 1.0, Weight(0.5)  # -1, 1, 0: Pearson's chi-squared of twice the generated and the mix

    def d(self, r: Tensor, f: Tensor) -> Tensor:
        return self.scale * ((r - self.b).square().mean() + (f - self.a).square().mean())

    def g(self, f: Tensor, r: Tensor | None) -> Tensor:
        return self.scale * (f - self.c).square().mean()


class Wasserstein(Divergence):
    """D: mean f - mean r; G: -mean f (Arjovsky et al., 2017, arXiv:1701.07875). The critic's slope needs a bound."""

    def d(self, r: Tensor, f: Tensor) -> Tensor:
        return f.mean() - r.mean()

    def g(self, f: Tensor, r: Tensor | None) -> Tensor:
        return -f.mean()


class Hinge(Divergence):
    """D: mean relu(1 - r) + mean relu(1 + f); G: -mean f (Lim and Ye, 2017, arXiv:1705.02894)."""

    def d(self, r: Tensor, f: Tensor) -> Tensor:
        return F.relu(1 - r).mean() + F.relu(1 + f).mean()

    def g(self, f: Tensor, r: Tensor | None) -> Tensor:
        return -f.mean()
