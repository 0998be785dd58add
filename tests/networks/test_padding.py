"""Padding by slices equals torch's padding, in value and gradient."""

from __future__ import annotations

import pytest
import torch

from i2i.networks import Pad, pad
from i2i.networks.padding import pad_by_slices


@pytest.mark.parametrize("kind", ["reflect", "replicate"])
@pytest.mark.parametrize(("size", "height", "width"), [(1, 2, 5), (3, 4, 9), (3, 8, 4)])
def test_slices_equal_torch(kind, size, height, width):
    images = torch.randn(2, 3, height, width, dtype=torch.float64, requires_grad=True)
    expected, output = pad(images, size, kind), pad_by_slices(images, size, kind)
    assert torch.equal(output, expected)
    weights = torch.randn_like(expected)
    gradients = [torch.autograd.grad((t * weights).sum(), images)[0] for t in (expected, output)]
    torch.testing.assert_close(*gradients, atol=1e-12, rtol=0)


def test_zeros():
    assert pad(torch.ones(1, 1, 1, 1), 1, "zeros").sum() == 1


def test_too_small_a_side_is_refused():
    for function in (pad, pad_by_slices):
        with pytest.raises(RuntimeError):
            function(torch.ones(1, 1, 3, 3), 3, "reflect")


def test_module_shows_what_it_does():
    assert repr(Pad(3)) == "Pad(3, reflect)"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("kind", ["reflect", "replicate"])
def test_deterministic_on_cuda(kind):
    images = torch.randn(1, 2, 9, 9, device="cuda", requires_grad=True)
    torch.use_deterministic_algorithms(True)
    try:
        pad(images, 3, kind).square().sum().backward()
    finally:
        torch.use_deterministic_algorithms(False)
    assert images.grad is not None


@pytest.mark.parametrize("kind", ["reflect", "replicate"])
def test_autocast_does_not_widen(kind):
    images = torch.randn(1, 2, 5, 5, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        output = pad(images, 2, kind)
    assert torch.equal(output, pad(images, 2, kind))
    assert output.dtype == torch.bfloat16
