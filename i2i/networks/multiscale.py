"""Multi-scale discriminator of pix2pixHD (Wang et al., 2018, arXiv:1711.11585)."""

from __future__ import annotations

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

    def forward(self, images: Tensor) -> list[Tensor] | list[list[Tensor]]:
        outputs = []
        for index, scale in enumerate(self.scales):
            if index:
                images = F.avg_pool2d(images, 3, stride=2, padding=1, count_include_pad=False)
            outputs.append(scale(images, features=self.features))
        return outputs
