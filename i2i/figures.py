"""Figures that a run is judged by, measured on held-back pictures; no network and no download is needed.

A metric is a function of results, one for each held-back picture: what went in, what was asked, what came out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from i2i.cards import import_target
from i2i.model import Batch, Model, evaluating
from i2i.plugins import registry

if TYPE_CHECKING:
    from i2i.device import Engine

SIDE = 64  # pixels that every picture is scaled to before its texture is described, so that all are described alike
LUMA = (65.481, 128.553, 24.966)  # of ITU-R BT.601 for red, green and blue up to 255, as MATLAB has it
WINDOW = 11  # pixels of a side that structural similarity looks at
RADII, SCALES = (1, 2, 4), (1, 2, 4)
NEIGHBOURS = 5
APART = 0.1  # how much farther, relatively, the other domain must lie for a way between the two to be measured


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


def results(model: Model, engine: Engine, examples: Iterable[tuple[Batch, Any]]) -> list[Result]:
    """Translate samples as they are asked to be: what a metric is a function of."""
    made = []
    with evaluating(model), engine.autocast():
        for sample, request in examples:
            inputs = model.question(engine.move(sample))
            output = model.translate(inputs, request)[0].float().cpu()
            on_cpu = {key: value.cpu() if isinstance(value, Tensor) else value for key, value in inputs.items()}
            made.append(Result(on_cpu, request, output))
    return made


def measure(metric: str, results: Sequence[Result]) -> float | None:
    """Compute a metric by name; None when these results cannot tell."""
    value: float | None = import_target(registry().metrics()[metric].target)(results)
    return value if value is not None and np.isfinite(value) else None


def is_better(metric: str, value: float, before: float) -> bool:
    """Whether a figure has improved, by what its card says of it."""
    return value < before if registry().metrics()[metric].lower_is_better else value > before


def psnr(results: Sequence[Result]) -> float | None:
    """Mean peak signal-to-noise ratio in decibels of outputs to their targets, over the range [-1, 1].

    10 log10(4 / mean squared error) of each picture; identical pictures count as 100 dB.
    """
    values = []
    for result in results:
        if "target" in result.inputs:
            error = (result.output - result.inputs["target"][0]).square().mean().item()
            values.append(10 * np.log10(4 / np.maximum(error, 4e-10)))
    return float(np.mean(values)) if values else None


def psnr_y(results: Sequence[Result]) -> float | None:
    """Mean peak signal-to-noise ratio in decibels as super-resolution counts it: on luma, without the border.

    10 log10(255^2 / mean squared error) of each picture's `luma`; identical pictures count as 100 dB. The border that
    is left out is as many pixels wide as the output is larger than its source. None where no target is known.
    """
    values = []
    for output, target in _lumas(results):
        error = np.square(output - target).mean()
        values.append(10 * np.log10(255**2 / np.maximum(error, 255**2 * 1e-10)))
    return float(np.mean(values)) if values else None


def ssim_y(results: Sequence[Result]) -> float | None:
    """Mean structural similarity (Wang, Bovik, Sheikh, Simoncelli, 2004), on luma and without the border, as `psnr_y`.

    Gaussian windows of 11 pixels, deviation 1.5, only where they fit; pictures smaller than that are left out.
    """
    from skimage.metrics import structural_similarity

    how = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    pairs = [pair for pair in _lumas(results) if min(pair[0].shape) >= WINDOW]
    values = [structural_similarity(output, target, **how) for output, target in pairs]
    return float(np.mean(values)) if values else None


def luma(picture: Tensor) -> np.ndarray:
    """Luma (H, W) of a picture (C, H, W) in [-1, 1]: Y of BT.601 in float64, from 16 for black to 235 for white.

    Of the picture as it is written with 8 bits; gray counts as colour, and of other channels the mean is taken.
    """
    values = np.rint(np.clip(picture.double().numpy() * 127.5 + 127.5, 0, 255))
    weights = LUMA if len(values) == 3 else np.full(len(values), sum(LUMA) / len(values))
    return 16 + np.tensordot(weights, values, axes=1) / 255


def _lumas(results: Sequence[Result]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The luma of each output and of its target, without the border, where that leaves anything."""
    for result in results:
        if "target" not in result.inputs:
            continue
        source, target = result.inputs.get("source"), result.inputs["target"][0]
        times = target.shape[-1] // source.shape[-1] if isinstance(source, Tensor) else 1
        border = times if times > 1 else 0
        if min(target.shape[-2:]) > 2 * border:
            inside = slice(border, -border or None)
            yield luma(result.output)[inside, inside], luma(target)[inside, inside]


def domain_progress(results: Sequence[Result]) -> float | None:
    """How far translations have come from the domain they left to the one they were sent to, by colours and textures.

    See `progress`; the mean of both directions. Real pictures of a domain are the inputs of the other direction. None
    where these are too few or too alike to tell the domains apart: the figure would be noise.
    """
    targets = sorted({result.request.to for result in results if result.request.to})
    if len(targets) != 2:
        return None
    inputs, outputs = (
        [[pick(result).numpy() for result in results if result.request.to == to] for to in targets]
        for pick in (lambda result: result.inputs["source"][0], lambda result: result.output)
    )
    pictures = [picture for group in (*inputs, *outputs) for picture in group]
    if len({picture.shape[0] for picture in pictures}) != 1 or min(map(len, inputs)) < 2:
        return None
    if not (are_apart(inputs[0], inputs[1]) and are_apart(inputs[1], inputs[0])):
        return None
    ways = [progress(outputs[way], inputs[way], inputs[1 - way]) for way in (0, 1)]
    return float(np.mean(ways))


def are_apart(source: Sequence[np.ndarray], target: Sequence[np.ndarray]) -> bool:
    """Whether the source's pictures are clearly farther from the target's than these are from each other."""
    (_, here, there) = _described(source, source, target)
    far, near = _distance(here, there).mean(), _distance(there, there, itself=True).mean()
    return bool(far - near > APART * near)


def progress(pictures: Sequence[np.ndarray], source: Sequence[np.ndarray], target: Sequence[np.ndarray]) -> float:
    """Measure how far pictures have come from the source domain to the target domain, by colours and textures.

    0 is as far from the target's real pictures as the source's are, 1 as near as these are to each other; it can be
    below 0 or above 1. Distances are means over the five nearest pictures of the domain, each dimension of `describe`
    scaled by its deviation. All pictures are (C, H, W) in [-1, 1], at least two of the target.
    """
    made, here, there = _described(pictures, source, target)
    far = _distance(here, there).mean()
    near = _distance(there, there, itself=True).mean()
    return float((far - _distance(made, there).mean()) / max(far - near, 1e-6))


def _described(*groups: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Vectors (N, D) of each group, every dimension scaled by its deviation over the last two groups."""
    vectors = [np.stack([describe(picture) for picture in group]) for group in groups]
    scale = np.concatenate(vectors[-2:]).std(axis=0) + 1e-6
    return [group / scale for group in vectors]


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


def _distance(vectors: np.ndarray, domain: np.ndarray, itself: bool = False) -> np.ndarray:
    """Mean distance (N,) of vectors (N, D) to their nearest neighbours in a domain (M, D), per dimension.

    With `itself` the vectors are the domain's own, and none is its own neighbour.
    """
    pairs = np.sqrt(((vectors[:, None] - domain[None]) ** 2).mean(axis=2))  # (N, M)
    nearest: np.ndarray = np.sort(pairs, axis=1)[:, int(itself) : NEIGHBOURS + int(itself)].mean(axis=1)
    return nearest
