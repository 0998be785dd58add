"""The L1 loss by hand, its gradient and its refusal to broadcast."""

from __future__ import annotations

import pytest
import torch

from i2i import losses


def test_value_by_hand():
    assert losses.l1(torch.tensor([1.0, -2.0]), torch.tensor([0.0, 1.0])).item() == 2


def test_gradient():
    torch.manual_seed(0)
    pair = [torch.randn(1, 2, 3, 3, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(losses.l1, pair)


def test_bf16_is_compared_in_float32():
    a, b = torch.rand(1, 3, 64, 64).bfloat16(), torch.rand(1, 3, 64, 64)
    assert losses.l1(a, b).dtype == torch.float32
    torch.testing.assert_close(losses.l1(a, b), (a.float() - b).abs().mean())


def test_shapes_must_be_equal():
    with pytest.raises(ValueError, match=r"prediction \(1, 3, 4, 4\) and target \(1, 1, 4, 4\) differ in shape"):
        losses.l1(torch.ones(1, 3, 4, 4), torch.ones(1, 1, 4, 4))
