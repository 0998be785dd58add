"""Distance between a picture and what it should be: reconstruction, cycle and identity losses are all this one."""

from __future__ import annotations

import torch
from torch import Tensor


def l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Compute the mean absolute difference of two tensors of equal shape.

    Raises ValueError where the shapes differ, which broadcasting would hide.
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} differ in shape; "
            "give two tensors of equal shape"
        )
    return (at_least_float32(prediction) - at_least_float32(target)).abs().mean()


def at_least_float32(tensor: Tensor) -> Tensor:
    """Return the tensor in float32 where it is coarser (bfloat16, float16), else as it is."""
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor
