"""Penalties on how steep a discriminator is. Each differentiates it at pictures, and is differentiated itself."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

import i2i
from i2i import losses, networks
from i2i_zoo.bounds import Weight
from i2i_zoo.moment import Moment
from i2i_zoo.parts import PLAYERS, Element, Judged, wide


class Slope(Element):
    """A penalty on the gradient of the discriminator's logits, weighted."""

    forbids = frozenset({"batch norm in the discriminator"})
    spares = PLAYERS
    twice = ("discriminator",)

    def __init__(self, weight: float, every: int = 1) -> None:
        super().__init__()
        if weight < 0 or every < 1:
            raise ValueError(f"a penalty with weight={weight:g},every={every} cannot be; give 0 or more, and 1 or more")
        self.weight, self.every = weight, every


class GradientPenalty(Slope):
    """weight * mean (|grad C(x)| - 1)^2 at x = e * real + (1 - e) * fake (Gulrajani et al., 2017, arXiv:1704.00028).

    e ~ U(0, 1) is one number a picture, the norm is over all of it. `sides=one` is relu(|grad| - 1)^2, and `zero` is
    |grad|^2. `root` is added under the root, as compare_gan does with 1e-4.
    """

    def __init__(
        self,
        weight: float = 10.0,
        sides: Literal["two", "one", "zero"] = "two",
        root: float = Weight(0.0),
        every: int = 1,
    ) -> None:
        super().__init__(weight, every)
        self.sides, self.root = sides, root

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        share = now.chance.rand(len(real.images)).to(real.images)
        images = losses.interpolate(real.images, fake.images[: len(share)], share)
        slopes = squared_slopes(now, images, real.labels)
        return {"penalty_between": self.weight * off_one(slopes, self.sides, self.root)}


class DRAGAN(Slope):
    """weight * mean (|grad C(x)| - 1)^2 around real pictures (Kodali et al., 2017, arXiv:1705.07215).

    x = real + e * `spread` * std * u, with e ~ U(0, 1) one number a picture, u ~ U(0, 1) one a pixel, and std the one
    deviation of all numbers of the batch; it is `biased`, as the authors' is, or divided by one less.
    """

    couples = "its deviation is over the batch"

    def __init__(
        self,
        weight: float = 10.0,
        spread: float = Weight(0.5),
        std: Literal["biased", "unbiased"] = "biased",
        sides: Literal["two", "one", "zero"] = "two",
        every: int = 1,
    ) -> None:
        super().__init__(weight, every)
        self.spread, self.correction, self.sides = spread, int(std == "unbiased"), sides

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        images = real.images.detach()
        share = now.chance.rand(len(images)).to(images).view(-1, 1, 1, 1)
        std = networks.gather(wide(images).contiguous()).std(correction=self.correction).to(images)
        around = images + share * self.spread * std * now.chance.rand(*images.shape).to(images)
        return {"penalty_around": self.weight * off_one(squared_slopes(now, around, real.labels), self.sides)}


class R1(Slope):
    """gamma / 2 * mean |grad C(x)|^2 at real pictures (Mescheder et al., 2018, arXiv:1801.04406).

    With `every` above 1 it is lazy, as in StyleGAN2: an update of its own at each so-manieth, times as much.
    """

    def __init__(self, gamma: float = 10.0, every: int = 1) -> None:
        super().__init__(gamma, every)

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        return {"penalty": self.weight / 2 * squared_slopes(now, real.images, real.labels).mean()}


class R2(Slope):
    """gamma / 2 * mean |grad C(x)|^2 at generated pictures (Mescheder et al., 2018, arXiv:1801.04406)."""

    def __init__(self, gamma: float = 10.0, every: int = 1) -> None:
        super().__init__(gamma, every)

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        return {"penalty_on_drawn": self.weight / 2 * squared_slopes(now, fake.images, fake.labels).mean()}


class Drift(Element):
    """weight * mean C(real)^2: a critic's logits stay near 0 (Karras et al., 2017, arXiv:1710.10196)."""

    spares = PLAYERS

    def __init__(self, weight: float = 1e-3) -> None:
        super().__init__()
        if weight < 0:
            raise ValueError(f"--gradient-penalty drift:weight={weight:g} drives logits away; give 0 or more")
        self.weight = weight

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        return {"drift": self.weight * wide(real.logit).square().mean()}


def off_one(squares: Tensor, sides: str, root: float = 0.0) -> Tensor:
    """The mean penalty of squared slopes (N,): of what they are off 1, above 1 (`one`), or off 0 (`zero`)."""
    if sides == "zero":
        return squares.mean()
    slopes = (squares + root).clamp_min(1e-32).sqrt()
    off = slopes - 1 if sides == "two" else F.relu(slopes - 1)
    return off.square().mean()


def squared_slopes(now: Moment, images: Tensor, labels: Tensor | None) -> Tensor:
    """|grad C|^2 (N,) at pictures (N, C, H, W), of the sum of their logits; outside autocast, in float32 at least."""
    images = wide(images.detach()).requires_grad_(True)
    with torch.autocast(images.device.type, enabled=False):
        total = now.critic(images, labels).sum()
        (gradient,) = torch.autograd.grad(total, images, create_graph=True)
    return gradient.square().flatten(1).sum(dim=1)
