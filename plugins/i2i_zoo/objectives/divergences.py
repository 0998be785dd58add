"""f-divergences D_f(P || Q) = E_Q f(p / q), estimated by their conjugates (Nowozin et al., 2016, arXiv:1606.00709).

A logit v becomes t(v) in the domain of the conjugate f*(t) = sup_u (u t - f(u)). Each divergence is two functions: t of
v, and f* of t(v), written in v so that it is finite for any logit. sp(x) = log(1 + exp x).
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from i2i_zoo.parts import Divergence

LARGEST = 80.0  # exponents above it are taken as it: float32 ends at 88


class FDivergence(Divergence):
    """D: mean f*(t(f)) - mean t(r); G: -mean f*(t(f)), or with `heuristic` -mean t(f), which saturates less."""

    def __init__(self, heuristic: bool = False) -> None:
        super().__init__()
        self.heuristic = heuristic

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
        log: Tensor = LogLambertW.apply((1 - v).clamp_min(-LARGEST))
        return log.exp() + (-log).exp() + v - 2


class JensenShannon(FDivergence):
    """f(u) = u log u - (u + 1) log((u + 1) / 2); t = log 2 - sp(-v), f*(t) = -log(2 - exp t). Without a half."""

    def t(self, v: Tensor) -> Tensor:
        return math.log(2) - F.softplus(-v)

    def conjugate(self, v: Tensor) -> Tensor:
        return F.softplus(v) - math.log(2)


class WeightedJensenShannon(FDivergence):
    """f(u) = p u log u - c log c with c = 1 - p + p u; t = -p log p - sp(-v), f*(t) = (1 - p) log((1 - p) /
    (1 - p exp(t / p))).
    """

    def __init__(self, pi: float = 0.5, heuristic: bool = False) -> None:
        super().__init__(heuristic)
        if not 0 < pi < 1:
            raise ValueError(f"--objective fgan-weighted-js:pi={pi:g} weighs one of both alone; give between 0 and 1")
        self.pi = pi

    def t(self, v: Tensor) -> Tensor:
        return -self.pi * math.log(self.pi) - F.softplus(-v)

    def conjugate(self, v: Tensor) -> Tensor:
        rest = -torch.expm1(-F.softplus(-v).clamp_min(1e-30) / self.pi)  # 1 - sigmoid(v)^(1 / p)
        return (1 - self.pi) * (math.log(1 - self.pi) - rest.log())


class GAN(FDivergence):
    """f(u) = u log u - (u + 1) log(u + 1); t = -sp(-v), f*(t) = -log(1 - exp t): minimax."""

    def t(self, v: Tensor) -> Tensor:
        return -F.softplus(-v)

    def conjugate(self, v: Tensor) -> Tensor:
        return F.softplus(v)


class LogLambertW(torch.autograd.Function):
    """The logarithm of w = W(exp y), which solves w + log w = y, by Newton's method; its derivative is 1 / (1 + w)."""

    @staticmethod
    def forward(ctx: Any, y: Tensor) -> Tensor:
        log = torch.where(y > 1, y.clamp_min(1).log(), y)
        for _ in range(8):  # always from above: what is solved is convex in log w
            log = log - (log.exp() + log - y) / (log.exp() + 1)
        ctx.save_for_backward(log)
        return log

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (log,) = ctx.saved_tensors
        return gradients[0] / (1 + log.exp())


def exp(x: Tensor) -> Tensor:
    """Of large numbers no more than float32 holds."""
    return x.clamp_max(LARGEST).exp()
