"""The objectives that others are measured by: cross-entropies, squares, the Wasserstein distance, hinges.

r and f are the logits (N,) of real and of generated pictures, sp(x) = log(1 + exp x); each line is minimised.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from i2i_zoo.parts import Divergence


class NonSaturating(Divergence):
    """D: mean sp(-r) + mean sp(f); G: mean sp(-f) (Goodfellow et al., 2014, arXiv:1406.2661).

    `smooth` is what the discriminator shall believe of real pictures: at 0.9 (one-sided smoothing; Salimans et al.,
    2016, arXiv:1606.03498) the first term is 0.9 sp(-r) + 0.1 sp(r). `d_scale` multiplies the discriminator's loss.
    """

    def __init__(self, smooth: float = 1.0, d_scale: float = 1.0) -> None:
        super().__init__()
        self.smooth, self.d_scale = smooth, d_scale

    def d(self, r: Tensor, f: Tensor) -> Tensor:
        real = F.softplus(-r) + (1 - self.smooth) * r  # sp(r) = sp(-r) + r
        return self.d_scale * (real.mean() + F.softplus(f).mean())

    def g(self, f: Tensor, r: Tensor | None) -> Tensor:
        return F.softplus(-f).mean()


class Minimax(NonSaturating):
    """D: mean sp(-r) + mean sp(f); G: -mean sp(f), which saturates (Goodfellow et al., 2014, arXiv:1406.2661)."""

    def g(self, f: Tensor, r: Tensor | None) -> Tensor:
        return -F.softplus(f).mean()


class LeastSquares(Divergence):
    """D: mean (r - b)^2 + mean (f - a)^2; G: mean (f - c)^2; both times `scale` (Mao et al., 2016, arXiv:1611.04076).

    With a=-1,b=1,c=0 it is Pearson's chi-squared between twice the generated and the mixture.
    """

    def __init__(self, a: float = 0.0, b: float = 1.0, c: float = 1.0, scale: float = 0.5) -> None:
        super().__init__()
        self.a, self.b, self.c, self.scale = a, b, c, scale

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
