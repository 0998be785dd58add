"""The perceptual loss by hand."""

from __future__ import annotations

import pytest
import torch

from i2i import losses


def test_value_by_hand():
    fake = [torch.tensor([1.0, 3.0]), torch.tensor([[2.0]])]
    real = [torch.tensor([0.0, 0.0]), torch.tensor([[5.0]])]
    assert losses.perceptual(fake, real).item() == 2 + 3
    assert losses.perceptual(fake, real, [0.5, 2]).item() == 1 + 6
    assert losses.perceptual(fake, real, [0.5, 2], squared=True).item() == 0.5 * 5 + 2 * 9


@pytest.mark.parametrize("squared", [False, True])
def test_gradient_flows_to_the_fake_only(squared):
    torch.manual_seed(0)
    fake, real = (torch.randn(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda f: losses.perceptual([f], [real], [0.3], squared), (fake,))
    losses.perceptual([fake], [real], squared=squared).backward()
    assert real.grad is None


def test_coarse_types_are_compared_in_float32():
    fake, real = torch.full((4,), 300.0, dtype=torch.float16), torch.zeros(4, dtype=torch.float16)
    value = losses.perceptual([fake], [real], squared=True)
    assert (value.dtype, value.item()) == (torch.float32, 90_000)


@pytest.mark.parametrize("squared", [False, True])
def test_what_does_not_fit_is_refused(squared):
    with pytest.raises(ValueError, match="1 layers of fake features, 2 of real ones and 1 weights"):
        losses.perceptual([torch.ones(1)], [torch.ones(1)] * 2, squared=squared)
    with pytest.raises(ValueError, match="differ in shape"):
        losses.perceptual([torch.ones(2)], [torch.ones(1)], squared=squared)
    with pytest.raises(ValueError, match="0 layers"):
        losses.perceptual([], [], squared=squared)
