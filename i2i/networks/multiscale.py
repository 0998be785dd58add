"""Multi-scale discriminator of pix2pixHD (Wang et al., 2018, arXiv:1711.11585)."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from i2i.networks.initialisation import initialise
from i2i.networks.patch import PatchDiscriminator


class MultiScaleDiscriminator(nn.Module):
    """Judge (N, in, H, W) with one PatchGAN for the full size and one for each halving after it.

    Returns the logits of each scale, the full size first; with `features=True`, a list for each scale of every layer's
    output after its activation, the logits last, for feature matching. Biases keep torch's initialisation, as in the
    reference.
    """

    def __init__(
        self,
        in_channels: int,
        width: int = 64,
        scales: int = 3,
        layers: int = 3,
        norm: str = "instance",
        features: bool = False,
    ) -> None:
        super().__init__()
        self.features = features
        self.num_layers = layers
        self.scales = nn.ModuleList(
            PatchDiscriminator(in_channels, width, layers, norm, padding=2, bias=True, max_width=512)
            for _ in range(scales)
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                layer.reset_parameters()
        initialise(self, biases=False)

    def forward(self, images: Tensor | Sequence[Tensor]) -> list[Tensor] | list[list[Tensor]]:
        """Judge pictures, or a pyramid of them, where it is made already."""
        levels = self.pyramid(images) if isinstance(images, Tensor) else images
        return [scale(level, features=self.features) for scale, level in zip(self.scales, levels, strict=True)]

    def pyramid(self, images: Tensor) -> list[Tensor]:
        """Make what each scale sees, the full size first."""
        levels = [images]
        for _ in range(len(self.scales) - 1):
            levels.append(halve(levels[-1]))
        return levels


def halve(images: Tensor) -> Tensor:
    """Halve the sides of (N, C, H, W), rounded up, by means over 3x3 pixels, of those that are there."""
    return F.avg_pool2d(images, 3, stride=2, padding=1, count_include_pad=False)
