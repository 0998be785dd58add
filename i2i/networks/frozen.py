"""A pretrained network that is used and never trained nor saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn


class Frozen(nn.Module):
    """Hold a network out of training and out of checkpoints, while it follows the model from device to device.

    Its parameters take no gradient, belong to no optimizer and are in no `state_dict()`, and it stays in eval mode.
    Gradients still flow through it to its inputs.
    """

    net: nn.Module

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        object.__setattr__(self, "net", net.requires_grad_(False).eval())  # unregistered: nobody finds its weights

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.net(*args, **kwargs)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Frozen:
        super()._apply(fn, recurse)  # what .to() and .half() go through
        self.net._apply(fn, recurse)
        return self
