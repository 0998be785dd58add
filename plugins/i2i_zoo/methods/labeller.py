"""Who labels the pictures that nobody has: a network that learns by telling how pictures were turned.

Lucic et al., 2019, "High-Fidelity Image Generation With Fewer Labels", arXiv:1903.02271, section 3.2. All labels are
hard: the class that is likeliest, and the nearest cluster.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import i2i
from i2i import networks
from i2i_zoo.architectures.residual import Plan, down_blocks, pooled
from i2i_zoo.layers.spectral import PLAIN
from i2i_zoo.objectives.classes import TURNS, cross_entropy
from i2i_zoo.parts import wide

SMALLEST = 4  # side of the last maps, at least
BROADEST = 8  # channels of the last maps, in widths, at most
PICTURES = 50_000  # that clusters are made of, at most
ROUNDS = 100  # of finding them


class Labeller(nn.Module):
    """Residual blocks with batch norm on pictures (N, C, H, W), their mean over all places, and what tells turns.

    Each picture of a batch is turned by 0, 90, 180 and 270 degrees, and the CE of all turns is made small (Gidaris et
    al., 2018, arXiv:1803.07728).
    """

    def __init__(self, channels: int, side: int, width: int) -> None:
        super().__init__()
        halvings = max((side // SMALLEST).bit_length() - 1, 1)
        widths = tuple(width * min(1 << number, BROADEST) for number in range(halvings + 1))
        blocks = down_blocks(Plan((), widths, halvings), channels, widths, PLAIN, "batch", broad=True)
        self.trunk = nn.Sequential(*(layer for layers in blocks for layer in layers))
        self.norm = networks.BatchNorm2d(widths[-1])
        self.turns = nn.Linear(widths[-1], TURNS)

    def features(self, images: Tensor) -> Tensor:
        """Describe pictures by (N, F) numbers, at least 0."""
        return pooled(self.norm(self.trunk(images)), "mean")

    def terms(self, batch: i2i.Batch) -> i2i.Terms:
        """The losses of a batch, each of its pictures in all four turns."""
        return self.losses(self.features(turned(batch["image"])), batch)

    def losses(self, features: Tensor, batch: i2i.Batch) -> i2i.Terms:
        """The losses of the features (4 N, F) of turned pictures, those that were turned alike together."""
        turns = torch.arange(TURNS, device=features.device).repeat_interleave(len(features) // TURNS)
        return {"rotation": F.cross_entropy(wide(self.turns(features)), turns)}

    def look(self, batches: Iterable[i2i.Batch]) -> None:
        """Look at the training data once more, when all else is learnt. Default: nothing."""

    @torch.no_grad()
    def label(self, batch: i2i.Batch) -> Tensor:
        """Labels (N,) of a batch's pictures, none of them unknown."""
        return self.labels(self.eval().features(batch["image"]), batch)

    def labels(self, features: Tensor, batch: i2i.Batch) -> Tensor:
        """Labels (N,) by features (N, F)."""
        raise NotImplementedError


class Classifier(Labeller):
    """Learn known classes beside the turns, with `weight` times their CE in all turns; what is known stays as it is."""

    def __init__(self, channels: int, side: int, width: int, classes: int, weight: float) -> None:
        super().__init__(channels, side, width)
        self.weight = weight
        self.classes = nn.Linear(self.turns.in_features, classes)

    def losses(self, features: Tensor, batch: i2i.Batch) -> i2i.Terms:
        known = cross_entropy(self.classes(features), batch["label"].repeat(TURNS))
        return super().losses(features, batch) | {"classes": self.weight * known}

    def labels(self, features: Tensor, batch: i2i.Batch) -> Tensor:
        known: Tensor = batch["label"]
        return torch.where(known < 0, self.classes(features).argmax(dim=1), known)


class Clusters(Labeller):
    """Need no label: find clusters of directions in what telling turns has taught, by spherical k-means.

    Directions are from the mean of all features. Buffers hold that mean and the clusters' centres, of length 1.
    """

    middle: Tensor  # (F,)
    centres: Tensor  # (K, F); 0 until they are found

    def __init__(self, channels: int, side: int, width: int, clusters: int) -> None:
        super().__init__(channels, side, width)
        size = self.turns.in_features
        self.register_buffer("middle", torch.zeros(size))
        self.register_buffer("centres", torch.zeros(clusters, size))

    def look(self, batches: Iterable[i2i.Batch]) -> None:
        self.eval()
        seen: list[Tensor] = []
        for batch in batches:
            seen.append(networks.gather(self.features(batch["image"])).cpu())
            if sum(map(len, seen)) >= PICTURES:
                break
        features = torch.cat(seen)
        self.middle.copy_(features.mean(dim=0))
        self.centres.copy_(spherical_means(self.directions(features, self.middle.cpu()), len(self.centres)))

    def labels(self, features: Tensor, batch: i2i.Batch) -> Tensor:
        return (self.directions(features, self.middle) @ self.centres.T).argmax(dim=1)

    @staticmethod
    def directions(features: Tensor, middle: Tensor) -> Tensor:
        """Where features (N, F) lie from the middle, of length 1."""
        return F.normalize(features - middle, dim=1)


def turned(images: Tensor) -> Tensor:
    """Pictures (N, C, S, S) by 0, 90, 180 and 270 degrees: (4 N, C, S, S)."""
    return torch.cat([images.rot90(turn, (2, 3)) for turn in range(TURNS)])


def spherical_means(points: Tensor, count: int) -> Tensor:
    """Find so many centres (count, F) of length 1, of points (N, F) of length 1 (Dhillon and Modha, 2001).

    The first is a point; each further one is a point, too, drawn in proportion to how far it is from those before. Then
    centres become the directions of the sums of the points that are nearest to them, until none of them moves.
    """
    chance = torch.Generator().manual_seed(0)
    chosen = [int(torch.randint(len(points), (1,), generator=chance))]
    nearest = points @ points[chosen[0]]
    while len(chosen) < count:
        far = (1 - nearest).clamp_min(1e-12)
        chosen.append(int(torch.multinomial(far, 1, generator=chance)))
        nearest = torch.maximum(nearest, points @ points[chosen[-1]])
    centres = points[chosen]
    for _ in range(ROUNDS):
        sums = torch.zeros_like(centres).index_add_(0, (points @ centres.T).argmax(dim=1), points)
        moved = torch.where(sums.any(dim=1, keepdim=True), F.normalize(sums, dim=1), centres)  # the empty ones stay
        if torch.equal(moved, centres):
            break
        centres = moved
    return centres
