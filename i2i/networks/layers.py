"""What networks are put together from: norms, up-sampling, and stages of named layers."""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i.networks.padding import Pad, pad
from i2i.networks.products import ConvTranspose2d
from i2i.options import nearest

NORMS = ("instance", "batch", "none")
UPSAMPLINGS = ("transposed", "resize", "blur")


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


class BlurDown(nn.Module):
    """Halve (N, C, H, W): blur by [1, 2, 1] both ways, mirrored at borders, then keep every second pixel.

    Zhang, "Making Convolutional Networks Shift-Invariant Again", 2019, arXiv:1904.11486. Averaging two neighbours twice
    is that blur; an odd side is rounded up.
    """

    def forward(self, images: Tensor) -> Tensor:
        return F.avg_pool2d(F.avg_pool2d(pad(images, 1), 2, stride=1), 2)


class BlurUp(nn.Module):
    """Double (N, C, H, W): a blur by [1, 3, 3, 1] between the pixels, repeated at borders, which is bilinear."""

    def forward(self, images: Tensor) -> Tensor:
        return F.interpolate(images, scale_factor=2, mode="bilinear", align_corners=False)


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
    raise LookupError(f'there is no norm "{kind}"' + nearest(kind, NORMS, f"choose {', '.join(NORMS)}"))


def upsampling(in_channels: int, out_channels: int, kind: str, size: int, bias: bool) -> dict[str, nn.Module]:
    """Make the layers that double the sides, for `stage`.

    `transposed` is a transposed convolution of `size` 3 or 4. The others cannot draw a checkerboard: `resize` repeats
    pixels, then convolves 3x3; `blur` blurs between them before it does (CUT). Raises LookupError for another kind.
    """
    if kind == "transposed":
        output_padding = size % 2  # an odd kernel alone would give 2H - 1
        return {"conv": ConvTranspose2d(in_channels, out_channels, size, 2, 1, output_padding, bias=bias)}
    if kind == "resize":
        conv = nn.Conv2d(in_channels, out_channels, 3, bias=bias)
        return {"resize": nn.Upsample(scale_factor=2, mode="nearest"), "pad": Pad(1), "conv": conv}
    if kind == "blur":
        return {"blur": BlurUp(), "conv": nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias)}
    raise LookupError(
        f'there is no up-sampling "{kind}"' + nearest(kind, UPSAMPLINGS, f"choose {', '.join(UPSAMPLINGS)}")
    )
