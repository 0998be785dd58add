"""StyleGAN: a progressive generator told in every layer what style to have (Karras et al., 2019, arXiv:1812.04948).

Layers are those of the authors' TensorFlow code; `layout="rosinality"` is style-based-gan-pytorch, with a gain of
sqrt 2 everywhere, no slower mapping, and one picture of noise for both layers of a size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from i2i_zoo.architectures.progan import Discriminator, Layout
from i2i_zoo.bounds import Probability
from i2i_zoo.layers.equalised import LEAKY, EqualisedConv2d, EqualisedLinear, UpConv2d, adain, exact, leaky
from i2i_zoo.layers.growth import Growing, Growth, channels_of
from i2i_zoo.layers.resample import SMOOTH, blur, repeated
from i2i_zoo.layers.styles import Mapping, Noise, drawn_styles
from i2i_zoo.parts import Chance, Shape, wide


@dataclass(frozen=True)
class StyleGAN(Growing):
    """The numbers of both networks; the paper's are the defaults."""

    width: int = 512  # channels at most, and of a style; from 64 pixels on channels are halved with each doubling
    mapping: int = 8  # layers from latents to styles
    mixing: float = Probability(0.9)  # probability that a picture in training has the styles of two latents
    group: int = 4  # pictures of which the discriminator takes a deviation
    layout: Layout = "paper"

    conditions = frozenset({"embed", "ac"})
    gives = frozenset({"features", "styles"})
    first = 8

    def faster(self, side: int) -> float:
        return {128: 1.5, 256: 2.0}.get(side, 3.0 if side > 256 else 1.0)

    def generator(self, to: Shape) -> nn.Module:
        classes = to.classes if to.generator_conditioning == "embed" else 0
        theirs = self.layout == "rosinality"
        mapping = Mapping(to.latent, classes, self.width, self.mapping, 1.0 if theirs else 0.01, gain=LEAKY)
        return Generator(mapping, channels_of(to.size[0], self.width), to.channels, self.width, self.mixing, theirs)

    def discriminator(self, to: Shape) -> nn.Module:
        classes = to.classes if to.discriminator_conditioning == "ac" else 0
        channels = channels_of(to.size[0], self.width)
        return Discriminator(channels, to.channels, classes, self.group, self.layout, smooth=True)


class Styled(nn.Module):
    """Noise, bias and a leaky ReLU after what `conv` makes of maps, then the style of w (N, W), by adaptive norm.

    The bias is that of `conv` where it stands right before the noise: they are added in either order. Where there is
    no `conv`, or a blur follows it, the bias is the layer's own, as zeros around the maps would darken its edges.
    """

    def __init__(self, conv: nn.Module | None, channels: int, side: int, size: int, theirs: bool) -> None:
        super().__init__()
        self.conv, self.smooth = conv, isinstance(conv, UpConv2d)
        own = not theirs and (conv is None or self.smooth)
        self.bias = nn.Parameter(torch.zeros(channels)) if own else None
        self.noise = Noise(side, (channels,), gain=(2 / channels) ** 0.5 if theirs else 1.0)
        self.style = Style(size, channels, theirs)

    def forward(self, x: Tensor, w: Tensor, picture: Tensor) -> Tensor:
        if self.conv is not None:
            x = self.conv(x)
        if self.smooth:
            x = blur(x, SMOOTH, padding=1)
        x = self.noise(x, picture)
        if self.bias is not None:
            x = x + self.bias[:, None, None]
        return self.style(leaky(x), w)


class Style(nn.Module):
    """Give maps (N, C, H, W) the deviations and means that an affine layer reads from w (N, W); 1 and 0 at first."""

    def __init__(self, size: int, channels: int, theirs: bool) -> None:
        super().__init__()
        self.linear = EqualisedLinear(size, 2 * channels, gain=LEAKY if theirs else 1.0, bias=(1.0, 0.0))
        self.eps = 1e-5 if theirs else 1e-8

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        with exact(x):
            scale, shift = self.linear(w).chunk(2, dim=1)
        return adain(x, scale, shift, self.eps)


class Generator(nn.Module):
    """Draw latents (N, Z), and labels (N,) where there are classes, as pictures of its level's size, without a tanh.

    Of two layers a size, each has a style of its own. It begins at `first` pixels.
    """

    def __init__(
        self,
        mapping: Mapping,
        channels: Sequence[int],
        pictures: int,
        size: int,
        mixing: float,
        theirs: bool,
        first: int = 8,
    ) -> None:
        super().__init__()
        self.mapping, self.mixing, self.shared = mapping, mixing, theirs
        self.const = nn.Parameter(torch.ones(1, channels[0], 4, 4))
        self.blocks = nn.ModuleList()
        for level, now in enumerate(channels):
            bias = (0.0,) if theirs else None
            up = UpConv2d(channels[level - 1], now, 3, gain=LEAKY, bias=bias) if level else None
            same = EqualisedConv2d(now, now, 3, gain=LEAKY)
            side = 4 << level
            self.blocks.append(nn.ModuleList(Styled(conv, now, side, size, theirs) for conv in (up, same)))
        gain = LEAKY if theirs else 1.0
        self.to_rgb = nn.ModuleList(EqualisedConv2d(width, pictures, 1, gain=gain) for width in channels)
        self.levels = Growth([side for level in range(len(channels)) if (side := 4 << level) >= first])

    @property
    def num_styles(self) -> int:
        """How many layers take a style, all grown."""
        return 2 * len(self.blocks)

    @property
    def w_avg(self) -> Tensor:
        """The mean style (W,)."""
        return self.mapping.w_avg

    def grown(self, level: int) -> Iterator[nn.Parameter]:
        """The parameters that draw at a level and, while it fades in, at the one below."""
        top = self.levels.sides[level].bit_length() - 3  # how often 4 pixels are doubled
        yield self.const
        for part in [self.mapping, *self.blocks[: top + 1], *self.to_rgb[top - (level > 0) : top + 1]]:
            yield from part.parameters()

    def synthesis(self, styles: Tensor, chance: Chance | None = None) -> Tensor:
        """Draw pictures of styles (N, num_styles, W), of which a smaller level takes the first."""
        x = before = self.const.expand(len(styles), -1, -1, -1)
        top = self.levels.doublings
        for level in range(top + 1):
            before, picture = x, None
            for number in range(2):
                layer: Styled = self.blocks[level][number]  # type: ignore[index, assignment]
                if picture is None or not self.shared:
                    picture = layer.noise.drawn(len(x), chance)
                x = layer(x, styles[:, 2 * level + number], picture)
        image = wide(self.to_rgb[top](x))
        if self.levels.fading:
            image = self.levels.mixed(repeated(wide(self.to_rgb[top - 1](before))), image)
        return image

    def draw_styles(self, z: Tensor, labels: Tensor | None, chance: Chance | None) -> Tensor:
        """The styles of the layers that have grown, by chance of two latents."""
        return drawn_styles(self.mapping, z, labels, 2 * (self.levels.doublings + 1), chance, self.mixing)

    def forward(self, z: Tensor, labels: Tensor | None = None, chance: Chance | None = None) -> Tensor:
        return self.synthesis(self.draw_styles(z, labels, chance), chance)
