"""pix2pixHD's networks: a global generator in two parts, and the local enhancer that doubles its resolution.

The global generator is a `Trunk` and a head; the enhancer takes the trunk's map, so that the head rests from then on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from torch import Tensor, nn

from i2i import networks

Net = TypeVar("Net", bound=nn.Module)


def initialised(net: Net) -> Net:
    """Draw weights from N(0, 0.02) and leave biases to torch, as the reference does."""
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            layer.reset_parameters()
    return networks.initialise(net, biases=False)


class Trunk(networks.ResNetGenerator):
    """The global generator but for its head: (N, in, H, W) to (N, width, H, W)."""

    def __init__(self, in_channels: int, width: int, downs: int, blocks: int, upsample: str = "transposed") -> None:
        super().__init__(in_channels, 1, width, blocks, upsample=upsample, downs=downs)
        del self.head
        initialised(self)

    def forward(self, images: Tensor) -> Tensor:
        return self.up(self.blocks(self.down(self.stem(images))))


def make_head(width: int, out_channels: int) -> nn.Sequential:
    """Make what turns a map (N, width, H, W) into pictures (N, out, H, W) in [-1, 1]."""
    return initialised(
        networks.stage(pad=networks.Pad(3), conv=nn.Conv2d(width, out_channels, 7), act=nn.Tanh()),
    )


class Enhancer(nn.Module):
    """Make pictures (N, out, H, W) of (N, in, H, W) and the trunk's map (N, 2 width, H/2, W/2) of it at half size."""

    def __init__(
        self, in_channels: int, out_channels: int, width: int, blocks: int, upsample: str = "transposed"
    ) -> None:
        super().__init__()

        def normed(**layers: nn.Module) -> nn.Sequential:
            channels = layers["conv"].out_channels
            return networks.stage(
                **layers, norm=networks.normalisation("instance", channels), act=nn.ReLU(inplace=True)
            )

        self.front = nn.Sequential(
            normed(pad=networks.Pad(3), conv=nn.Conv2d(in_channels, width, 7)),
            normed(conv=nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)),
        )
        self.blocks = nn.Sequential(*(networks.ResidualBlock(2 * width, "instance") for _ in range(blocks)))
        self.up = normed(**networks.upsampling(2 * width, width, upsample, size=3, bias=True))
        self.head = make_head(width, out_channels)
        initialised(self)

    def forward(self, images: Tensor, coarse: Tensor) -> Tensor:
        x = self.front(images) + coarse  # (N, 2 width, H/2, W/2)
        return self.head(self.up(self.blocks(x)))


def make_encoder(in_channels: int, channels: int, width: int, downs: int) -> networks.ResNetGenerator:
    """Make the feature encoder, (N, in, H, W) to (N, channels, H, W) in [-1, 1]: halve, and double again."""
    return initialised(networks.ResNetGenerator(in_channels, channels, width, blocks=0, downs=downs))


def check_sizes(
    size: tuple[int, int], halvings: Mapping[str, int], local: bool, discriminator: networks.MultiScaleDiscriminator
) -> None:
    """Refuse pictures (H, W) that a phase could not train on. Raises ValueError with what it can.

    `halvings` are those of the networks, by their flags.
    """
    fewest = discriminator.scales[0].min_size * 2 ** (len(discriminator.scales) - 1)

    def fitting(downs: int, local: bool) -> tuple[int, int, list[int]]:
        """What sides are multiples of, the smallest side, and the nearest to `size`."""
        unit = 2**downs * (4 if local else 1)  # an enhancer's map has half the side, and the first phase sees half
        least = max(2 * unit, -(-fewest * (2 if local else 1) // unit) * unit)
        return unit, least, [max(least, round(side / unit) * unit) for side in size]

    def fits(downs: int, local: bool) -> bool:
        return fitting(downs, local)[2] == [*size]

    most = max(halvings.values())
    unit, least, near = fitting(most, local)
    names = ("size", "width") if size[0] != size[1] else ("size",)
    wrong = [(name, side, new) for name, side, new in zip(names, size, near, strict=False) if side != new]
    if not wrong:
        return
    ways = [" ".join(f"--image-{name} {new}" for name, _, new in wrong)]
    ways += ["--generator global"] * (local and fits(most, False))
    sensible = range(most - 1, (most + 1) // 2 - 1, -1)  # with half as many halvings it would be another network
    if fewer := next((downs for downs in sensible if downs and fits(downs, local)), None):
        ways.append(" ".join(f"{flag} {fewer}" for flag, downs in halvings.items() if downs > fewer))
    raise ValueError(
        " and ".join(f"image {name} {side}" for name, side, _ in wrong)
        + f" {'do' if len(wrong) > 1 else 'does'} not suit these networks, whose sides are multiples of {unit} and at "
        f"least {least}; use {', or '.join(ways)}"
    )
