"""f-divergences D_f(P || Q) = E_Q f(p / q), estimated by their conjugates (Nowozin et al., 2016, arXiv:1606.00709).

A logit v becomes t(v) in the domain of the conjugate f*(t) = sup_u (u t - f(u)). Each divergence is two functions: t of
v, and f* of t(v), written in v so that it is finite for any logit. sp(x) = log(1 + exp x).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from i2i_zoo.bounds import Share
from i2i_zoo.parts import Divergence

LARGEST = 80.0  # exponents above it are taken as it: float32 ends at 88


class FDivergence(Divergence):
    """D: mean f*(t(f)) - mean t(r); G: -mean f*(t(f)), or with `heuristic` -mean t(f), which saturates less."""

    heuristic = False

    def t(self, v: Tensor) -> Tensor:
        """In the domain of f*."""
        raise NotImplementedError

    def conjugate(self, v: Tensor) -> Tensor:
        """f*(t(v))."""
        raise NotImplementedError

    def d(self, r: Tensor, f: Tensor) -> Tensor:
        return self.conjugate(f).mean() - self.t(r).mean()

    def g(self, f: Tensor, r: Tensor | None) -> Tensor:
        return -(self.t(f) if self.heuristic else self.conjugate(f)).mean()


class TotalVariation(FDivergence):
    """f(u) = |u - 1| / 2; t = tanh(v) / 2, f*(t) = t."""

    def t(self, v: Tensor) -> Tensor:
        return v.tanh() / 2

    def conjugate(self, v: Tensor) -> Tensor:
        return v.tanh() / 2


class KL(FDivergence):
    """f(u) = u log u; t = v, f*(t) = exp(t - 1)."""

    def t(self, v: Tensor) -> Tensor:
        return v

    def conjugate(self, v: Tensor) -> Tensor:
        return exp(v - 1)


class ReverseKL(FDivergence):
    """f(u) = -log u; t = -exp(-v), f*(t) = -1 - log(-t)."""

    def t(self, v: Tensor) -> Tensor:
        return -exp(-v)

    def conjugate(self, v: Tensor) -> Tensor:
        return v - 1


class Pearson(FDivergence):
    """f(u) = (u - 1)^2; t = v, f*(t) = t^2 / 4 + t. It is the sum of (p - q)^2 / q."""

    def t(self, v: Tensor) -> Tensor:
        return v

    def conjugate(self, v: Tensor) -> Tensor:
        return v.square() / 4 + v


class Neyman(FDivergence):
    """f(u) = (1 - u)^2 / u; t = 1 - exp(-v), f*(t) = 2 - 2 sqrt(1 - t). It is the sum of (p - q)^2 / p."""

    def t(self, v: Tensor) -> Tensor:
        return 1 - exp(-v)

    def conjugate(self, v: Tensor) -> Tensor:
        return 2 - 2 * exp(-v / 2)


class SquaredHellinger(FDivergence):
    """f(u) = (sqrt u - 1)^2; t = 1 - exp(-v), f*(t) = t / (1 - t)."""

    def t(self, v: Tensor) -> Tensor:
        return 1 - exp(-v)

    def conjugate(self, v: Tensor) -> Tensor:
        return exp(v) - 1


class Jeffrey(FDivergence):
    """f(u) = (u - 1) log u; t = v, f*(t) = w + 1 / w + t - 2 with w = W(exp(1 - t)), Lambert's."""

    def t(self, v: Tensor) -> Tensor:
        return v

    def conjugate(self, v: Tensor) -> Tensor:
        log = log_lambert((1 - v).clamp_min(-LARGEST))
        return log.exp() + (-log).exp() + v - 2


class JensenShannon(FDivergence):
    """f(u) = u log u - (u + 1) log((u + 1) / 2); t = log 2 - sp(-v), f*(t) = -log(2 - exp t). Without a half."""

    def t(self, v: Tensor) -> Tensor:
        return math.log(2) - F.softplus(-v)

    def conjugate(self, v: Tensor) -> Tensor:
        return F.softplus(v) - math.log(2)


class WeightedJensenShannon(FDivergence):
    """f(u) = p u log u - c log c, c = 1 - p + p u; t = -p log p - sp(-v), f*(t) = q log(q / (1 - p exp(t / p)))."""

    pi = Share(0.5)  # p; q = 1 - p, and p exp(t / p) = sigmoid(v)^(1 / p)

    def t(self, v: Tensor) -> Tensor:
        return -self.pi * math.log(self.pi) - F.softplus(-v)

    def conjugate(self, v: Tensor) -> Tensor:
        return (1 - self.pi) * (math.log(1 - self.pi) - log_rest(F.softplus(-v) / self.pi))


class GAN(FDivergence):
    """f(u) = u log u - (u + 1) log(u + 1); t = -sp(-v), f*(t) = -log(1 - exp t): minimax."""

    def t(self, v: Tensor) -> Tensor:
        return -F.softplus(-v)

    def conjugate(self, v: Tensor) -> Tensor:
        return F.softplus(v)


def log_lambert(y: Tensor) -> Tensor:
    """The logarithm of w = W(exp y), which solves w + log w = y, by Newton's method.

    It comes from above, as that is convex in log w; steps at the solution keep it, and give it its derivatives.
    """
    log = torch.where(y > 1, y.clamp_min(1).log(), y)
    for _ in range(9):
        log = log - (log.exp() + log - y) / (log.exp() + 1)
    return log


def log_rest(x: Tensor) -> Tensor:
    """log(1 - exp(-x)) of numbers above 0."""
    return (-torch.expm1(-x.clamp_min(1e-30))).log()


def exp(x: Tensor) -> Tensor:
    """Of large numbers no more than float32 holds."""
    return x.clamp_max(LARGEST).exp()
