"""How the golden numbers of the zoo's networks are filled and compared."""

from __future__ import annotations

import math

import pytest
import torch


def sines(count, first=1.0, step=0.37):
    return torch.sin(first + step * torch.arange(count, dtype=torch.float64))


def filled(data):
    """The state dict of a fixture: entry i is offset + scale * sin(1 + i + 0.37 j)."""
    return {
        row["key"]: (row["offset"] + row["scale"] * sines(math.prod(row["shape"]), 1 + row["i"])).view(row["shape"])
        for row in data["params"]
    }


def wave(shape):
    """The common input, sin(0.01 j)."""
    return sines(math.prod(shape), 0.0, 0.01).view(shape)


def check(output, expected, rel=1e-8, absolute=1e-10):
    assert list(output.shape) == expected["shape"]
    flat = output.detach().flatten()
    assert flat.mean().item() == pytest.approx(expected["mean"], rel=rel, abs=absolute)
    assert flat.std(correction=0).item() == pytest.approx(expected["std"], rel=rel, abs=absolute)
    assert flat[expected["flat_idx"]].tolist() == pytest.approx(expected["values"], rel=rel, abs=absolute)


def params(*nets):
    return sum(p.numel() for net in nets for p in net.parameters())
