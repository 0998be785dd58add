"""First weights follow the reference codes' rules."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from i2i.networks import initialise


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(32, 64, 3), nn.BatchNorm2d(64), nn.ConvTranspose2d(64, 32, 4), nn.Linear(200, 100))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("normal", (0.02, 0.02, 0.02)),
        ("xavier", tuple(0.02 * math.sqrt(2 / n) for n in ((32 + 64) * 9, (32 + 64) * 16, 300))),
        # torch counts a transposed convolution's fan in by its second axis, and so does the reference
        ("kaiming", tuple(math.sqrt(2 / n) for n in (32 * 9, 32 * 16, 200))),
    ],
)
def test_standard_deviations(kind, expected):
    conv, norm, transposed, linear = initialise(net(), kind)
    for layer, std in zip((conv, transposed, linear), expected, strict=True):
        assert layer.weight.std().item() == pytest.approx(std, rel=0.03)
        assert abs(layer.weight.mean().item()) < std / 20
        assert not layer.bias.any()
    assert norm.weight.mean().item() == pytest.approx(1, abs=0.01)
    assert norm.weight.std().item() == pytest.approx(0.02, rel=0.3)
    assert not norm.bias.any()


def test_orthogonal_weights_are_orthogonal():
    linear = initialise(nn.Linear(50, 20), "orthogonal", 0.5)
    torch.testing.assert_close(linear.weight @ linear.weight.T, 0.25 * torch.eye(20), atol=1e-6, rtol=0)


def test_biases_can_be_left_alone():
    layer = nn.Conv2d(3, 8, 3)
    before = layer.bias.clone()
    initialise(layer, biases=False)
    assert torch.equal(layer.bias, before)
