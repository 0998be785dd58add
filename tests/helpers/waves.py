"""Golden numbers of the zoo's networks with spectral norm: loaded, fed and compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import zoo_golden
from torch import Tensor, nn

filled = zoo_golden.filled


def given(data: Mapping[str, Any], name: str) -> Tensor:
    """An input of a golden file."""
    return zoo_golden.wave(data["inputs"][name]["shape"])


def load(net: nn.Module, state: Mapping[str, Tensor]) -> nn.Module:
    """Load parameters under the network's own keys, all of them, in float64; vectors of spectral norms are even."""
    net = net.double().eval()
    assert state.keys() == dict(net.named_parameters()).keys()
    net.load_state_dict(state, strict=False)
    for name, buffer in net.named_buffers():
        if name.rpartition(".")[2] == "u":
            buffer.fill_(len(buffer) ** -0.5)
    return net


def check(output: Tensor, expected: Mapping[str, Any]) -> None:
    """Compare; logits are (N,) here and (N, 1) in the files."""
    zoo_golden.check(output.view(expected["shape"]), expected)
