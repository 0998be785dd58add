"""Objectives of energies: discriminators that are autoencoders, and say how badly they copy a picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

import i2i
from i2i import networks
from i2i_zoo.bounds import Weight
from i2i_zoo.moment import Moment
from i2i_zoo.parts import Divergence, Element, Judged, wide


class OfEnergies(Divergence):
    """An objective of energies instead of logits."""

    needs, forbids = frozenset({"energy"}), frozenset()


class EnergyBased(OfEnergies):
    """D: mean r + mean relu(margin - f), of each picture's own; G: mean f (Zhao et al., 2016, arXiv:1609.03126)."""

    margin = Weight(1.0)  # of means of squares; 10 of the norm of a picture of 32 pixels a side

    def d(self, r: Tensor, f: Tensor) -> Tensor:
        return r.mean() + F.relu(self.margin - f).mean()

    def g(self, f: Tensor, r: Tensor | None) -> Tensor:
        return f.mean()


class PullAway(Element):
    """G: weight / (N (N - 1)) * sum over i != j of cos(s_i, s_j)^2, of the codes s of drawn pictures (same paper)."""

    needs = frozenset({"embedding"})
    couples = "it compares the codes of all pictures of a batch"

    def __init__(self, weight: float = Weight(0.1)) -> None:
        super().__init__()
        self.weight = weight

    def generator(self, now: Moment, fake: Judged, real: Judged | None) -> i2i.Terms:
        assert fake.embedding is not None
        return {"pull_away": self.weight * pull_away(networks.gather(wide(fake.embedding).contiguous()))}


def pull_away(codes: Tensor) -> Tensor:
    """The mean squared cosine of two of the codes (N, E); 0 of one."""
    count = len(codes)
    direction = F.normalize(codes, dim=1)
    cosines = (direction @ direction.t()).square()
    return (cosines.sum() - cosines.diagonal().sum()) / max(1, count * (count - 1))


class Equilibrium(Element):
    """D: mean r - k mean f; G: mean f; k holds mean f at gamma mean r (Berthelot et al., 2017, arXiv:1703.10717).

    After a step k <- clip(k + rate (gamma L(real) - L(generated)), 0, 1), with the L of the generator's update. Both
    are averaged over ranks. `measure` is L(real) + |gamma L(real) - L(generated)|, which falls as pictures get better.
    """

    needs = frozenset({"energy"})

    def __init__(self, gamma: float = 0.5, rate: float = 1e-3) -> None:
        super().__init__()
        if gamma <= 0 or rate < 0:
            raise ValueError(
                f"--objective began:gamma={gamma:g},rate={rate:g} cannot be; give more than 0, and 0 or more"
            )
        self.gamma, self.rate = gamma, rate
        for name in ("k", "measure", "balance", "real", "fake"):
            self.register_buffer(name, torch.zeros(()))
        self.k: Tensor
        self.measure: Tensor
        self.balance: Tensor  # gamma L(real) - L(generated)
        self.real: Tensor  # L(real) of the step
        self.fake: Tensor

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        r, f = wide(real.logit).mean(), wide(fake.logit).mean()
        self.real = networks.average_over_ranks(r.detach()).to(self.k)
        return {"gan": r - self.k.to(f) * f}

    def generator(self, now: Moment, fake: Judged, real: Judged | None) -> i2i.Terms:
        f = wide(fake.logit).mean()
        self.fake = networks.average_over_ranks(f.detach()).to(self.k)
        return {"gan": f}

    @torch.no_grad()
    def stepped(self, now: Moment, player: str) -> None:
        if player == "generator":
            self.balance = self.gamma * self.real - self.fake
            self.measure = self.real + self.balance.abs()
            self.k = (self.k + self.rate * self.balance).clamp(0, 1)

    def watched(self) -> i2i.Terms:
        return {"k": self.k, "measure": self.measure}
