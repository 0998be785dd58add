"""U-Net generator (Ronneberger et al., 2015, arXiv:1505.04597), as pix2pix builds it (Isola et al., 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from i2i.networks.initialisation import initialise
from i2i.networks.layers import normalisation, stage, upsampling
from i2i.networks.products import Conv2d


class UNet(nn.Module):
    """Translate (N, in, H, W) to (N, out, H, W) in [-1, 1]: halve `depth` times, then double with skips.

    Sides must be multiples of `size_multiple` = 2 ** depth. `dropout` is the share dropped after the up-sampling of the
    levels from the fifth to the last but one (0.5 in pix2pix, which has no other noise).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int = 64,
        depth: int = 8,
        norm: str = "instance",
        dropout: float = 0.0,
        upsample: str = "transposed",
    ) -> None:
        super().__init__()
        if depth < 2:
            raise ValueError(f"a U-Net of depth {depth} has no skips; use a depth of 2 or more")
        self.size_multiple = self.min_size = 2**depth
        widths = [width * min(2**level, 8) for level in range(depth)]
        bias = norm == "instance"  # as the reference: useless before a norm, but in its checkpoints
        innermost = depth - 1

        # The activation that opens a level in the paper stands at the end of the level above here, in place: a skip
        # then carries LeakyReLU(x), and since it always meets a ReLU, ReLU(LeakyReLU(x)) = ReLU(x) is what the paper's
        # skip gives, for one tensor less in memory.
        self.down = nn.ModuleList()
        for level, channels in enumerate(widths):
            conv = Conv2d(widths[level - 1] if level else in_channels, channels, 4, stride=2, padding=1, bias=bias)
            inner = 0 < level < innermost  # the innermost map may be 1x1, which no norm can take
            act = nn.ReLU(inplace=True) if level == innermost else nn.LeakyReLU(0.2, inplace=True)
            self.down.append(stage(conv=conv, norm=normalisation(norm, channels) if inner else None, act=act))
        self.up = nn.ModuleList()  # by level, the outermost first
        for level, channels in enumerate(widths):
            below = channels if level == innermost else 2 * channels
            above = widths[level - 1] if level else out_channels
            doubling = upsampling(below, above, upsample, size=4, bias=bias or level == 0)
            drop = nn.Dropout(dropout) if dropout and 4 <= level < innermost else None
            norm_layer = normalisation(norm, above) if level else None
            self.up.append(stage(**doubling, norm=norm_layer, dropout=drop, act=None if level else nn.Tanh()))
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        if height % self.size_multiple or width % self.size_multiple:
            raise ValueError(
                f"a U-Net of depth {len(self.down)} got {height}x{width} pixels; "
                f"both sides must be multiples of {self.size_multiple}"
            )
        x, skips = images, []
        for down in self.down:
            x = down(x)  # level k: (N, width * min(2**k, 8), H / 2**(k + 1), W / 2**(k + 1))
            skips.append(x)
        x = skips.pop()
        for up in reversed(self.up):
            x = up(x)
            if skips:
                x = torch.cat([skips.pop(), x], dim=1).relu_()
        return x
