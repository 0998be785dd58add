"""Layers of the style-based and progressive networks: closed forms, the references' numbers, derivatives."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from i2i_zoo.layers.batch import MinibatchDeviation, MinibatchDiscrimination, closeness, deviations
from i2i_zoo.layers.equalised import (
    LEAKY,
    DownConv2d,
    EqualisedConv2d,
    EqualisedLinear,
    UpConv2d,
    adain,
    exact,
    pixel_norm,
)
from i2i_zoo.layers.growth import Growth, channels_of
from i2i_zoo.layers.resample import SMOOTH, SMOOTHER, blur, double, halve, repeated
from i2i_zoo.layers.styles import Mapping, drawn_styles, truncate
from i2i_zoo.path_length import PathLength, path_lengths
from torch import nn
from torch.autograd import gradcheck, gradgradcheck
from zoo_golden import sines

from i2i import networks


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_weights_are_multiplied_by_the_constant():
    layer = EqualisedLinear(8, 4, gain=LEAKY, rate=0.01).double()
    assert layer.weight.std().item() == pytest.approx(100, rel=0.5)
    x = drawn(3, 8)
    layer.bias.data.fill_(50.0)
    assert torch.allclose(layer(x), x @ layer.weight.T * (2 / 8) ** 0.5 * 0.01 + 0.5)
    conv = EqualisedConv2d(3, 5, 3).double()
    images = drawn(2, 3, 4, 4)
    assert torch.allclose(conv(images), F.conv2d(images, conv.weight / 27**0.5, padding=1))


def test_fused_layers_are_the_two_they_stand_for():
    images = drawn(2, 3, 4, 6)
    for kind, wanted in (
        (UpConv2d, lambda plain: plain(repeated(images))),
        (DownConv2d, lambda plain: F.avg_pool2d(plain(images), 2)),
    ):
        fused, plain = kind(3, 5, 3, gain=LEAKY, bias=(0.5,)).double(), EqualisedConv2d(3, 5, 3, gain=LEAKY).double()
        plain.load_state_dict(fused.state_dict())
        assert torch.allclose(fused(images), wanted(plain), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("taps", [SMOOTH, SMOOTHER])
def test_filters_are_sums_of_neighbours(taps):
    image = drawn(1, 1, 4, 4)
    row = torch.tensor(taps, dtype=torch.float64)
    kernel = row.outer(row) / row.sum() ** 2
    assert torch.allclose(blur(image, taps, 2, gain=3.0), F.conv2d(image, 3 * kernel[None, None], padding=2))


def test_doubling_and_halving_weigh_as_the_reference_says():
    edge = torch.tensor([0.0, 0.0, 1.0, 1.0], dtype=torch.float64).expand(1, 1, 4, 4)
    doubled = double(edge)[0, 0, 4]
    assert doubled.tolist() == pytest.approx([0, 0, 0, 0.25, 0.75, 1, 1, 0.75])  # (x[i-1] + 3 x[i]) / 4; zeros outside
    assert halve(double(torch.ones(1, 1, 8, 8, dtype=torch.float64)))[0, 0, 1:-1, 1:-1].eq(1).all()
    halved = halve(torch.arange(8.0).double().expand(1, 1, 8, 8))[0, 0, 1]
    assert halved.tolist()[1:3] == pytest.approx([2.5, 4.5])  # (1 + 3*2 + 3*3 + 4) / 8


@pytest.mark.parametrize("function", [lambda x: blur(x, SMOOTH, 1), lambda x: blur(x, SMOOTHER, 2), double, halve])
def test_filters_are_differentiated_twice(function):
    x = drawn(1, 2, 4, 6).requires_grad_()
    square = lambda x: function(x).square()  # noqa: E731 - linear maps have no second derivative
    assert gradcheck(square, (x,))
    assert gradgradcheck(square, (x,))


def test_filters_sum_in_float32_under_autocast():
    x = drawn(1, 2, 8, 8).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(blur(x, SMOOTHER, 1), blur(x, SMOOTHER, 1).float())
        assert blur(x, SMOOTHER, 1).dtype == torch.float32
        half = blur(x.bfloat16(), SMOOTHER, 1)
    assert torch.equal(half, blur(x.bfloat16().float(), SMOOTHER, 1).bfloat16())
    with torch.autocast("cpu", dtype=torch.bfloat16), exact(x):
        assert (x[0, 0] @ x[0, 0]).dtype == torch.float32


def test_norms_are_the_references(golden):
    data = golden.load("zoo_regularisers")
    found = pixel_norm(sines(10, step=1.0).view(2, 5))
    assert torch.allclose(found, torch.tensor(data["pixelnorm"]["out"], dtype=torch.float64), rtol=1e-8)
    case = data["adain"]
    scale, shift = (torch.tensor(case[key], dtype=torch.float64) for key in ("y_s", "y_b"))
    found = adain(sines(32, 0, 0.2).view(2, 2, 2, 4), scale, shift)
    assert found.flatten().tolist() == pytest.approx(case["out"], rel=1e-8, abs=1e-10)


@pytest.mark.parametrize(("name", "group", "features"), [("4_feat1", 4, 1), ("8_feat1", 8, 1), ("4_feat2", 4, 2)])
def test_deviations_are_the_references(golden, name, group, features):
    data = golden.load("zoo_regularisers")["minibatch_stddev"]
    x = sines(128, 0, 0.3).view(8, 4, 2, 2)
    expected = torch.tensor(data[f"group{name}"], dtype=torch.float64)
    assert torch.allclose(deviations(x, group, features), expected, rtol=1e-8)
    planes = MinibatchDeviation(group, features)(x)[:, 4:]  # (8, features, 2, 2)
    for sample in range(8):
        assert torch.allclose(planes[sample], expected[sample % len(expected)][:, None, None].expand(-1, 2, 2))


def test_groups_are_strided_and_must_fill_the_batch():
    x = torch.zeros(8, 1, 1, 1, dtype=torch.float64)
    x[1] = 1.0  # of the group 1 of 2: pictures 1, 3, 5, 7
    assert deviations(x)[:, 0].tolist() == pytest.approx([1e-4, (3 / 16) ** 0.5], rel=1e-6)
    with pytest.raises(ValueError, match=r"groups of 4, and 6 pictures .*use --batch-size 4 or 8"):
        deviations(torch.zeros(6, 1, 1, 1))
    assert deviations(torch.zeros(2, 1, 1, 1)).shape == (1, 1), "a batch smaller than a group is one"


def test_closeness_is_the_references(golden):
    data = golden.load("zoo_regularisers")["minibatch_discrimination"]
    table = torch.cos(0.4 * torch.arange(30, dtype=torch.float64)).view(3, 5, 2)
    features = sines(12, 0 if data["f"].startswith("1.0*sin(0.9*j)") else 1, 0.9).view(4, 3)
    own = torch.einsum("nf,fbc->nbc", features, table)
    expected = torch.tensor(data["o_including_self"], dtype=torch.float64)
    assert torch.allclose(closeness(own, own), expected, rtol=1e-8)
    layer = MinibatchDiscrimination(3, 5, 2).double()
    with torch.no_grad():  # columns of the reference's lengths
        layer.weight.copy_(table)
        layer.length.copy_(table.square().sum(dim=0).sqrt().log())
        layer.bias.zero_()
    expected = torch.tensor(data["o_excluding_self"], dtype=torch.float64)
    assert torch.allclose(layer(features)[:, 3:], expected, rtol=1e-8)


def test_a_collapsed_batch_is_close_to_itself():
    layer = MinibatchDiscrimination(3, 4).double()
    collapsed = layer(torch.ones(6, 3, dtype=torch.float64))[:, 3:] - layer.bias
    varied = layer(1e4 * drawn(6, 3))[:, 3:] - layer.bias
    assert torch.allclose(collapsed, torch.full_like(collapsed, 5.0))
    assert varied.max() < 1e-6


def test_path_lengths_are_the_references(golden):
    data = golden.load("zoo_regularisers")["path_length"]
    table = sines(72, 0, 0.1).view(12, 2, 3)
    noise = torch.cos(0.6 * torch.arange(24, dtype=torch.float64)).view(2, 1, 3, 4)
    styles = sines(12, 0, 1.0).view(2, 2, 3).requires_grad_()
    images = torch.einsum("kld,nld->nk", table, styles) + 0.5 * torch.einsum("kld,nld->nk", table, styles**2)
    lengths = path_lengths(images.view(2, 1, 3, 4), styles, noise)
    assert lengths.tolist() == pytest.approx(data["lengths"], rel=1e-8)
    element = PathLength().double()
    penalty = element.penalty(lengths)
    assert element.mean.item() == pytest.approx(data["pl_mean_after_first_update_from_0_decay_0p01"], rel=1e-8)
    assert penalty.item() == pytest.approx(data["penalty_mean"], rel=1e-8)

    moved = 0.99 * element.mean + 0.01 * lengths.mean()  # the next step: a of before, without a gradient of then
    again = element.penalty(lengths)
    assert again.item() == pytest.approx((lengths - moved).square().mean().item())
    wanted = torch.autograd.grad((lengths - moved).square().mean(), styles, retain_graph=True)
    assert torch.allclose(*torch.autograd.grad(again, styles), *wanted)
    assert not element.mean.requires_grad


def test_growth_lies_in_the_state():
    one, other = Growth([4, 8, 16]), Growth([4, 8, 16])
    assert (one.level, one.side, one.doublings, one.fading) == (2, 16, 2, False)
    one.grow(1, 0.3)
    other.load_state_dict(one.state_dict())
    assert (other.level, other.alpha, other.fading) == (1, 0.3, True)
    one.grow(0, 0.5)
    assert not one.fading, "there is nothing below the first"
    net = nn.ModuleList([nn.Linear(1, 1), one])
    average = networks.Average(net)
    assert average.net[1].level == 0
    one.grow(2, 0.25)
    average.update(net, 0.999)
    assert (average.net[1].level, average.net[1].alpha) == (2, 0.25), "copied, not smoothed"


def test_channels_are_halved_above_the_widest():
    assert channels_of(1024, 512) == (512, 512, 512, 512, 256, 128, 64, 32, 16)
    assert channels_of(1024, 512, 2) == (512, 512, 512, 512, 512, 256, 128, 64, 32)


class Lots:
    """Chance that gives what it is told to."""

    def __init__(self, share):
        self.share = share

    def rand(self, *shape):
        return torch.full(shape, self.share)

    def randn(self, *shape):
        return torch.ones(*shape)


@torch.no_grad()
def test_styles_cross_where_chance_says():
    mapping = Mapping(4, 0, 6, 2, 0.01).eval()
    z = torch.randn(3, 4)
    one, two = mapping(z), mapping(torch.ones(3, 4))
    assert torch.equal(drawn_styles(mapping, z, None, 5, None, 0.9), one[:, None].expand(-1, 5, -1))
    mixed = drawn_styles(mapping, z, None, 5, Lots(0.5), 0.9)  # 1 + 0.5 * 4: from the layer 3 on
    assert torch.equal(mixed[:, :3], one[:, None].expand(-1, 3, -1))
    assert torch.equal(mixed[:, 3:], two[:, None].expand(-1, 2, -1))
    for share, first in ((0.0, 1), (0.89, 4)):
        mixed = drawn_styles(mapping, z, None, 5, Lots(share), 0.9)
        assert [torch.equal(mixed[:, layer], one) for layer in range(5)] == [layer < first for layer in range(5)]
    unmixed = drawn_styles(mapping, z, None, 5, Lots(0.95), 0.9)
    assert torch.equal(unmixed, one[:, None].expand(-1, 5, -1))


@torch.no_grad()
def test_the_mean_style_follows_in_training_alone():
    mapping = Mapping(4, 0, 6, 2, 0.01)
    z = torch.randn(3, 4)
    drawn_styles(mapping.eval(), z, None, 2, Lots(0.5), 0.9)
    drawn_styles(mapping.train(), z, None, 2, None, 0.9)
    assert not mapping.w_avg.any()
    drawn_styles(mapping, z, None, 2, Lots(0.5), 0.9)
    assert torch.allclose(mapping.w_avg, 0.005 * mapping(z).mean(dim=0))


def test_truncation_pulls_the_first_layers_to_the_mean():
    styles, mean = drawn(2, 3, 4), drawn(4, seed=1)
    assert torch.allclose(truncate(styles, mean, 0.0), mean.expand(2, 3, 4))
    assert torch.allclose(truncate(styles, mean, 0.7), mean + 0.7 * (styles - mean))
    first = truncate(styles, mean, [0.5])
    assert torch.allclose(first[:, 0], (mean + styles[:, 0]) / 2)
    assert torch.equal(first[:, 1:], mean + (styles[:, 1:] - mean))


def test_a_mapping_that_is_told_classes_wants_them():
    mapping = Mapping(4, 3, 6, 2, 0.01)
    z = torch.randn(2, 4)
    assert not torch.equal(mapping(z, torch.tensor([0, 1])), mapping(z, torch.tensor([2, 1])))
    with pytest.raises(ValueError, match="told classes, and no labels"):
        mapping(z)
