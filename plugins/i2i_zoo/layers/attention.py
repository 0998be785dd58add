"""Self-attention over places of maps."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i_zoo.layers.spectral import PLAIN, Kit


class SelfAttention(nn.Module):
    """Add to (N, C, H, W) what each place finds at all others (Zhang et al., 2019, arXiv:1805.08318, as released).

    y = gamma o(g(x) A') + x with A = softmax(theta(x)' phi(x)) over the keys' places. theta and phi have C / 8 channels
    and g has C / 2; phi and g are halved by 2x2 max pooling, so there are H W / 4 keys. Nothing is divided by a root,
    no convolution has a bias, and gamma begins at 0.
    """

    def __init__(self, channels: int, kit: Kit = PLAIN) -> None:
        super().__init__()
        few, half = max(channels // 8, 1), max(channels // 2, 1)
        self.theta = kit.conv(channels, few, 1, bias=False)
        self.phi = kit.conv(channels, few, 1, bias=False)
        self.g = kit.conv(channels, half, 1, bias=False)
        self.o = kit.conv(half, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        queries = self.theta(x).flatten(2)  # (N, C / 8, H W)
        keys = F.max_pool2d(self.phi(x), 2).flatten(2)  # (N, C / 8, H W / 4)
        values = F.max_pool2d(self.g(x), 2).flatten(2)  # (N, C / 2, H W / 4)
        weights = (queries.transpose(1, 2) @ keys).softmax(dim=2)  # (N, H W, H W / 4)
        found = values @ weights.to(values.dtype).transpose(1, 2)  # (N, C / 2, H W)
        return self.gamma.to(x.dtype) * self.o(found.unflatten(2, x.shape[2:])).to(x.dtype) + x
