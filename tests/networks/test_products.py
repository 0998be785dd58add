"""Convolutions as products: values and gradients are torch's own, at sizes on either side of the border."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from i2i.networks import products

SIZES = [(1, 1, 4), (1, 4, 4), (1, 9, 11), (2, 16, 16), (1, 32, 30), (3, 18, 20)]  # pictures, height, width
KINDS = [
    (products.Conv2d, nn.Conv2d, {"kernel_size": 4, "stride": 2, "padding": 1}),
    (products.Conv2d, nn.Conv2d, {"kernel_size": 3, "padding": (1, 2), "dilation": (1, 2), "bias": False}),
    (products.ConvTranspose2d, nn.ConvTranspose2d, {"kernel_size": 4, "stride": 2, "padding": 1, "bias": False}),
    (
        products.ConvTranspose2d,
        nn.ConvTranspose2d,
        {"kernel_size": 3, "stride": (2, 3), "padding": 1, "output_padding": (1, 0)},
    ),
]


def computed(net: nn.Module, images: Tensor) -> list[Tensor]:
    """The output, the gradients of all weights and of the pictures, and a gradient of the latter's size."""
    images = images.detach().requires_grad_()
    output = net(images)
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)
    (gradient,) = torch.autograd.grad((output.square() * weights).sum(), images, create_graph=True)
    gradient.square().sum().backward()
    return [output, gradient, *(p.grad for p in net.parameters() if p.grad is not None), images.grad]


@pytest.mark.parametrize(("ours", "theirs", "options"), KINDS)
@pytest.mark.parametrize(("count", "height", "width"), SIZES)
def test_values_and_gradients_of_both_orders_are_torch_s(ours, theirs, options, count, height, width, monkeypatch):
    if theirs is nn.Conv2d and min(height, width) < options["kernel_size"]:
        height += 4
    torch.manual_seed(0)
    one, other = ours(3, 5, **options).double(), theirs(3, 5, **options).double()
    other.load_state_dict(one.state_dict())
    images = torch.randn(count, 3, height, width, dtype=torch.float64)
    for layout in (torch.contiguous_format, torch.channels_last):
        one.zero_grad()
        other.zero_grad()
        found, expected = (computed(net, images.contiguous(memory_format=layout)) for net in (one, other))
        assert len(found) == len(expected) > 3
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(products.Conv2d, nn.Conv2d), (products.ConvTranspose2d, nn.ConvTranspose2d)]
)
def test_few_pixels_are_multiplied_and_many_convolved(ours, theirs, monkeypatch):
    convolved = []
    usual = theirs.forward
    monkeypatch.setattr(theirs, "forward", lambda net, *args: convolved.append(1) or usual(net, *args))
    net = ours(2, 2, 4, 2, 1)
    places = 2 if theirs is nn.Conv2d else 1  # what is counted is halved already
    net(torch.zeros(1, 2, 16 * places, 16 * places))
    assert not convolved
    net(torch.zeros(1, 2, 16 * places, 18 * places))
    net(torch.zeros(2, 2, 16 * places, 16 * places))
    assert len(convolved) == 2


def test_bfloat16_under_autocast():
    torch.manual_seed(0)
    for ours, theirs in ((products.Conv2d, nn.Conv2d), (products.ConvTranspose2d, nn.ConvTranspose2d)):
        one, other = ours(8, 8, 4, 2, 1), theirs(8, 8, 4, 2, 1)
        other.load_state_dict(one.state_dict())
        images = torch.randn(1, 8, 8, 8)
        with torch.autocast("cpu", torch.bfloat16):
            found, expected = one(images), other(images)
        assert found.dtype == expected.dtype == torch.bfloat16
        torch.testing.assert_close(found.float(), other(images), rtol=0.03, atol=0.03)
