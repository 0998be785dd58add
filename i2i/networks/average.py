"""The average of a network over its training, which draws better than the network of any one step."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn


class Average(nn.Module):
    """The mean of a network over its training, exponential: of its weights and of the statistics of its norms.

    All of it is buffers: nothing here is trained. `net` starts as a copy, and is used as the network itself is.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = copy.deepcopy(net)
        held: dict[nn.Parameter, Tensor] = {}  # a parameter of two modules becomes one buffer of both
        for module in list(self.net.modules()):
            for name, parameter in list(module.named_parameters(recurse=False, remove_duplicate=False)):
                delattr(module, name)
                module.register_buffer(name, held.setdefault(parameter, parameter.detach()))

    @torch.no_grad()
    def update(self, net: nn.Module, decay: float) -> None:
        """Keep a share `decay` and take the rest from a network's numbers; whole numbers are taken as they are."""
        theirs = net.state_dict()
        # What stands under two names, as shared layers do, moves once.
        mine = {value: name for name, value in self.net.state_dict(keep_vars=True).items()}
        fractions = [value for value in mine if value.is_floating_point()]
        torch._foreach_lerp_(fractions, [theirs[mine[value]] for value in fractions], 1 - decay)
        for value, name in mine.items():
            if not value.is_floating_point():
                value.copy_(theirs[name])

    def forward(self, *inputs: Any, **others: Any) -> Any:
        return self.net(*inputs, **others)
