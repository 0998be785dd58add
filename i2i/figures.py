"""Figures that a run is judged by, measured on held-back pictures; no network and no download is needed.

A metric is a function of results, one for each held-back picture: what went in, what was asked, what came out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from i2i.cards import import_target
from i2i.model import Batch
from i2i.plugins import registry

SIDE = 64  # pixels that every picture is scaled to before its texture is described, so that all are described alike
RADII, SCALES = (1, 2, 4), (1, 2, 4)
NEIGHBOURS = 5


@dataclass(frozen=True)
class Result:
    """One held-back picture translated: inputs (1, C, H, W), the request made, the output (C, H, W) in [-1, 1]."""

    inputs: Batch
    request: Any
    output: Tensor


def choose(metric: str, kind: str) -> str:
    """The metric of a model, or the first that suits a dataset kind; empty when there is none.

    Raises LookupError for a metric that is not installed.
    """
    known = registry().metrics()
    if metric and metric not in known:
        raise LookupError(f'there is no metric "{metric}"; installed: {", ".join(known) or "none"}')
    suited = (
        card.name for card in known.values() if kind in ((card.data,) if isinstance(card.data, str) else card.data)
    )
    return metric or next(suited, "")


def measure(metric: str, results: Sequence[Result]) -> float | None:
    """Compute a metric by name; None when these results cannot tell."""
    value: float | None = import_target(registry().metrics()[metric].target)(results)
    return value


def psnr(results: Sequence[Result]) -> float | None:
    """Mean peak signal-to-noise ratio in decibels of outputs to their targets, over the range [-1, 1].

    10 log10(4 / mean squared error) of each picture; identical pictures count as 100 dB.
    """
    values = []
    for result in results:
        if "target" in result.inputs:
            error = (result.output - result.inputs["target"][0]).square().mean().item()
            values.append(min(100.0, 10 * np.log10(4 / max(error, 1e-12))))
    return float(np.mean(values)) if values else None


def domain_share(results: Sequence[Result]) -> float | None:
    """Share of translated pictures that their colours and textures put nearer to the target's real pictures than to
    those of the domain they came from.

    Real pictures are the inputs of the other direction. 0 is what leaving everything as it is would get, as a rule.
    """
    real: dict[str, list[np.ndarray]] = {}
    domains = sorted({result.request.to for result in results if result.request.to})
    if len(domains) != 2:
        return None
    other = dict(zip(domains, reversed(domains), strict=True))
    for result in results:
        real.setdefault(other[result.request.to], []).append(result.inputs["source"][0].numpy())
    if len(real) != 2 or len({picture.shape[0] for pictures in real.values() for picture in pictures}) != 1:
        return None
    nearer: list[bool] = []
    for target, source in other.items():
        outputs = [result.output.numpy() for result in results if result.request.to == target]
        nearer.extend(nearer_to_target(outputs, real[source], real[target]))
    return float(np.mean(nearer))


def nearer_to_target(
    pictures: Sequence[np.ndarray], source: Sequence[np.ndarray], target: Sequence[np.ndarray]
) -> np.ndarray:
    """Say of each picture (C, H, W) in [-1, 1] whether it is nearer to the target's real pictures than to the source's.

    The distance to a domain is the mean distance to its five nearest pictures. Returns bools (N,).
    """
    here, there = (np.stack([describe(picture) for picture in domain]) for domain in (source, target))  # (M, D)
    scale = np.concatenate([here, there]).std(axis=0) + 1e-6
    vectors = np.stack([describe(picture) for picture in pictures])  # (N, D)
    nearer: np.ndarray = _distance(vectors / scale, there / scale) < _distance(vectors / scale, here / scale)
    return nearer


def describe(picture: np.ndarray) -> np.ndarray:
    """Describe a picture (C, H, W) in [-1, 1] by its colours and textures: a vector (D,).

    Mean and deviation of each channel; of the mean channel, histograms of local binary patterns (Ojala, Pietikäinen,
    Mäenpää, 2002) at three radii, and mean and deviation of intensity and gradients at three scales.
    """
    from skimage.feature import local_binary_pattern
    from skimage.transform import downscale_local_mean, resize

    scaled = resize(picture.transpose(1, 2, 0).astype(np.float64), (SIDE, SIDE), anti_aliasing=True) / 2 + 0.5
    parts = [scaled.mean(axis=(0, 1)), scaled.std(axis=(0, 1))]
    grey = scaled.mean(axis=2)
    steps = np.rint(np.clip(grey, 0, 1) * 255).astype(np.uint8)
    for radius in RADII:
        codes = local_binary_pattern(steps, 8, radius, "uniform").astype(int)  # 0-9
        parts.append(np.bincount(codes.ravel(), minlength=10) / codes.size)
    for factor in SCALES:
        coarse = downscale_local_mean(grey, (factor, factor))
        gradients = [np.abs(gradient) for gradient in np.gradient(coarse)]
        parts.append(np.array([f(values) for values in (coarse, *gradients) for f in (np.mean, np.std)]))
    return np.concatenate(parts)


def _distance(vectors: np.ndarray, domain: np.ndarray) -> np.ndarray:
    """Mean distance (N,) of vectors (N, D) to their nearest neighbours in a domain (M, D), per dimension."""
    pairs = np.sqrt(((vectors[:, None] - domain[None]) ** 2).mean(axis=2))  # (N, M)
    nearest: np.ndarray = np.sort(pairs, axis=1)[:, :NEIGHBOURS].mean(axis=1)
    return nearest
