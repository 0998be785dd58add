"""What lets a discriminator see a batch as a whole: minibatch standard deviation and minibatch discrimination.

Both look at the batches of all ranks as one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from i2i import networks
from i2i_zoo.layers.equalised import exact
from i2i_zoo.parts import wide


def deviations(x: Tensor, group: int = 4, features: int = 1) -> Tensor:
    """How much pictures of a group differ: of maps (N, C, H, W), (N / group, features).

    Picture n belongs to group n mod (N / group). The biased deviation over a group, sqrt(variance + 1e-8), is averaged
    over H, W and each of `features` shares of the C channels (Karras et al., 2018, arXiv:1710.10196). A group of 0 is
    the whole batch; one larger than the batch is the batch. Raises ValueError where groups do not fill the batch.
    """
    count, channels, height, width = x.shape
    group = fitting(group, count)
    grouped = x.view(group, count // group, features, channels // features, height, width)
    return (grouped.var(dim=0, correction=0) + 1e-8).sqrt().mean(dim=(2, 3, 4))


def fitting(group: int, count: int) -> int:
    """The size of a batch's groups, as `deviations` has them. Raises ValueError where they do not fill the batch."""
    group = min(group or count, count)
    if count % group:
        low, high = count // group * group, -(-count // group) * group
        raise ValueError(
            f"the discriminator compares pictures in groups of {group}, and {count} pictures do not make whole groups; "
            f"use --batch-size {low} or {high}"
        )
    return group


class MinibatchDeviation(nn.Module):
    """Append to maps (N, C, H, W) how much pictures of a group differ there, as `features` constant maps."""

    def __init__(self, group: int = 4, features: int = 1) -> None:
        super().__init__()
        self.group, self.features = group, features

    def forward(self, x: Tensor) -> Tensor:
        with exact(x):
            spread = deviations(networks.gather(wide(x).contiguous()), self.group, self.features)  # (groups, features)
        groups = len(spread)
        own = torch.arange(len(x), device=x.device) + _rank() * len(x)
        planes = spread[own % groups][:, :, None, None].expand(-1, -1, *x.shape[2:])
        return torch.cat([x, planes.to(x.dtype)], dim=1)


def closeness(own: Tensor, everyone: Tensor) -> Tensor:
    """How close each of (N, B, C) is to all of (M, B, C), kernel by kernel: sum_j exp(-|a_b - b_jb|_1), (N, B)."""
    distance = (own[:, None] - everyone[None]).abs().sum(dim=3)  # (N, M, B)
    return (-distance).exp().sum(dim=1)


class MinibatchDiscrimination(nn.Module):
    """Append to features (N, F) how close each picture is to the others of the batch, in `kernels` learnt ways.

    o_b = sum over the others of exp(-|M_b - M_jb|_1), M = f T, plus a bias of -1 at first; each column of T has a
    learnt length (Salimans et al., 2016, arXiv:1606.03498). A collapsed batch of N has o near N - 1, a varied one 0.
    """

    def __init__(self, features: int, kernels: int = 100, size: int = 5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(features, kernels, size))
        self.length = nn.Parameter(torch.empty(kernels, size))  # its logarithm
        self.bias = nn.Parameter(torch.empty(kernels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the directions, of length 1."""
        nn.init.normal_(self.weight, 0.0, 0.05)
        nn.init.zeros_(self.length)
        nn.init.constant_(self.bias, -1.0)

    def forward(self, features: Tensor) -> Tensor:
        with exact(features):
            full = wide(features)
            table = self.weight * (self.length.exp() * (self.weight.square().sum(dim=0) + 1e-12).rsqrt())
            own = torch.einsum("nf,fbc->nbc", full, table)  # (N, kernels, size)
            near = closeness(own, networks.gather(own)) - 1  # without itself, whose distance is 0
            return torch.cat([features, (near + self.bias).to(features.dtype)], dim=1)


def _rank() -> int:
    return (
        torch.distributed.get_rank() if torch.distributed.is_available() and torch.distributed.is_initialized() else 0
    )
