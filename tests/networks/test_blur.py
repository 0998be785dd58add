"""Blurs before halving and while doubling, against convolutions with the kernels themselves."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from i2i import networks
from i2i.networks.layers import BlurDown, BlurUp


def depthwise(row):
    row = torch.tensor(row, dtype=torch.float64)
    return (row.outer(row) / row.sum() ** 2)[None, None].repeat(3, 1, 1, 1)


@pytest.mark.parametrize("size", [(2, 2), (8, 8), (7, 10), (9, 5)])
def test_blurs_are_convolutions_with_their_kernels(size):
    images = torch.sin(torch.arange(2 * 3 * size[0] * size[1], dtype=torch.float64)).view(2, 3, *size)
    small = F.conv2d(F.pad(images, (1,) * 4, mode="reflect"), depthwise([1, 2, 1]), stride=2, groups=3)
    assert torch.allclose(BlurDown()(images), small, atol=1e-14)
    kernel = depthwise([1, 3, 3, 1]) * 4
    large = F.conv_transpose2d(F.pad(images, (1,) * 4, mode="replicate"), kernel, stride=2, padding=2, groups=3)[
        :, :, 1:-1, 1:-1
    ]
    assert torch.allclose(BlurUp()(images), large, atol=1e-14)


def test_gradients_of_blurs():
    images = torch.randn(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(BlurDown(), (images,))
    assert torch.autograd.gradcheck(BlurUp(), (images,))


@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
@pytest.mark.parametrize("layers", [1, 2, 3, 5])
def test_the_smallest_side_of_an_antialiased_discriminator(norm, layers):
    net = networks.PatchDiscriminator(3, 1, layers, norm, antialias=True)
    side = net.min_size
    assert net(torch.randn(2, 3, side, side)).numel() >= 2
    with pytest.raises((RuntimeError, ValueError)):
        net(torch.randn(2, 3, side - 1, side - 1))


def test_antialiased_networks_keep_their_sizes():
    net = networks.ResNetGenerator(3, 1, 4, blocks=1, antialias=True, upsample="blur")
    assert net(torch.randn(1, 3, 8, 12)).shape == (1, 1, 8, 12)
    assert net(torch.randn(1, 3, 62, 65)).shape == (1, 1, 64, 68)
    plain = networks.PatchDiscriminator(3, 4)
    blurred = networks.PatchDiscriminator(3, 4, antialias=True)
    images = torch.randn(1, 3, 256, 256)
    assert plain(images).shape == blurred(images).shape == (1, 1, 30, 30)
    unet = networks.UNet(3, 3, 4, depth=3, upsample="blur")
    assert unet(torch.randn(1, 3, 16, 8)).shape == (1, 3, 16, 8)
    with pytest.raises(ValueError, match="up-sample by transposed convolution only"):
        networks.to_reference(unet)
