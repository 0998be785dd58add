"""The instance norm keeps the memory layout, and its value and gradients are right in every mix of layouts."""

from __future__ import annotations

import pytest
import torch

from i2i.networks import normalisation

LAYOUTS = (torch.contiguous_format, torch.channels_last)


def textbook(x):
    variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt()


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("gradient_layout", LAYOUTS)
def test_instance_norm(count, layout, gradient_layout):
    x = torch.randn(count, 4, 6, 5, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()
    output, expected = normalisation("instance", 4)(x), textbook(x)
    torch.testing.assert_close(output, expected, atol=1e-12, rtol=0)
    assert output.is_contiguous(memory_format=layout)
    arriving = torch.randn(count, 4, 6, 5, dtype=torch.float64).contiguous(memory_format=gradient_layout)
    gradients = [torch.autograd.grad(t, x, arriving)[0] for t in (output, expected)]
    torch.testing.assert_close(*gradients, atol=1e-12, rtol=0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_instance_norm_can_be_differentiated_twice(layout):
    x = torch.randn(1, 2, 3, 3, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()
    assert torch.autograd.gradgradcheck(normalisation("instance", 2), x)


def test_instance_norm_of_one_pixel_is_refused():
    for count in (1, 2):
        with pytest.raises(ValueError, match="more than 1"):
            normalisation("instance", 2)(torch.ones(count, 2, 1, 1))
