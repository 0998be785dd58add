"""Styles: features that instances of a label were seen with, as cluster centres to choose from when translating."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from i2i_pix2pixhd.maps import numbered, paint, region_means


class Styles(nn.Module):
    """Cluster centres of each label's features, in buffers of fixed shape, so that a bundle holds them.

    A label that no instance was seen of has none; its instances are painted with 0.
    """

    centres: Tensor  # (labels, clusters, channels)
    counts: Tensor  # (labels,): how many of the clusters are used

    def __init__(self, labels: int, clusters: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("centres", torch.zeros(labels, clusters, channels))
        self.register_buffer("counts", torch.zeros(labels, dtype=torch.int64))

    def fit(self, labels: np.ndarray, features: np.ndarray, shares: np.ndarray) -> None:
        """Cluster features (R, C) of regions with these labels (R,) by K-means, seed 0, as the reference does.

        `shares` (R,) are sizes relative to 1/32 of the picture. Regions below half of that are left out, unless a label
        has no larger ones.
        """
        from sklearn.cluster import KMeans

        self.centres.zero_()
        self.counts.zero_()
        for label in np.unique(labels):
            own = labels == label
            large = own & (shares > 0.5)
            vectors = features[large if large.any() else own]
            count = min(self.centres.shape[1], len(np.unique(vectors, axis=0)))
            found = KMeans(count, n_init=10, random_state=0).fit(vectors).cluster_centers_
            self.centres[int(label), :count] = torch.from_numpy(found).to(self.centres)
            self.counts[int(label)] = count

    def forward(self, found: Tensor, seed: int, by_label: Mapping[int, int], by_instance: Mapping[int, int]) -> Tensor:
        """Paint regions (N, 1, H, W) with a centre each: (N, C, H, W).

        Which one is asked for by instance or by label, or drawn: a function of seed, instance and label, so that the
        others of a picture stay as they are when one is edited. Raises LookupError for a label or cluster that is not
        there.
        """
        numbers, place = numbered(found)
        counts, table = self.counts.tolist(), []
        for label in by_label:
            if label >= len(counts):
                raise LookupError(
                    f"--style names label {label}, which is outside 0-{len(counts) - 1}; give one of these"
                )
        for number in numbers.tolist():
            instance, label = divmod(number, len(counts))
            chosen = by_instance.get(instance, by_label.get(label))
            if chosen is not None and chosen >= counts[label]:
                raise LookupError(self._missing(label, chosen, counts[label]))
            if chosen is None and counts[label]:
                chosen = int(np.random.default_rng([seed, instance, label]).integers(counts[label]))
            table.append((label, chosen or 0))
        rows, columns = torch.tensor(table, device=self.centres.device).unbind(1)
        return paint(self.centres[rows, columns], place)

    @staticmethod
    def _missing(label: int, chosen: int, count: int) -> str:
        if not count:
            return f"label {label} has no styles: training saw none of it; leave it out of --style"
        return f"style {chosen} is outside 0-{count - 1}, those of label {label}; give one of these"


def collect(pictures: Iterable[tuple[Tensor, Tensor]], count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `Styles.fit` takes, of (features (N, C, H, W), regions (N, 1, H, W)): labels, features, shares.

    `count` is the number of labels.
    """
    labels, features, shares = [], [], []
    for feature, found in pictures:
        numbers, means, sizes, _ = region_means(feature, found)
        block = found.shape[2] * found.shape[3] // 32
        labels.append((numbers % count).cpu().numpy())
        features.append(means.double().cpu().numpy())
        shares.append(sizes.cpu().numpy() / block)
    return np.concatenate(labels), np.concatenate(features), np.concatenate(shares)
