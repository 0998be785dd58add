"""The norm of a discriminator, where a number of its architecture chooses it.

Gradient penalties need another than batch norm, which mixes the pictures of a batch. Layers before a norm of each
picture have biases, or it would hide the contrast.
"""

from __future__ import annotations

from typing import Literal

from torch import nn

from i2i import networks

Norm = Literal["batch", "layer", "none"]


def of_maps(norm: Norm, channels: int) -> list[nn.Module]:
    """The norm of maps (N, `channels`, H, W); nothing of "none"."""
    if norm == "none":
        return []
    return [networks.BatchNorm2d(channels) if norm == "batch" else nn.GroupNorm(1, channels)]


def of_vectors(norm: Norm, size: int) -> list[nn.Module]:
    """The norm of vectors (N, `size`)."""
    if norm == "none":
        return []
    return [networks.BatchNorm1d(size) if norm == "batch" else nn.LayerNorm(size)]
