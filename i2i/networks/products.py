"""Convolutions that are matrix products where few pixels meet many weights, for a CPU: the same function, faster."""

from __future__ import annotations

from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

ROWS = 256  # places of all pictures of a batch up to which a product was faster, with 256 to 1024 channels


class Conv2d(nn.Conv2d):
    """A convolution of (N, in, H, W), padded with zeros.

    At the bottom of a U-Net millions of weights meet some dozen pixels, and most of a convolution's time on a CPU goes
    into turning the weights; as a product of them with the patches it takes a half to a third of the time.
    """

    def forward(self, images: Tensor) -> Tensor:
        of_layer = (self.kernel_size, self.stride, self.padding, self.dilation)
        size, step, edge, gap = (cast(tuple[int, int], pair) for pair in of_layer)
        height, width = (
            (side + 2 * e - d * (k - 1) - 1) // s + 1
            for side, k, s, e, d in zip(images.shape[2:], size, step, edge, gap, strict=True)
        )
        if not images.is_cpu or len(images) * height * width > ROWS:
            return super().forward(images)
        patches = F.unfold(images, size, gap, edge, step).transpose(1, 2)  # (N, H' W', in k k)
        rows = F.linear(patches, self.weight.flatten(1), self.bias)  # (N, H' W', out)
        return rows.transpose(1, 2).unflatten(2, (height, width))


class ConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution of (N, in, H, W), by a product like `Conv2d`'s where pixels are few."""

    def forward(self, images: Tensor, output_size: list[int] | None = None) -> Tensor:
        height, width = images.shape[2:]
        if not images.is_cpu or len(images) * height * width > ROWS or output_size is not None:
            return super().forward(images, output_size)
        of_layer = (self.kernel_size, self.stride, self.padding, self.dilation, self.output_padding)
        size, step, edge, gap, more = (cast(tuple[int, int], pair) for pair in of_layer)
        large = tuple(
            (side - 1) * s - 2 * e + d * (k - 1) + m + 1
            for side, k, s, e, d, m in zip((height, width), size, step, edge, gap, more, strict=True)
        )
        rows = images.flatten(2).transpose(1, 2) @ self.weight.flatten(1)  # (N, H W, out k k)
        made = F.fold(rows.transpose(1, 2), large, size, gap, edge, step)
        return made if self.bias is None else made + self.bias.to(made.dtype)[:, None, None]
