"""Networks that enlarge pictures: SRGAN's SRResNet, BasicSR's without norms, and ESRGAN's residual-in-residual one.

They take and make pictures of values in [0, 1]; what they make may leave that range. Their weights are named as in the
published codes: Lornatang's SRGAN-PyTorch for the first, BasicSR for the other two.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i import networks
from i2i_srgan.layers import PReLU, shuffled

STAGES = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}  # an enlargement, one after another
BLOCKS = {"srresnet": 16, "msrresnet": 16, "rrdb": 23}
SKIPS = {"srresnet": "none", "msrresnet": "bilinear", "rrdb": "none"}
GAIN = 0.1  # of first weights, in the networks without norms


def make(kind: str, channels: int, width: int, blocks: int, growth: int, scale: int, skip: str) -> Generator:
    """Make a generator. Raises ValueError for an enlargement that it does not have."""
    if scale not in STAGES or (kind == "rrdb" and scale == 3):
        ways = [str(times) for times in STAGES if kind != "rrdb" or times != 3]
        raise ValueError(f"--scale is {scale}; {kind} enlarges {', '.join(ways[:-1])} or {ways[-1]} times")
    if kind == "rrdb":
        return RRDBNet(channels, width, blocks, growth, scale, skip)
    return {"srresnet": SRResNet, "msrresnet": MSRResNet}[kind](channels, width, blocks, scale, skip)


class Generator(nn.Module):
    """Enlarge (N, C, H, W) to (N, C, scale H, scale W): by a network, and by adding what interpolation makes of it."""

    size_multiple = 1

    def __init__(self, scale: int, skip: str) -> None:
        super().__init__()
        self.scale, self.skip = scale, skip

    def forward(self, small: Tensor) -> Tensor:
        large = self.enlarge(small)
        if self.skip == "bilinear":
            return large + F.interpolate(small, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return large + networks.bicubic_up(small, self.scale) if self.skip == "bicubic" else large

    def enlarge(self, small: Tensor) -> Tensor:
        """What the network itself makes."""
        raise NotImplementedError


class ConvBlock(nn.Module):
    """Two convolutions with batch norm whose output is added to their input; nothing comes after the sum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.rcb = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            PReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.rcb(x)


class UpBlock(nn.Module):
    """Enlarge by pixel shuffling: convolve, shuffle, PReLU."""

    def __init__(self, width: int, times: int) -> None:
        super().__init__()
        conv = nn.Conv2d(width, width * times**2, 3, padding=1)
        self.upsample_block = nn.Sequential(conv, nn.PixelShuffle(times), PReLU())

    def forward(self, x: Tensor) -> Tensor:
        conv, shuffle, prelu = self.upsample_block
        return prelu(shuffled(x, conv, shuffle.upscale_factor))  # (N, width, times H, times W)


class SRResNet(Generator):
    """SRGAN's generator: residual blocks with batch norm between convolutions of 9 pixels."""

    def __init__(self, channels: int, width: int, blocks: int, scale: int, skip: str = "none") -> None:
        super().__init__(scale, skip)
        self.conv1 = nn.Sequential(nn.Conv2d(channels, width, 9, padding=4), PReLU())
        self.trunk = nn.Sequential(*(ConvBlock(width) for _ in range(blocks)))
        self.conv2 = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        self.upsampling = nn.Sequential(*(UpBlock(width, times) for times in STAGES[scale]))
        self.conv3 = nn.Conv2d(width, channels, 9, padding=4)
        if skip != "none":
            nn.init.zeros_(self.conv3.weight)  # training begins at what interpolation makes
            nn.init.zeros_(self.conv3.bias)

    def enlarge(self, small: Tensor) -> Tensor:
        head = self.conv1(small)
        return self.conv3(self.upsampling(head + self.conv2(self.trunk(head))))


class ResidualBlockNoBN(nn.Module):
    """Two convolutions whose output is added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(x)))


class MSRResNet(Generator):
    """BasicSR's SRResNet: no norm, convolutions of 3 pixels, and the picture itself, enlarged, is added."""

    def __init__(self, channels: int, width: int, blocks: int, scale: int, skip: str = "bilinear") -> None:
        super().__init__(scale, skip)
        self.conv_first = nn.Conv2d(channels, width, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlockNoBN(width) for _ in range(blocks)))
        for number, times in enumerate(STAGES[scale], start=1):
            self.add_module(f"upconv{number}", nn.Conv2d(width, width * times**2, 3, padding=1))
        self.conv_hr = nn.Conv2d(width, width, 3, padding=1)
        self.conv_last = nn.Conv2d(width, channels, 3, padding=1)
        _initialise(self)

    def enlarge(self, small: Tensor) -> Tensor:
        x = self.body(_leaky(self.conv_first(small), 0.1))
        for number, times in enumerate(STAGES[self.scale], start=1):
            x = _leaky(shuffled(x, getattr(self, f"upconv{number}"), times), 0.1)
        return self.conv_last(_leaky(self.conv_hr(x), 0.1))


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees what all before it made; a fifth of the last is added to the input."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        for number in range(1, 6):
            seen = width + (number - 1) * growth
            self.add_module(f"conv{number}", nn.Conv2d(seen, growth if number < 5 else width, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for number in range(1, 5):
            seen = torch.cat([seen, _leaky(getattr(self, f"conv{number}")(seen))], dim=1)
        return x + 0.2 * self.conv5(seen)


class RRDB(nn.Module):
    """Three dense blocks, a fifth of which is added to the input."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (DenseBlock(width, growth) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.2 * self.rdb3(self.rdb2(self.rdb1(x)))


class RRDBNet(Generator):
    """ESRGAN's generator. As Real-ESRGAN's, it halves pictures first where it is to enlarge them twice."""

    def __init__(
        self, channels: int, width: int, blocks: int, growth: int = 32, scale: int = 4, skip: str = "none"
    ) -> None:
        super().__init__(scale, skip)
        self.size_multiple = 2 if scale == 2 else 1
        self.conv_first = nn.Conv2d(channels * self.size_multiple**2, width, 3, padding=1)
        self.body = nn.Sequential(*(RRDB(width, growth) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(width, width, 3, padding=1)
        self.doublings = 3 if scale == 8 else 2
        for number in range(1, self.doublings + 1):
            self.add_module(f"conv_up{number}", nn.Conv2d(width, width, 3, padding=1))
        self.conv_hr = nn.Conv2d(width, width, 3, padding=1)
        self.conv_last = nn.Conv2d(width, channels, 3, padding=1)
        _initialise(self.body if skip == "none" else self)

    def enlarge(self, small: Tensor) -> Tensor:
        x = self.conv_first(F.pixel_unshuffle(small, self.size_multiple) if self.size_multiple > 1 else small)
        x = x + self.conv_body(self.body(x))
        for number in range(1, self.doublings + 1):
            x = _leaky(getattr(self, f"conv_up{number}")(F.interpolate(x, scale_factor=2, mode="nearest")))
        return self.conv_last(_leaky(self.conv_hr(x)))


def _leaky(x: Tensor, slope: float = 0.2) -> Tensor:
    return F.leaky_relu(x, slope)


def _initialise(net: nn.Module) -> None:
    """Draw small first weights: those of deep sums would add up."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            layer.weight.data.mul_(GAIN)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
