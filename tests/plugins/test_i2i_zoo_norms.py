"""The norms of discriminators can be chosen: batch norm by default, another where a penalty of slopes is wanted."""

from __future__ import annotations

import pytest
import torch
from i2i_zoo import cards, spelling
from i2i_zoo.architectures.pairs import Inferring
from i2i_zoo.layers import chosen
from i2i_zoo.parts import Shape
from i2i_zoo.rules import has_batch_norm
from torch import nn

from i2i import networks

NAMES = [part.name for part in cards.parts() if part.axis == "architecture"]
TOLD = ("none", "none+ac", "concat+concat", "table+projection", "shared+projection")


def built(text):
    """A discriminator of the first shape that an architecture can be built for, and that shape."""
    architecture = spelling.make("architecture", text, "--architecture")
    for side in (32, 28):
        for told in TOLD:
            shape = Shape(3, (side, side), 8, 3, told)
            try:
                architecture.check(shape)
                return architecture.discriminator(shape), shape
            except (ValueError, NotImplementedError):
                continue
    raise AssertionError(f"{text} cannot be built")


@pytest.mark.parametrize("name", NAMES)
def test_batch_norm_in_a_discriminator_can_be_left_out(name):
    with torch.device("meta"):
        if has_batch_norm(built(name)[0]):
            assert not has_batch_norm(built(f"{name}:norm=layer")[0])
            assert not has_batch_norm(built(f"{name}:norm=none")[0])


def test_those_with_batch_norm_are_known():
    with torch.device("meta"):
        found = {name for name in NAMES if has_batch_norm(built(name)[0])}
    assert found >= {"dcgan", "dcgan-ssl", "infogan", "bigan", "bigan-conv", "ebgan", "vaegan", "cogan-conv"}


BATCH = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, networks.BatchNorm1d, networks.BatchNorm2d)


@pytest.mark.parametrize("kind", [*BATCH, nn.InstanceNorm2d, nn.LayerNorm])
def test_batch_norm_of_any_kind_is_seen(kind):
    assert has_batch_norm(nn.Sequential(nn.Linear(2, 2), nn.Sequential(kind(2)))) == (kind in BATCH)


@pytest.mark.parametrize("norm", ["layer", "none"])
@pytest.mark.parametrize("name", ["infogan", "bigan", "bigan-conv", "ebgan", "vaegan", "cogan-conv"])
def test_without_batch_norm_a_picture_is_judged_by_itself_and_has_a_contrast(name, norm):
    torch.manual_seed(0)
    net, shape = built(f"{name}:width=4,norm={norm}")
    kind = spelling.make("architecture", name, "")
    images = torch.rand(3, 3, *shape.size)
    told = torch.rand(3, shape.latent) if isinstance(kind, Inferring) else torch.zeros(3, dtype=torch.int64)
    together = net.train()(images, told).logit
    assert torch.allclose(together[:1], net(images[:1], told[:1]).logit, atol=1e-5)
    assert not torch.allclose(together, net(images / 2, told / 2).logit, atol=1e-5)


@pytest.mark.parametrize("size", [(4, 3), (4, 3, 5, 5)])
def test_layer_norm_is_of_each_picture(size):
    x = torch.randn(size)
    (layer,) = (chosen.of_vectors if x.dim() == 2 else chosen.of_maps)("layer", 3)
    rows = x.flatten(1)
    expected = (rows - rows.mean(dim=1, keepdim=True)) / (rows.var(dim=1, correction=0, keepdim=True) + 1e-5).sqrt()
    assert torch.allclose(layer(x).flatten(1), expected, atol=1e-5)
