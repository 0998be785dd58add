"""Penalties on how steep a discriminator is. Each differentiates it at pictures, and is differentiated itself."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

import i2i
from i2i import losses
from i2i_zoo.moment import Moment
from i2i_zoo.parts import Element, Judged, wide


class Slope(Element):
    """A penalty on the gradient of the discriminator's logits, weighted."""

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

    forbids = frozenset({"batch norm in the discriminator"})

    def __init__(
        self, weight: float = 10.0, sides: Literal["two", "one", "zero"] = "two", root: float = 0.0, every: int = 1
    ) -> None:
        super().__init__(weight, every)
        self.sides, self.root = sides, root

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        share = now.chance.rand(len(real.images)).to(real.images)
        images = losses.interpolate(real.images, fake.images[: len(share)], share)
        squares = squared_slopes(now, images, real.labels)
        return {"penalty": self.weight * self.of(squares)}

    def of(self, squares: Tensor) -> Tensor:
        """The mean penalty of squared slopes (N,)."""
        if self.sides == "zero":
            return squares.mean()
        slopes = (squares + self.root).clamp_min(1e-32).sqrt()
        off = slopes - 1 if self.sides == "two" else F.relu(slopes - 1)
        return off.square().mean()


class R1(Slope):
    """gamma / 2 * mean |grad C(x)|^2 at real pictures (Mescheder et al., 2018, arXiv:1801.04406).

    With `every` above 1 it is lazy, as in StyleGAN2: an update of its own at each so-manieth, times as much.
    """

    def __init__(self, gamma: float = 10.0, every: int = 1) -> None:
        super().__init__(gamma, every)

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        return {"penalty": self.weight / 2 * squared_slopes(now, real.images, real.labels).mean()}


def squared_slopes(now: Moment, images: Tensor, labels: Tensor | None) -> Tensor:
    """|grad C|^2 (N,) at pictures (N, C, H, W), of the sum of their logits; outside autocast, in float32 at least."""
    images = wide(images.detach()).requires_grad_(True)
    with torch.autocast(images.device.type, enabled=False):
        total = now.critic(images, labels).sum()
        (gradient,) = torch.autograd.grad(total, images, create_graph=True)
    return gradient.square().flatten(1).sum(dim=1)
