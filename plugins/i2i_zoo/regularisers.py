"""What else is asked of the players: bounds on weights, and the like."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import i2i
from i2i_zoo.moment import Moment
from i2i_zoo.parts import Element, Judged, wide


class Clip(Element):
    """Clamp every weight of the discriminator to [-bound, bound] after its update (Arjovsky et al., 2017,
    arXiv:1701.07875).
    """

    def __init__(self, bound: float = 0.01) -> None:
        super().__init__()
        if bound <= 0:
            raise ValueError(f"--regularisers clip:bound={bound:g} leaves nothing; give more than 0")
        self.bound = bound

    def warns(self, recipe: i2i.Options) -> str:
        if getattr(recipe, "optimizer", "") == "adam":
            return "clipped weights and Adam's momentum work against each other; --optimizer rmsprop is the paper's"
        return ""

    @torch.no_grad()
    def stepped(self, now: Moment, player: str) -> None:
        if player == "discriminator":
            for weights in now.model.discriminator.parameters():
                weights.clamp_(-self.bound, self.bound)


class HistoricalAverage(Element):
    """weight * |theta - mean of its past values|^2, of both players (Salimans et al., 2016, arXiv:1606.03498).

    The present value is not in the mean, which is held in buffers.
    """

    def __init__(self, weight: float = 1e-3) -> None:
        super().__init__()
        if weight < 0:
            raise ValueError(f"--regularisers historical:weight={weight:g} drives weights away; give 0 or more")
        self.weight = weight

    def prepare(self, generator: nn.Module, discriminator: nn.Module) -> None:
        for player, net in (("generator", generator), ("discriminator", discriminator)):
            self.register_buffer(player + "_mean", torch.zeros_like(flat(net)))
            self.register_buffer(player + "_count", torch.zeros((), dtype=torch.int64))

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        return {"historical": self.weight * self.distance("discriminator", now.model.discriminator)}

    def generator(self, now: Moment, fake: Judged, real: Judged | None) -> i2i.Terms:
        return {"historical": self.weight * self.distance("generator", now.model.generator)}

    def distance(self, player: str, net: nn.Module) -> Tensor:
        """The squared distance from the mean, which then has the present value in it, too."""
        mean, count = self.get_buffer(player + "_mean"), self.get_buffer(player + "_count")
        weights = flat(net)
        distance = (weights - mean).square().sum() * (count > 0)
        with torch.no_grad():
            count += 1
            self.get_buffer(player + "_mean").copy_(torch.lerp(mean, weights, 1 / count.to(mean)))
        return distance


def flat(net: nn.Module) -> Tensor:
    """All weights of a network, (P,), in float32 at least."""
    return torch.cat([wide(weights).flatten() for weights in net.parameters()])
