"""What networks are put together from: norms, up-sampling, and stages of named layers."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from i2i.networks.padding import Pad
from i2i.options import nearest

NORMS = ("instance", "batch", "none")
UPSAMPLINGS = ("transposed", "resize")


def stage(**layers: nn.Module | None) -> nn.Sequential:
    """Chain layers under their names (`conv`, `norm`, ...), leaving out those that are None."""
    return nn.Sequential(OrderedDict((name, layer) for name, layer in layers.items() if layer is not None))


def normalisation(kind: str, channels: int) -> nn.Module | None:
    """Make a norm layer: `instance` (no parameters, no running statistics), `batch`, or None for `none`.

    Raises LookupError for another kind.
    """
    if kind == "instance":
        return nn.InstanceNorm2d(channels)
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
