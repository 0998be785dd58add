"""Shapes, sizes, parameter counts, precision and options of the networks."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from i2i import networks


def count(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(
    ("blocks", "width", "norm", "expected"),
    [
        (9, 64, "instance", 11_378_179),
        (9, 64, "batch", 11_383_427),
        (9, 8, "instance", 180_419),
        (9, 8, "batch", 181_075),
        (6, 64, "instance", 7_837_699),
        (6, 64, "batch", 7_841_411),
        (6, 8, "instance", 124_931),
        (6, 8, "batch", 125_395),
    ],
)
def test_resnet_parameter_counts(blocks, width, norm, expected):
    with torch.device("meta"):
        assert count(networks.ResNetGenerator(3, 3, width, blocks, norm)) == expected
        assert count(networks.ResNetGenerator(3, 3, width, blocks, norm, dropout=0.5, padding="zeros")) == expected


def test_pix2pixhd_parameter_counts():
    with torch.device("meta"):
        assert count(networks.ResNetGenerator(36, 3, downs=4)) == 182_546_755
        assert count(networks.ResNetGenerator(36, 3, downs=3)) == 45_696_835
        for scales, expected in ((1, 2_801_601), (2, 5_603_202), (3, 8_404_803)):
            assert count(networks.MultiScaleDiscriminator(39, scales=scales)) == expected


@pytest.mark.parametrize(
    ("channels", "depth", "width", "norm", "expected"),
    [
        ((3, 3), 8, 64, "batch", 54_413_955),
        ((3, 3), 8, 64, "instance", 54_409_603),
        ((3, 3), 8, 8, "batch", 852_307),
        ((3, 3), 8, 8, "instance", 851_763),
        ((3, 3), 7, 64, "batch", 41_828_995),
        ((3, 3), 7, 64, "instance", 41_825_667),
        ((3, 3), 7, 8, "batch", 655_443),
        ((3, 3), 7, 8, "instance", 655_027),
        ((1, 2), 8, 64, "batch", 54_409_858),
    ],
)
def test_unet_parameter_counts(channels, depth, width, norm, expected):
    with torch.device("meta"):
        assert count(networks.UNet(*channels, width, depth, norm)) == expected


@pytest.mark.parametrize(
    ("layers", "side", "instance", "batch"),
    [
        (1, 126, (136_385, 139_457), (136_513, 139_585)),
        (2, 62, (662_977, 666_049), (663_361, 666_433)),
        (3, 30, (2_764_737, 2_767_809), (2_765_633, 2_768_705)),
        (4, 14, (6_959_553, 6_962_625), (6_960_961, 6_964_033)),
        (5, 6, (11_154_369, 11_157_441), (11_156_289, 11_159_361)),
        (6, 2, (15_349_185,), ()),
    ],
)
def test_patch_discriminator_parameter_counts(layers, side, instance, batch):
    with torch.device("meta"):
        for norm, expected in (("instance", instance), ("batch", batch)):
            for channels, number in zip((3, 6), expected, strict=False):
                assert count(networks.PatchDiscriminator(channels, 64, layers, norm)) == number
        net = networks.PatchDiscriminator(3, layers=layers)
        assert net(torch.empty(1, 3, 256, 256)).shape == (1, 1, side, side)


@pytest.mark.parametrize(("size", "side"), [(64, 6), (70, 6), (128, 14), (286, 33), (512, 62)])
def test_basic_discriminator_sizes(size, side):
    with torch.device("meta"):
        assert networks.PatchDiscriminator(3)(torch.empty(1, 3, size, size)).shape == (1, 1, side, side)


def test_pixel_discriminator_parameter_counts():
    with torch.device("meta"):
        for norm, expected in (("instance", (8_705, 8_897)), ("batch", (8_832, 9_024))):
            assert tuple(count(networks.PixelDiscriminator(n, 64, norm)) for n in (3, 6)) == expected


NETWORKS = {
    "resnet": lambda: networks.ResNetGenerator(2, 5, 4, blocks=1),
    "resnet-options": lambda: networks.ResNetGenerator(2, 5, 4, 1, "batch", 0.5, "replicate", "resize", downs=1),
    "resnet-plain": lambda: networks.ResNetGenerator(2, 5, 4, 1, "none", padding="zeros"),
    "unet": lambda: networks.UNet(2, 5, 4, depth=5),
    "unet-options": lambda: networks.UNet(2, 5, 4, 6, "batch", 0.5, "resize"),
    "patch": lambda: networks.PatchDiscriminator(2, 4, layers=2),
    "patch-none": lambda: networks.PatchDiscriminator(2, 4, layers=2, norm="none"),
    "pixel": lambda: networks.PixelDiscriminator(2, 4, "none"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_output_shape_at_two_sizes(name):
    net = NETWORKS[name]()
    generates = name.startswith(("resnet", "unet"))
    for height, width in ((64, 64), (128, 64)):
        images = torch.rand(2, 2, height, width) * 2 - 1
        images_before = images.clone()
        output = net(images)
        assert torch.equal(images, images_before)
        if generates:
            assert output.shape == (2, 5, height, width)
            assert output.abs().max() <= 1
        else:
            assert output.shape[:2] == (2, 1)


@pytest.mark.parametrize("name", NETWORKS)
def test_bf16_autocast_gives_finite_outputs_and_gradients(name):
    torch.manual_seed(0)
    net = NETWORKS[name]()
    images = torch.rand(2, 2, 64, 64) * 2 - 1
    exact = net.eval()(images)
    net.train()
    with torch.autocast("cpu", torch.bfloat16):
        output = net(images)
    assert output.isfinite().all()
    output.float().square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(net.eval()(images).float().mean(), exact.mean(), atol=0.3, rtol=0)


@pytest.mark.parametrize("name", ["resnet", "unet", "patch"])
def test_in_place_activations_leave_gradients_right(name):
    torch.manual_seed(0)
    net = NETWORKS[name]().double()
    images = torch.rand(1, 2, 32, 32, dtype=torch.float64)
    weights = [p for p in net.parameters() if p.dim() == 4]

    def loss():
        return net(images).square().mean()

    gradients = torch.autograd.grad(loss(), weights)
    for weight, gradient in zip(weights, gradients, strict=True):
        direction = torch.randn_like(weight)
        with torch.no_grad():
            step = 1e-6
            weight += step * direction
            above = loss()
            weight -= 2 * step * direction
            below = loss()
            weight += step * direction
        assert (above - below).item() / (2 * step) == pytest.approx(
            (gradient * direction).sum().item(), rel=1e-4, abs=1e-7
        )


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("upsample", ["transposed", "resize", "blur"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_unet_computes_the_same_of_either_layout(norm, upsample, count):
    torch.manual_seed(0)
    net = networks.UNet(2, 3, 8, depth=5, norm=norm, upsample=upsample)  # from 64x32 on, it has levels of both kinds
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    images, target = torch.rand(count, 2, 64, 32) * 2 - 1, torch.randn(count, 3, 64, 32)

    def computed(net, images):
        images = images.requires_grad_()
        output = net(images)
        named = [p for name, p in net.named_parameters() if norm != "instance" or not name.endswith("bias")]
        return output, *torch.autograd.grad((output * target).sum(), [images, *named])  # a normed bias has none

    exact = computed(copy.deepcopy(net).double(), images.double())
    for layout in (torch.contiguous_format, torch.channels_last):
        for ours, theirs in zip(computed(net, images.clone(memory_format=layout)), exact, strict=True):
            torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=1e-4 * theirs.abs().max().item())


def test_multiscale_discriminator_returns_scales_and_features():
    images = torch.rand(1, 3, 64, 96)
    logits = networks.MultiScaleDiscriminator(3, 4, scales=2)(images)
    assert [tuple(t.shape) for t in logits] == [(1, 1, 11, 15), (1, 1, 7, 9)]
    features = networks.MultiScaleDiscriminator(3, 4, scales=2, features=True)(images)
    assert [[t.shape[1] for t in scale] for scale in features] == [[4, 8, 16, 32, 1]] * 2


def test_multiscale_discriminator_keeps_torchs_biases():
    torch.manual_seed(0)
    net = networks.MultiScaleDiscriminator(3, 4, scales=1)
    layer = net.scales[0].layers[1].conv
    assert 0 < layer.bias.abs().max() <= 1 / (4 * 16) ** 0.5
    assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)


def test_unet_refuses_sides_it_cannot_halve():
    net = networks.UNet(3, 3, 4, depth=5)
    assert (net.size_multiple, net.min_size) == (32, 32)
    with pytest.raises(ValueError, match="a U-Net of depth 5 got 48x64 pixels; both sides must be multiples of 32"):
        net(torch.zeros(1, 3, 48, 64))
    with pytest.raises(ValueError, match="depth 1 has no skips"):
        networks.UNet(3, 3, depth=1)


def test_unet_drops_on_the_levels_of_the_reference():
    with torch.device("meta"):
        for depth, levels in ((8, [4, 5, 6]), (7, [4, 5]), (5, [])):
            net = networks.UNet(3, 3, 4, depth, dropout=0.5)
            assert [k for k, up in enumerate(net.up) if hasattr(up, "dropout")] == levels


def test_resnet_sizes():
    with torch.device("meta"):
        net = networks.ResNetGenerator(3, 3, 4, blocks=1)
        for side, expected in ((62, 64), (63, 64), (65, 68), (66, 68), (101, 104), (8, 8)):
            assert net(torch.empty(1, 3, side, side)).shape[-1] == expected
    assert (net.size_multiple, net.min_size) == (4, 8)


@settings(max_examples=20, deadline=None)
@given(layers=st.integers(1, 4), norm=st.sampled_from(["instance", "none"]), padding=st.integers(1, 2))
def test_min_size_of_a_discriminator_is_the_smallest_that_works(layers, norm, padding):
    net = networks.PatchDiscriminator(1, 1, layers, norm, padding=padding)
    assert net(torch.rand(1, 1, net.min_size, net.min_size)).numel() >= 1
    if net.min_size > 1:
        with pytest.raises((ValueError, RuntimeError)):
            net(torch.rand(1, 1, net.min_size - 1, net.min_size - 1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: networks.UNet(3, 3, norm="instanse"), 'no norm "instanse"; did you mean "instance"'),
        (lambda: networks.ResNetGenerator(3, 3, padding="zero"), 'no padding "zero"; did you mean "zeros"'),
        (lambda: networks.ResNetGenerator(3, 3, upsample="resized"), 'no up-sampling "resized"; did you mean "resize"'),
        (
            lambda: networks.initialise(torch.nn.Linear(1, 1), "norma"),
            'no initialisation "norma"; did you mean "normal"',
        ),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(make, message):
    with torch.device("meta"), pytest.raises(LookupError, match=message):
        make()


def test_compiled_in_place_keeps_weight_names():
    net = networks.UNet(3, 3, 4, depth=5)
    names = list(net.state_dict())
    net.compile(backend="eager")
    assert net(torch.rand(1, 3, 32, 32)).shape == (1, 3, 32, 32)
    assert list(net.state_dict()) == names


def test_multiscale_discriminator_takes_a_pyramid():
    net = networks.MultiScaleDiscriminator(3, 4, scales=3)
    images = torch.rand(1, 3, 31, 40)
    levels = net.pyramid(images)
    assert [tuple(level.shape[2:]) for level in levels] == [(31, 40), (16, 20), (8, 10)]
    assert all(torch.equal(a, b) for a, b in zip(net(images), net(levels), strict=True))
    corner, middle = images[0, 0, :2, :2].mean(), images[0, 0, 1:4, 1:4].mean()
    assert networks.halve(images)[0, 0, [0, 1], [0, 1]].tolist() == pytest.approx([corner.item(), middle.item()])
