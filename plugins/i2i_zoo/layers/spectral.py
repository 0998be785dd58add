"""Spectral norm: layers whose weights are divided by their largest singular value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TINY = 1e-12  # what a length is at least, to divide by it


def matrix_of(layer: nn.Module) -> Tensor:
    """A layer's weights as a matrix, a row for each number that the layer gives; of a table as it is stored."""
    weight: Tensor = layer.weight  # type: ignore[assignment]
    return (weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else weight).flatten(1)


class Spectral(nn.Module):
    """Use W / sigma(W) in place of the weights, so that the layer is 1-Lipschitz (Miyato et al., 2018).

    "Spectral Normalization for Generative Adversarial Networks", arXiv:1802.05957.

    Of the weights as a matrix W (rows, columns) and a vector u (rows), one step of power iteration a forward pass gives
    v = W'u / |W'u|, u = Wv / |Wv| and sigma = u'Wv. Gradients pass through sigma, not through u and v. In training u is
    kept; in evaluation the step begins at the kept u and nothing is stored, so that an averaged u serves, too. All of
    it is in float32 at least, whatever autocast does.
    """

    u: Tensor  # (rows,)
    sigma: Tensor  # (), of the last pass in training: the largest singular value, to be watched
    weight: Tensor

    def start(self) -> None:
        """Draw u anew, of as many numbers as the weights have rows."""
        with torch.no_grad():
            rows = len(matrix_of(self))
        self.register_buffer("u", F.normalize(torch.randn(rows, device=self.weight.device), dim=0))
        self.register_buffer("sigma", torch.ones((), device=self.weight.device))

    def normalised(self) -> Tensor:
        """The weights divided by sigma; in training this is a step of power iteration."""
        with torch.autocast(self.weight.device.type, enabled=False):
            matrix = matrix_of(self)
            with torch.no_grad():
                v = F.normalize(self.u @ matrix, dim=0, eps=TINY)
            product = matrix @ v
            with torch.no_grad():
                u = F.normalize(product, dim=0, eps=TINY)
            sigma = u @ product
            if self.training:
                with torch.no_grad():
                    self.u.copy_(u)
                    self.sigma.copy_(sigma)
            return self.weight / sigma


class Conv2d(Spectral, nn.Conv2d):
    """A convolution with spectral norm, of its weights as (out, in x height x width)."""

    def __init__(
        self, inputs: int, outputs: int, size: int, stride: int = 1, padding: int = 0, bias: bool = True
    ) -> None:
        super().__init__(inputs, outputs, size, stride, padding, bias=bias)
        self.start()

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.normalised(), self.bias)


class ConvTranspose2d(Spectral, nn.ConvTranspose2d):
    """A transposed convolution with spectral norm, of its weights as (out, in x height x width)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int | tuple[int, int],
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
    ) -> None:
        super().__init__(inputs, outputs, size, stride, padding, bias=bias)
        self.edge = padding
        self.start()

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        return F.conv_transpose2d(x, self.normalised(), self.bias, self.stride, self.edge)


class Linear(Spectral, nn.Linear):
    """A linear layer with spectral norm."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, bias)
        self.start()

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.normalised(), self.bias)


class Embedding(Spectral, nn.Embedding):
    """A table with spectral norm, as it is stored: (entries, size)."""

    def __init__(self, entries: int, size: int) -> None:
        super().__init__(entries, size)
        self.start()

    def forward(self, labels: Tensor) -> Tensor:
        return F.embedding(labels, self.normalised())


@dataclass(frozen=True)
class Kit:
    """The layers that a network is built of: with spectral norm, or without."""

    conv: type[nn.Conv2d]
    transposed: type[nn.ConvTranspose2d]
    linear: type[nn.Linear]
    embedding: type[nn.Embedding]


PLAIN = Kit(nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)
SPECTRAL = Kit(Conv2d, ConvTranspose2d, Linear, Embedding)
Players = Literal["none", "g", "d", "gd"]  # which of both networks have a thing


def kit(of: Players, player: Literal["g", "d"]) -> Kit:
    """The layers of a player, where `of` says which of them have spectral norm."""
    return SPECTRAL if of in (player, "gd") else PLAIN
