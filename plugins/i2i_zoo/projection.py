"""Search for the latent whose picture is like a given one, and let strokes edit it.

As iGAN does (Zhu et al., 2016, arXiv:1609.03552) several starts go downhill by Adam, each kept where latents are drawn,
and a stroke pulls the picture found, which holds on to its latent. For styles, whose starts hold their mean, that is
the search of StyleGAN2 (Karras et al., 2020, arXiv:1912.04958) with a style for each layer, its learning rates in
units of the styles' deviation; noise stays as it is, and pictures are compared by themselves instead of a network's
features.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

import i2i

CANDIDATES, STARTS = 32, 4  # latents that are looked at, and the best of them, which begin
AT_ONCE = 8  # of the candidates
RATE = 0.1  # of Adam, in deviations of latents
RISE, FALL = 0.05, 0.25  # shares of a descent in which its rate goes up and down
HOLD = 0.05  # what a deviation from the latent that was found costs, squared, where a stroke edits

Step = tuple[int, int, float, Tensor]
Cost = Callable[[Tensor, Tensor], Tensor]  # pictures (N, C, H, W) and their latents (N, ...) to (N,)


def distance(images: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Mean squares (N,) of what differs, by a weight (1, 1, H, W) of each pixel, over a pyramid of means.

    Each level has half the sides of the one before, down to a single pixel: far off, coarse ones show the way. What is
    drawn beyond white where white is wanted, or beyond black, does not differ.
    """
    drawn = images.detach()
    beyond = (drawn.abs() > 1) & (drawn.sign() * wanted > 0.999)
    off = weight * (images - wanted).masked_fill(beyond, 0.0)  # (N, C, H, W)
    levels = []
    while True:
        squares = off.square() / weight.clamp_min(1e-6)
        levels.append(squares.mean(dim=1).flatten(1).sum(dim=1) / weight.sum().clamp_min(1e-6))
        if max(off.shape[2:]) < 2:
            return torch.stack(levels).mean(dim=0)
        off, weight = (F.avg_pool2d(each, 2, ceil_mode=True) for each in (off, weight))


def ramp(share: float) -> float:
    """The factor on the rate, at a share of a descent."""
    fall = min(1.0, (1 - share) / FALL)
    return min(1.0, share / RISE + 0.1) * (0.5 - 0.5 * math.cos(math.pi * fall))


def search(
    draw: Callable[[Tensor], Tensor], keep: Callable[[Tensor], Tensor], starts: Tensor, wanted: i2i.Batch, steps: int
) -> Iterator[Step]:
    """Search from some of the `starts` (N, ...) for the latent whose picture, by `draw`, is most like a wanted one.

    A quarter of the steps goes downhill from several, the rest from the best of these; with a stroke the last half
    edits. Distances are to what is wanted at last, in all steps.
    """
    like = wanted["like"]
    mask = wanted["mask"] if "mask" in wanted else torch.zeros_like(like[:, :1])

    def plain(images: Tensor, latents: Tensor) -> Tensor:
        return distance(images, like, torch.ones_like(mask))

    def edited(images: Tensor, latents: Tensor) -> Tensor:
        return distance(images, like, 1 - mask) + distance(images, wanted["stroke"], mask)

    judge = edited if "stroke" in wanted else plain
    with torch.no_grad():
        costs = torch.cat([plain(draw(some), some) for some in starts.split(AT_ONCE)])
    deviation = starts.std(dim=0).mean().item() or 1.0
    climb = Descent(draw, keep, judge, RATE * deviation, steps)
    quarter, half = steps // 4, steps // 2 if "stroke" in wanted else steps
    best = yield from climb.go(starts[costs.argsort()[:STARTS]], range(quarter), plain)
    best = yield from climb.go(best, range(quarter, half), plain)
    if half < steps:

        def held(images: Tensor, latents: Tensor) -> Tensor:
            away = ((latents - best) / deviation).square().flatten(1).mean(dim=1)
            return edited(images, latents) + HOLD * away

        yield from climb.go(best, range(half, steps), held)


@dataclass(frozen=True)
class Descent:
    """Downhill by Adam, among latents that `keep` leaves as they are; `judge` is the distance that is told."""

    draw: Callable[[Tensor], Tensor]
    keep: Callable[[Tensor], Tensor]
    judge: Cost
    rate: float
    steps: int

    def go(self, starts: Tensor, steps: range, cost: Cost) -> Generator[Step, None, Tensor]:
        """Take some of all steps from latents (N, ...), tell of the best after each; return it (1, ...)."""
        latents = starts.detach().clone().requires_grad_()
        best, least = latents.detach()[:1].clone(), math.inf
        adam = torch.optim.Adam([latents])
        for place, step in enumerate(steps):
            adam.param_groups[0]["lr"] = self.rate * ramp(place / len(steps))
            images = self.draw(latents)
            costs = cost(images, latents)
            first = costs.argmin()
            now = latents.detach()[first].clone()
            if costs[first].item() < least:
                best, least = now[None], costs[first].item()
            yield step + 1, self.steps, self.judge(images.detach().clamp(-1, 1), latents.detach())[first].item(), now
            (latents.grad,) = torch.autograd.grad(costs.sum(), latents)
            adam.step()
            with torch.no_grad():
                latents.copy_(self.keep(latents))
        return best
