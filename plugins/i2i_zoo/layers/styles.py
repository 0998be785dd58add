"""What style-based generators share: the network that maps latents to styles, and what is done with styles."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i import networks
from i2i_zoo.layers.equalised import EqualisedLinear, exact, leaky, pixel_norm
from i2i_zoo.parts import Chance, wide

DECAY = 0.995  # of the mean style


class Mapping(nn.Module):
    """Map latents (N, Z), and labels (N,) where there are classes, to styles w (N, W); in float32 at least.

    A label is embedded, normalised like the latent, and joined to it. `w_avg` follows the mean style in training.
    `activation` is the gain after each leaky ReLU, `gain` that of the weights.
    """

    def __init__(
        self, latent: int, classes: int, size: int, layers: int, rate: float, gain: float = 1.0, activation: float = 1.0
    ) -> None:
        super().__init__()
        self.classes, self.activation = classes, activation
        self.embed = EqualisedLinear(classes, size) if classes else None
        start = latent + (size if classes else 0)
        self.layers = nn.ModuleList(
            EqualisedLinear(size if number else start, size, gain=gain, rate=rate) for number in range(layers)
        )
        self.register_buffer("w_avg", torch.zeros(size) if latent else None)
        self.w_avg: Tensor

    def forward(self, z: Tensor | None, labels: Tensor | None = None) -> Tensor:
        parts = [] if z is None else [pixel_norm(wide(z))]
        if self.embed is not None:
            if labels is None:
                raise ValueError("this network is told classes, and no labels were given")
            with exact(self.embed.weight):
                parts.append(pixel_norm(self.embed(F.one_hot(labels, self.classes).to(self.embed.weight))))
        w = torch.cat(parts, dim=1)
        with exact(w):
            for layer in self.layers:
                w = leaky(layer(w), self.activation)
        return w

    @torch.no_grad()
    def follow(self, w: Tensor) -> None:
        """Move the mean style towards that of a batch, of all ranks."""
        mean = networks.average_over_ranks(w.detach().mean(dim=0))
        self.w_avg.lerp_(mean.to(self.w_avg), 1 - DECAY)


def drawn_styles(
    mapping: Mapping, z: Tensor, labels: Tensor | None, count: int, chance: Chance | None, mixing: float
) -> Tensor:
    """The styles (N, count, W) of a picture's layers in training: of one latent, or of two with a crossing in between.

    With the probability `mixing` the layers from a random one on, never the first, take the style of a second latent.
    Each picture crosses for itself: any number of ranks draws the same. Without chance nothing is mixed.
    """
    w = mapping(z, labels)
    styles = repeat_styles(w, count)
    if chance is None:
        return styles
    if mapping.training:
        mapping.follow(w)
    if mixing == 0:
        return styles
    other = mapping(chance.randn(*z.shape).to(z), labels)
    crossing = 1 + (chance.rand(len(z)) * (count - 1)).long()  # 1 to count - 1
    crosses = chance.rand(len(z)) < mixing
    later = torch.arange(count, device=w.device) >= crossing[:, None].to(w.device)  # (N, count)
    return torch.where((later & crosses[:, None].to(w.device))[..., None], other[:, None], styles)


def repeat_styles(w: Tensor, count: int) -> Tensor:
    """One style (N, W) for each of `count` layers, (N, count, W)."""
    return w[:, None].expand(-1, count, -1)


def truncate(styles: Tensor, mean: Tensor, psi: float | Sequence[float]) -> Tensor:
    """Pull styles (N, L, W) towards the mean style: mean + psi (w - mean), with one psi or one a layer.

    A list that is too short goes on with 1: those of later layers stay (the paper truncates the first eight).
    """
    given = [psi] * styles.shape[1] if isinstance(psi, (int, float)) else [*psi, *[1.0] * styles.shape[1]]
    factors = torch.tensor(given[: styles.shape[1]], dtype=styles.dtype, device=styles.device)
    return mean + factors[:, None] * (styles - mean)


class Noise(nn.Module):
    """Add a picture of noise to maps (N, C, H, W), in training a new one each time and else always the same.

    `strength` has the shape of what the noise is multiplied by: () is one number for all channels, (C,) one for each.
    """

    def __init__(self, side: int, shape: tuple[int, ...] = (), gain: float = 1.0) -> None:
        super().__init__()
        self.gain = gain
        self.strength = nn.Parameter(torch.zeros(shape))
        self.register_buffer("fixed", torch.randn(1, 1, side, side))
        self.fixed: Tensor

    def drawn(self, count: int, chance: Chance | None) -> Tensor:
        """Noise that is always the same, (1, 1, H, W), or by chance a picture for each of `count`, (N, 1, H, W)."""
        if chance is None:
            return self.fixed
        return chance.randn(count, *self.fixed.shape[1:]).to(self.fixed)

    def forward(self, x: Tensor, picture: Tensor) -> Tensor:
        strength = (self.strength * self.gain).to(x.dtype)
        return x + picture.to(x.dtype) * (strength[:, None, None] if strength.dim() else strength)
