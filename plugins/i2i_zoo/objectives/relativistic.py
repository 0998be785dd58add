"""Relativistic objectives: how much more real a real picture is than a generated one.

Jolicoeur-Martineau, 2018, arXiv:1807.00734. Each is one loss l of a margin, which is least where it is large. Players
exchange their roles: the generator's loss is the discriminator's with r and f exchanged, so the logits of real pictures
stay in it.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from i2i_zoo.bounds import Weight
from i2i_zoo.parts import Divergence


class Paired(Divergence):
    """D: mean l(r_i - f_i), of pairs; G: mean l(f_i - r_i); both times `scale`."""

    needs_real = pairs = True
    scale = Weight(1.0)

    def loss(self, margin: Tensor) -> Tensor:
        """l of margins (N,)."""
        raise NotImplementedError

    def d(self, r: Tensor, f: Tensor) -> Tensor:
        return self.scale * self.loss(r - f).mean()

    def g(self, f: Tensor, r: Tensor | None) -> Tensor:
        assert r is not None
        return self.d(f, r)


class Averaged(Paired):
    """D: mean l(r - mean f) + mean l(mean r - f); G: with r and f exchanged; both times `scale`, the authors' half."""

    pairs = False
    couples = "its means are over the batch"
    scale = Weight(0.5)

    def d(self, r: Tensor, f: Tensor) -> Tensor:
        return self.scale * (self.loss(r - f.mean()).mean() + self.loss(r.mean() - f).mean())


class RSGAN(Paired):
    """l(x) = sp(-x) = log(1 + exp(-x))."""

    def loss(self, margin: Tensor) -> Tensor:
        return F.softplus(-margin)


class RLSGAN(Paired):
    """l(x) = (x - 1)^2."""

    def loss(self, margin: Tensor) -> Tensor:
        return (margin - 1).square()


class RHinge(Paired):
    """l(x) = relu(1 - x)."""

    def loss(self, margin: Tensor) -> Tensor:
        return F.relu(1 - margin)


class RaSGAN(Averaged, RSGAN):
    """l(x) = sp(-x) = log(1 + exp(-x)), of averages."""


class RaLSGAN(Averaged, RLSGAN):
    """l(x) = (x - 1)^2, of averages: codes are -1 and 1."""


class RaHinge(Averaged, RHinge):
    """l(x) = relu(1 - x), of averages."""
