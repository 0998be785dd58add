"""ResNet generator (Johnson et al., 2016, arXiv:1603.08155), as CycleGAN and pix2pixHD build it."""

from __future__ import annotations

from torch import Tensor, nn

from i2i.networks.initialisation import initialise
from i2i.networks.layers import BlurDown, normalisation, stage, upsampling
from i2i.networks.padding import Pad, check_padding


class ResidualBlock(nn.Module):
    """Add two convolutions of (N, C, H, W) to it; there is no activation after the sum."""

    def __init__(self, channels: int, norm: str, dropout: float = 0.0, padding: str = "reflect") -> None:
        super().__init__()
        zeros = check_padding(padding) == "zeros"

        def layers() -> dict[str, nn.Module | None]:
            return {
                "pad": None if zeros else Pad(1, padding),
                "conv": nn.Conv2d(channels, channels, 3, padding=int(zeros), bias=norm == "instance"),
                "norm": normalisation(norm, channels),
            }

        self.first = stage(**layers(), act=nn.ReLU(inplace=True), dropout=nn.Dropout(dropout) if dropout else None)
        self.second = stage(**layers())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


class ResNetGenerator(nn.Module):
    """Translate (N, in, H, W) to (N, out, H, W) in [-1, 1]: halve, `blocks` residual blocks, double again.

    `padding` (reflect, replicate, zeros) is that of the residual blocks; the outer 7x7 convolutions always reflect, as
    in the reference. `dropout` is the share dropped in each block (0.5 there). `antialias` blurs before halving; with
    `upsample="blur"` it is the generator of CUT (Park et al., 2020, arXiv:2007.15651). Sides should be multiples of
    `size_multiple`; others come out rounded up to one.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int = 64,
        blocks: int = 9,
        norm: str = "instance",
        dropout: float = 0.0,
        padding: str = "reflect",
        upsample: str = "transposed",
        downs: int = 2,
        antialias: bool = False,
    ) -> None:
        super().__init__()
        self.size_multiple = 2**downs
        self.min_size = 2 ** (downs + 1)  # an instance norm needs more than one pixel at the bottom
        bias = norm == "instance"  # as the reference: useless before a norm, but in its checkpoints

        self.stem = stage(
            pad=Pad(3),
            conv=nn.Conv2d(in_channels, width, 7, bias=bias),
            norm=normalisation(norm, width),
            act=nn.ReLU(inplace=True),
        )
        self.down = nn.Sequential()
        for channels in (width * 2**level for level in range(downs)):
            conv = nn.Conv2d(channels, channels * 2, 3, stride=1 if antialias else 2, padding=1, bias=bias)
            layers = {"conv": conv, "norm": normalisation(norm, channels * 2), "act": nn.ReLU(inplace=True)}
            self.down.append(stage(**layers, blur=BlurDown() if antialias else None))
        bottom = width * 2**downs
        self.blocks = nn.Sequential(*(ResidualBlock(bottom, norm, dropout, padding) for _ in range(blocks)))
        self.up = nn.Sequential()
        for channels in (width * 2**level for level in reversed(range(downs))):
            doubling = upsampling(channels * 2, channels, upsample, size=3, bias=bias)
            self.up.append(stage(**doubling, norm=normalisation(norm, channels), act=nn.ReLU(inplace=True)))
        self.head = stage(pad=Pad(3), conv=nn.Conv2d(width, out_channels, 7), act=nn.Tanh())
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images)  # (N, width, H, W)
        x = self.down(x)  # (N, 4 width, H/4, W/4)
        x = self.blocks(x)
        x = self.up(x)  # (N, width, H, W)
        return self.head(x)  # (N, out, H, W)
