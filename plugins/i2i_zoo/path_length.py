"""Path length: a step in a style shall change the picture by as much everywhere (Karras et al., 2020, 1912.04958)."""

from __future__ import annotations

import torch
from torch import Tensor

import i2i
from i2i import networks
from i2i_zoo.layers.equalised import exact
from i2i_zoo.moment import Moment
from i2i_zoo.parts import PLAYERS, Element, Judged, wide


class PathLength(Element):
    """weight * mean (|J^T y| - a)^2 of pictures drawn for it, `shrink` times fewer than the batch has.

    y ~ N(0, 1) is a picture, over sqrt(H W). a is the moving mean of the lengths, that of the batch included with its
    gradient, and held in a buffer. Lazy: an update of its own each `every` of the generator's, times as much. None
    of it is in bf16, which is too coarse to be differentiated twice.
    """

    needs = frozenset({"styles"})
    couples = "its mean length is over the batch"
    twice = ("generator",)
    spares = PLAYERS

    def __init__(self, weight: float = 2.0, every: int = 4, decay: float = 0.01, shrink: int = 2) -> None:
        super().__init__()
        if weight < 0 or every < 1 or shrink < 1 or not 0 < decay <= 1:
            raise ValueError(
                f"path lengths with weight={weight:g},every={every},decay={decay:g},shrink={shrink} cannot be; "
                "give weight 0 or more, every and shrink 1 or more, decay above 0 and at most 1"
            )
        self.weight, self.every, self.decay, self.shrink = weight, every, decay, shrink
        self.register_buffer("mean", torch.zeros(()))
        self.mean: Tensor

    def generator(self, now: Moment, fake: Judged, real: Judged | None) -> i2i.Terms:
        net, count = now.model.generator, max(1, len(now.pictures.images) // self.shrink)
        with exact(fake.images):
            styles = wide(net.draw_styles(now.latents(count), now.labels(count), now.chance))  # type: ignore[operator]
            images: Tensor = net.synthesis(styles, now.chance)  # type: ignore[operator]
            lengths = path_lengths(images, styles, now.chance.randn(*images.shape).to(images))
            return {"path_length": self.weight * self.penalty(lengths)}

    def penalty(self, lengths: Tensor) -> Tensor:
        """The mean square of how far lengths (N,) are from their moving mean, which they move."""
        mean = torch.lerp(self.mean.to(lengths), networks.average_over_ranks(lengths.mean()), self.decay)
        self.mean = mean.detach().to(self.mean)
        return (lengths - mean).square().mean()


def path_lengths(images: Tensor, styles: Tensor, noise: Tensor) -> Tensor:
    """|J^T y| of pictures (N, C, H, W) by styles (N, L, W), the root of the mean over layers of squares: (N,)."""
    height, width = images.shape[-2:]
    total = (images * noise / (height * width) ** 0.5).sum()
    (gradient,) = torch.autograd.grad(total, styles, create_graph=True)
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()
