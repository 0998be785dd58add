"""What makes small pictures of large ones, for the network to undo: three ways, from a clean one to bad photos.

Pictures are (N, C, H, W) of values in [0, 1], float32 or better. The third way is Real-ESRGAN's (Wang, Xie, Dong, Shan,
2021, arXiv:2107.10833): blurred, resized, made noisy and compressed, twice. Everything random comes from `progress`, so
that a step can be replayed. Unlike the authors', Poisson noise is drawn from the Gaussian that it is near to, sizes and
filters of resizing are those of the whole batch, and the large pictures are not sharpened.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

import i2i
from i2i import networks
from i2i_srgan import kernels

KINDS = ("bicubic", "blur", "second-order")
QUALITY = (30, 95)  # of JPEG
CELL = 16  # JPEG compresses in squares of this side, with coarser colour


@dataclass(frozen=True)
class Round:
    """How strongly a round of the second-order degradation treats pictures."""

    blurred: float  # share of pictures
    sigma: tuple[float, float]  # of the blur, in pixels
    resized: tuple[float, float]  # share of batches that are enlarged, that are shrunk
    sides: tuple[float, float]  # how far they are shrunk and enlarged
    gaussian: tuple[float, float]  # deviation of the noise, of 255
    poisson: tuple[float, float]  # strength of the noise that grows with brightness


FIRST = Round(1.0, (0.2, 3.0), (0.2, 0.7), (0.15, 1.5), (1, 30), (0.05, 3))
SECOND = Round(0.8, (0.2, 1.5), (0.3, 0.4), (0.3, 1.2), (1, 25), (0.05, 2.5))
GAUSSIAN, GRAY, FINAL_SINC = 0.5, 0.4, 0.8  # shares of pictures: with Gaussian noise, with gray noise, sharpened last


@torch.no_grad()
def degrade(large: Tensor, scale: int, kind: str, sigma: float, levels: int, progress: i2i.Progress) -> Tensor:
    """Make pictures (N, C, H/scale, W/scale) of (N, C, H, W), both in [0, 1], rounded to `levels` steps.

    `sigma` is that of the blur, in pixels of the large picture; `levels` of 0 rounds nothing. Computed in float32 or
    better, also within autocast.
    """
    large = large.float() if large.dtype in (torch.bfloat16, torch.float16) else large
    with torch.autocast(large.device.type, enabled=False):
        if kind == "bicubic":
            small = networks.bicubic_down(large, scale)
        elif kind == "blur":
            small = blurred_down(large, scale, sigma)
        else:
            small = second_order(large, scale, progress)
    small = small.clamp(0, 1)
    return (small * levels).round() / levels if levels else small


def blurred_down(images: Tensor, times: int, sigma: float) -> Tensor:
    """Blur by a Gaussian and keep one point of each square of `times` pixels, its middle.

    The Gaussian is centred on the points that are kept, so that small and large pictures lie on each other.
    """
    reach = math.ceil(3 * sigma)
    place = torch.arange(-reach, times + reach, dtype=images.dtype, device=images.device) - (times - 1) / 2
    taps = torch.exp(-0.5 * (place / sigma) ** 2)
    taps = (taps / taps.sum()).expand(images.shape[1], 1, 1, -1)
    more = [reach + -side % times for side in images.shape[2:]]
    padded = networks.mirrored(images, (reach, more[0]), (reach, more[1]))
    rows = F.conv2d(padded, taps, stride=(1, times), groups=images.shape[1])
    return F.conv2d(rows, taps.transpose(2, 3), stride=(times, 1), groups=images.shape[1])


def second_order(images: Tensor, times: int, progress: i2i.Progress) -> Tensor:
    """Blur, resize, add noise and compress, twice, and end at 1/`times` of the size."""
    height, width = images.shape[2:]
    size = (height // times, width // times)
    small = _compressed(_worn(images, (height, width), FIRST, progress), progress)
    small = _worn(small, size, SECOND, progress)
    if _draw(1, progress)[0] < 0.5:
        return _compressed(_finished(small, size, progress), progress)
    return _finished(_compressed(small, progress), size, progress)


def _worn(images: Tensor, size: tuple[int, int], how: Round, progress: i2i.Progress) -> Tensor:
    """Blur pictures, resize them relative to `size`, add noise."""
    count = len(images)
    taps = kernels.blurs(progress.rand(count, kernels.DRAWS).to(images), how.sigma)
    images = _filtered(images, taps, progress.rand(count).to(images) < how.blurred)

    which, where, mode = _draw(3, progress)
    (up, down), (least, most) = how.resized, how.sides
    factor = 1.0
    if which < up:
        factor = 1 + where * (most - 1)
    elif which < up + down:
        factor = least + where * (1 - least)
    images = _resized(images, tuple(max(1, round(side * factor)) for side in size), mode)
    return (images + _noise(images, how, progress)).clamp(0, 1)


def _noise(images: Tensor, how: Round, progress: i2i.Progress) -> Tensor:
    """Draw Gaussian noise for some pictures and Poisson noise for the others, for some the same in all channels."""
    count = len(images)
    draws = progress.rand(count, 4).to(images).view(count, 4, 1, 1, 1).unbind(1)
    noise = progress.randn(*images.shape).to(images)
    gray = draws[0] < GRAY
    noise = torch.where(gray, noise[:, :1], noise)
    deviation = _between(how.gaussian, draws[2]) / 255
    brightness = torch.where(gray, images.mean(dim=1, keepdim=True), images)
    poisson = (
        _between(how.poisson, draws[2]) * (brightness / 255).sqrt()
    )  # counts up to 255, of whose mean it is the root
    return noise * torch.where(draws[1] < GAUSSIAN, deviation, poisson)


def _finished(images: Tensor, size: tuple[int, int], progress: i2i.Progress) -> Tensor:
    """Bring pictures to their last size, and ring around the edges of some."""
    images = _resized(images, size, _draw(1, progress)[0])
    taps = kernels.sincs(progress.rand(len(images)).to(images))
    return _filtered(images, taps, progress.rand(len(images)).to(images) < FINAL_SINC).clamp(0, 1)


def _filtered(images: Tensor, taps: Tensor, wanted: Tensor) -> Tensor:
    """Filter those pictures (N, C, H, W) that are wanted (N,), each with taps (N, k, k) of its own."""
    from kornia.filters import filter2d

    return torch.where(wanted.view(-1, 1, 1, 1), filter2d(images, taps, border_type="replicate"), images)


def _compressed(images: Tensor, progress: i2i.Progress) -> Tensor:
    """Compress pictures as JPEG does, each in a quality of its own; those of neither 1 nor 3 channels stay."""
    from kornia.enhance import jpeg_codec_differentiable

    quality = _between(QUALITY, progress.rand(len(images)).to(images))
    if images.shape[1] not in (1, 3):
        return images
    height, width = images.shape[2:]
    padded = networks.mirrored(images.expand(-1, 3, -1, -1), (0, -height % CELL), (0, -width % CELL))
    return jpeg_codec_differentiable(padded, quality)[:, : images.shape[1], :height, :width].clamp(0, 1)


def _resized(images: Tensor, size: tuple[int, ...], mode: float) -> Tensor:
    """Resize by one of three filters, which `mode` in [0, 1) chooses."""
    if tuple(images.shape[2:]) == size:
        return images
    name = ("area", "bilinear", "bicubic")[int(3 * mode)]
    return F.interpolate(images, size, mode=name, **({} if name == "area" else {"align_corners": False})).clamp(0, 1)


def _between(span: tuple[float, float], share: Tensor) -> Tensor:
    return span[0] + share * (span[1] - span[0])


def _draw(count: int, progress: i2i.Progress) -> list[float]:
    """Numbers from U[0, 1) for the whole batch, the same on every rank."""
    return torch.rand(count, generator=progress.generator()).tolist()
