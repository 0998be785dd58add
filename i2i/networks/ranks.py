"""Batches that lie on several ranks as one: gathered and averaged with gradients, and batch norm over all of it.

Core takes the mean of gradients over ranks. With these functions it is the gradient that one process with the whole
batch has, whether a loss of gathered values is taken whole on every rank or of a slice on each. Every rank must come by
them in the same order.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class _Gather(torch.autograd.Function):
    """(N, ...) of each rank to (ranks x N, ...) on all; backwards the sum over ranks of each one's own part."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        from i2i import distributed

        return distributed.gather(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _OwnPart.apply(gradients[0])


class _OwnPart(torch.autograd.Function):
    """(ranks x N, ...) of each rank to the sum over ranks of its own part (N, ...): what `_Gather` is backwards."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        from i2i import distributed

        return distributed.total(x).chunk(distributed.ranks())[distributed.rank()].clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _Gather.apply(gradients[0])


class _Mean(torch.autograd.Function):
    """The mean over ranks, which is its own transpose."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        from i2i import distributed

        return distributed.total(x) / distributed.ranks()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _Mean.apply(gradients[0])


def _alone() -> bool:
    from i2i import distributed

    return distributed.ranks() == 1


def gather(x: Tensor) -> Tensor:
    """Concatenate (N, ...) of every rank along the first axis, in rank order, with gradients of any order.

    N must be the same on every rank. On one rank it is `x` itself. The gradient that a penalty takes of a loss sums
    what all ranks' losses ask: take it of each rank's own outputs, or divide it by their number.
    """
    return x if _alone() else _Gather.apply(x)


def average_over_ranks(x: Tensor) -> Tensor:
    """Take the mean over ranks of a tensor of any shape, with gradients of any order; on one rank `x` itself."""
    return x if _alone() else _Mean.apply(x)


class _OverRanks(nn.modules.batchnorm._BatchNorm):
    """A batch norm whose statistics are those of all ranks' batches, where it takes them of batches."""

    def forward(self, x: Tensor) -> Tensor:
        if _alone() or not (self.training or self.running_mean is None):
            return super().forward(x)
        self._check_input_dim(x)
        wide = x.to(torch.promote_types(x.dtype, torch.float32))  # sums of bf16 lose what is small
        axes = [axis for axis in range(x.dim()) if axis != 1]
        mean = average_over_ranks(wide.mean(axes, keepdim=True))
        variance = average_over_ranks((wide - mean).square().mean(axes, keepdim=True))
        if self.training and self.running_mean is not None:
            self._track(mean.detach().flatten(), variance.detach().flatten(), x.numel() // x.shape[1])
        normal = (wide - mean) * (variance + self.eps).rsqrt()
        if self.affine:
            shape = [-1 if axis == 1 else 1 for axis in range(x.dim())]
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        return normal.to(x.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: int) -> None:
        from i2i import distributed

        count *= distributed.ranks()
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = self.momentum if self.momentum is not None else 1 / self.num_batches_tracked.item()
        self.running_mean.lerp_(mean.to(self.running_mean), share)
        self.running_var.lerp_((variance * (count / (count - 1))).to(self.running_var), share)


class BatchNorm1d(_OverRanks, nn.BatchNorm1d):
    """`nn.BatchNorm1d` over the batches of all ranks, on any device and twice differentiable; alone it is that."""


class BatchNorm2d(_OverRanks, nn.BatchNorm2d):
    """`nn.BatchNorm2d` over the batches of all ranks, on any device and twice differentiable; alone it is that."""
