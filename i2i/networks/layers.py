"""What networks are put together from: norms, up-sampling, and stages of named layers."""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i.networks.padding import Pad
from i2i.options import nearest

NORMS = ("instance", "batch", "none")
UPSAMPLINGS = ("transposed", "resize")


def stage(**layers: nn.Module | None) -> nn.Sequential:
    """Chain layers under their names (`conv`, `norm`, ...), leaving out those that are None."""
    return nn.Sequential(OrderedDict((name, layer) for name, layer in layers.items() if layer is not None))


class InstanceNorm(nn.Module):
    """Normalise each channel of each picture of (N, C, H, W) by itself, without parameters or running statistics.

    Takes the place of `nn.InstanceNorm2d`, which copies channels-last tensors into the other layout, so that the next
    convolution must too, and whose gradient is wrong on a CPU (torch 2.14) for one picture whose gradient arrives
    channels-last. A batch norm of one picture is the same function, keeps the layout, and has the right gradient.
    """

    def __init__(self, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, images: Tensor) -> Tensor:
        if len(images) > 1 and (images.is_contiguous() or images.is_cuda or torch.compiler.is_compiling()):
            return F.instance_norm(images, eps=self.eps)
        normed = [F.batch_norm(image, None, None, training=True, eps=self.eps) for image in images.split(1)]
        return torch.cat(normed) if len(normed) > 1 else normed[0]


def normalisation(kind: str, channels: int) -> nn.Module | None:
    """Make a norm layer: `instance` (no parameters, no running statistics), `batch`, or None for `none`.

    Raises LookupError for another kind.
    """
    if kind == "instance":
        return InstanceNorm()
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "none":
        return None
    raise LookupError(f'there is no norm "{kind}"{nearest(kind, NORMS)}; choose {", ".join(NORMS)}')


def upsampling(in_channels: int, out_channels: int, kind: str, size: int, bias: bool) -> dict[str, nn.Module]:
    """Make the layers that double the sides, for `stage`.

    `transposed` is a transposed convolution of `size` 3 or 4; `resize` repeats pixels, then convolves 3x3, which cannot
    draw a checkerboard. Raises LookupError for another kind.
    """
    if kind == "transposed":
        output_padding = size % 2  # an odd kernel alone would give 2H - 1
        return {"conv": nn.ConvTranspose2d(in_channels, out_channels, size, 2, 1, output_padding, bias=bias)}
    if kind == "resize":
        conv = nn.Conv2d(in_channels, out_channels, 3, bias=bias)
        return {"resize": nn.Upsample(scale_factor=2, mode="nearest"), "pad": Pad(1), "conv": conv}
    raise LookupError(f'there is no up-sampling "{kind}"{nearest(kind, UPSAMPLINGS)}; choose {", ".join(UPSAMPLINGS)}')
