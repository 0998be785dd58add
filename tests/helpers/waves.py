"""Golden numbers of the zoo: networks filled with waves, what they give, and where it is looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn


def wave(count: int, start: float, step: float) -> Tensor:
    return torch.sin(start + step * torch.arange(count, dtype=torch.float64))


def filled(data: Mapping) -> dict[str, Tensor]:
    """The parameters of a golden file under the reference's keys."""
    state = {}
    for row in data["params"]:
        values = row["offset"] + row["scale"] * wave(math.prod(row["shape"]), 1 + row["i"], 0.37)
        state[row["key"]] = values.view(row["shape"])
    return state


def given(data: Mapping, name: str) -> Tensor:
    shape = data["inputs"][name]["shape"]
    return wave(math.prod(shape), 0, 0.01).view(shape)


def load(net: nn.Module, state: Mapping[str, Tensor]) -> nn.Module:
    """Load parameters under the network's own keys, all of them, in float64; vectors of spectral norms are even."""
    net = net.double().eval()
    assert state.keys() == dict(net.named_parameters()).keys()
    net.load_state_dict(state, strict=False)
    for name, buffer in net.named_buffers():
        if name.rpartition(".")[2] == "u":
            buffer.fill_(len(buffer) ** -0.5)
    return net


def check(output: Tensor, expected: Mapping, rel: float = 1e-8, absolute: float = 1e-10) -> None:
    flat = output.detach().flatten()
    assert flat.numel() == math.prod(expected["shape"])
    assert flat.mean().item() == pytest.approx(expected["mean"], rel=rel, abs=absolute)
    assert flat.std(correction=0).item() == pytest.approx(expected["std"], rel=rel, abs=absolute)
    assert flat[expected["flat_idx"]].tolist() == pytest.approx(expected["values"], rel=rel, abs=absolute)
