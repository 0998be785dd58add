"""What is asked of weights as matrices: rows at right angles, singular values that are small or bounded.

A matrix has a row for each number that its layer gives. Tables are left alone, and so are norms.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import i2i
from i2i_zoo.layers.spectral import TINY, Players, matrix_of
from i2i_zoo.moment import Moment
from i2i_zoo.parts import PLAYERS, Element, Judged, wide

LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def layers_of(net: nn.Module) -> list[nn.Module]:
    """The layers whose weights are matrices."""
    return [layer for layer in net.modules() if isinstance(layer, LAYERS)]


def check_layers(net: nn.Module, asked: str) -> None:
    """Refuse a network without such layers. Raises ValueError."""
    if not layers_of(net):
        raise ValueError(
            f"--regularisers {asked} is for weights of plain convolutions and linear layers, and this network has none "
            "of them; leave it out, or use --architecture resnet"
        )


class Orthogonal(Element):
    """weight * |W W' o (1 - I)|^2, summed over a network's layers (Brock et al., 2018, arXiv:1809.11096, section 3.1).

    Rows of a layer shall be at right angles, and as long as they like: the diagonal is left out. BigGAN-PyTorch adds
    the gradient of half of it, weight=5e-5 here. With `form=full`, |W W' - I|^2, they shall have length 1, too.
    """

    spares = PLAYERS

    def __init__(self, weight: float = 1e-4, of: Players = "g", form: Literal["masked", "full"] = "masked") -> None:
        super().__init__()
        if weight < 0:
            raise ValueError(f"--regularisers ortho:weight={weight:g} rewards what it shall prevent; give 0 or more")
        self.weight, self.of, self.full = weight, of, form == "full"

    def prepare(self, generator: nn.Module, discriminator: nn.Module) -> None:
        for player, net in (("g", generator), ("d", discriminator)):
            if player in self.of:
                check_layers(net, "ortho")

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        return self.terms(now.model.discriminator) if self.of in ("d", "gd") else {}

    def generator(self, now: Moment, fake: Judged, real: Judged | None) -> i2i.Terms:
        return self.terms(now.model.generator) if self.of in ("g", "gd") else {}

    def terms(self, net: nn.Module) -> i2i.Terms:
        return {"ortho": self.weight * off_diagonal(net, self.full)}


def off_diagonal(net: nn.Module, full: bool = False) -> Tensor:
    """The sum over layers of squares off the diagonal of W W'; `full`, of all of W W' - I."""
    layers = layers_of(net)
    with torch.autocast(next(net.parameters()).device.type, enabled=False):
        products = [matrix @ matrix.T for matrix in map(wide, map(matrix_of, layers))]
        lengths = sum((p.diagonal() - 1).square().sum() for p in products) if full else 0
        return torch.stack([p.square().sum() - p.diagonal().square().sum() for p in products]).sum() + lengths


class Iterated(Element):
    """Keeps vectors (count, rows) for each layer of a player's network, and brings them nearer to singular ones."""

    spares = PLAYERS
    count = 1
    name = ""  # as a recipe asks for it
    player: Literal["generator", "discriminator"] = "discriminator"

    def prepare(self, generator: nn.Module, discriminator: nn.Module) -> None:
        net = generator if self.player == "generator" else discriminator
        check_layers(net, self.name)
        for number, layer in enumerate(layers_of(net)):
            with torch.no_grad():
                rows = torch.randn(self.count, len(matrix_of(layer)))
            self.register_buffer(f"u{number}", F.normalize(rows, dim=1))

    def vectors(self, number: int, matrix: Tensor) -> tuple[Tensor, Tensor]:
        """One step of power iteration: the left (count, rows) and right (count, columns) vectors, the largest first."""
        kept = self.get_buffer(f"u{number}")
        with torch.no_grad():
            right = _apart(kept.to(matrix) @ matrix)
            left = _apart(right @ matrix.T)
            kept.copy_(left)
        return left, right


def _apart(rows: Tensor) -> Tensor:
    """Make rows (count, n) unit vectors at right angles, one after another."""
    done: list[Tensor] = []
    for row in rows:
        for other in done:
            row = row - (row @ other) * other
        done.append(F.normalize(row, dim=0, eps=TINY))
    return torch.stack(done)


class SpectralPenalty(Iterated):
    """weight / 2 * the sum over the discriminator's layers of sigma(W)^2 (Yoshida and Miyato, 2017, arXiv:1705.10941).

    sigma is the largest singular value, u'Wv by one step of power iteration an update; its gradient is sigma u v'. The
    weights are used as they are: this is no normalisation.
    """

    name = "sn-penalty"

    def __init__(self, weight: float = 0.01) -> None:
        super().__init__()
        if weight < 0:
            raise ValueError(f"--regularisers sn-penalty:weight={weight:g} rewards steep slopes; give 0 or more")
        self.weight = weight

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        return {"sn_penalty": self.weight / 2 * self.squares(now.model.discriminator)}

    def squares(self, net: nn.Module) -> Tensor:
        """The sum of squares of the largest singular values."""
        total = []
        with torch.autocast(next(net.parameters()).device.type, enabled=False):
            for number, layer in enumerate(layers_of(net)):
                matrix = wide(matrix_of(layer))
                (left,), (right,) = self.vectors(number, matrix)
                total.append((left @ matrix @ right).square())
        return torch.stack(total).sum()


class SingularClamp(Iterated):
    """W <- W - max(0, s0 - bound) u0 v0' of the generator's layers, after its updates (Brock et al., 2018, 4.1).

    s0 is the largest singular value with its vectors. The bound is a number or, without one, `ratio` times the second
    largest, which the first so stays near. In layers with spectral norm this moves directions alone.
    """

    count, name = 2, "singular-clamp"
    player = "generator"

    def __init__(self, bound: float | None = None, ratio: float = 2.0) -> None:
        super().__init__()
        if (bound is not None and bound <= 0) or ratio < 1:
            asked = f"bound={bound},ratio={ratio:g}"
            raise ValueError(f"--regularisers singular-clamp:{asked}: give a bound above 0 and a ratio of 1 or more")
        self.bound, self.ratio = bound, ratio

    @torch.no_grad()
    def stepped(self, now: Moment, player: str) -> None:
        if player == self.player:
            for number, layer in enumerate(layers_of(now.model.generator)):
                self.clamp(number, layer)

    def clamp(self, number: int, layer: nn.Module) -> None:
        """Take what is too much from one layer's largest singular value."""
        weight, matrix = layer.get_parameter("weight"), matrix_of(layer)
        if self.bound is None and min(matrix.shape) < 2:
            return  # there is no second one
        left, right = self.vectors(number, matrix)
        first, second = ((u @ matrix @ v) for u, v in zip(left, right, strict=True))
        bound = self.bound if self.bound is not None else self.ratio * second
        excess = (first - bound).clamp_min(0) * left[0].outer(right[0])
        if isinstance(layer, nn.ConvTranspose2d):
            weight.sub_(excess.view(weight.transpose(0, 1).shape).transpose(0, 1))
        else:
            weight.sub_(excess.view(weight.shape))
