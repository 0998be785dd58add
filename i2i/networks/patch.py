"""PatchGAN discriminators (Isola et al., 2017, arXiv:1611.07004): a map of logits, one for each patch."""

from __future__ import annotations

from torch import Tensor, nn

from i2i.networks.initialisation import initialise
from i2i.networks.layers import BlurDown, normalisation, stage


class PatchDiscriminator(nn.Module):
    """Judge patches of (N, in, H, W): logits (N, 1, h, w), real where positive.

    `layers` convolutions halve the sides; their number sets the patch: 16, 34, 70, 142, 286 pixels for 1 to 5. With
    `padding` 2, `bias` True and `max_width` 512 it is one scale of pix2pixHD's; with `antialias`, which blurs before
    halving, it is CUT's. `min_size` is the smallest side.
    """

    def __init__(
        self,
        in_channels: int,
        width: int = 64,
        layers: int = 3,
        norm: str = "instance",
        *,
        padding: int = 1,
        bias: bool | None = None,
        max_width: int | None = None,
        antialias: bool = False,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"a patch discriminator of {layers} layers is empty; use 1 or more")
        if bias is None:
            bias = norm == "instance"  # as the reference: useless before a norm, but in its checkpoints
        widths = [min(width * min(2**level, 8), max_width or width * 8) for level in range(layers + 1)]
        strides = [2] * layers + [1]
        self.min_size = _min_size(strides, padding, one_pixel=norm != "instance", antialias=antialias)

        self.layers = nn.ModuleList()
        for level, channels in enumerate(widths):
            before = widths[level - 1] if level else in_channels
            blur = BlurDown() if antialias and strides[level] == 2 else None
            conv = nn.Conv2d(before, channels, 4, 1 if blur else strides[level], padding, bias=bias or level == 0)
            norm_layer = normalisation(norm, channels) if level else None
            self.layers.append(stage(conv=conv, norm=norm_layer, act=nn.LeakyReLU(0.2, inplace=True), blur=blur))
        self.layers.append(stage(conv=nn.Conv2d(widths[-1], 1, 4, 1, padding)))
        initialise(self)

    def forward(self, images: Tensor, features: bool = False) -> Tensor | list[Tensor]:
        """Return the logits or, with `features`, every layer's output after its activation, the logits last."""
        outputs = []
        for layer in self.layers:
            images = layer(images)
            outputs.append(images)
        return outputs if features else images


class PixelDiscriminator(nn.Module):
    """Judge each pixel of (N, in, H, W) by itself: logits (N, 1, H, W), real where positive."""

    min_size = 2

    def __init__(self, in_channels: int, width: int = 64, norm: str = "instance") -> None:
        super().__init__()
        bias = norm == "instance"  # of the last one too: that is how the reference has it
        self.layers = nn.Sequential(
            stage(conv=nn.Conv2d(in_channels, width, 1), act=nn.LeakyReLU(0.2, inplace=True)),
            stage(
                conv=nn.Conv2d(width, width * 2, 1, bias=bias),
                norm=normalisation(norm, width * 2),
                act=nn.LeakyReLU(0.2, inplace=True),
            ),
            stage(conv=nn.Conv2d(width * 2, 1, 1, bias=bias)),
        )
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def _min_size(strides: list[int], padding: int, one_pixel: bool, antialias: bool) -> int:
    """Find the smallest side whose maps suffice: 1 pixel for logits, more where an instance norm or a blur stands."""

    def fits(side: int) -> bool:
        for level, stride in enumerate(strides):
            blurred = antialias and stride == 2
            side = (side + 2 * padding - 4) // (1 if blurred else stride) + 1
            if side < 1 or (side < 2 and (blurred or (level and not one_pixel))):
                return False
            side = -(-side // 2) if blurred else side
        return side + 2 * padding - 4 + 1 >= 1

    return next(side for side in range(1, 2 ** (len(strides) + 4)) if fits(side))
