"""SRGAN: networks of the reference, its phases and losses, options and refusals, and pictures of any kind enlarged."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from i2i_srgan import discriminator, generators
from i2i_srgan.layers import PReLU, shuffled
from i2i_srgan.model import SRGAN, as_buffers, cosine, follow
from PIL import Image
from torch import nn

import i2i
from i2i import bundle, figures, images, networks
from i2i.device import Engine
from i2i.loop import run_step
from i2i.model import evaluating
from i2i.options import build
from i2i.picture import Picture
from i2i.testing import check_model, synthetic_batch
from i2i.translation import translate_picture

SPEC = i2i.DataSpec(channels={"image": 3}, image_size=(32, 32))
TINY = {"generator": "srresnet", "width": 8, "blocks": 1, "growth": 4, "discriminator_width": 2, "content": "pixels"}


def make(spec=SPEC, **options):
    torch.manual_seed(0)
    return SRGAN(build(SRGAN.Options, TINY | options), spec)


def train(model, steps=2, precision="fp32", spec=None):
    """Train each phase for some steps; returns what was logged, by phase."""
    logged, optimizers, done = {}, {}, 0
    for phase in model.phases():
        model.phase, optimizers = phase.name, model.optimizers(phase)
        for step in range(steps):
            batch = Engine(precision=precision).move(synthetic_batch(spec or model.spec, 2, done))
            progress = i2i.Progress(phase, step, steps, run_step=done)
            logged[phase.name] = run_step(model, optimizers, batch, progress, Engine(precision=precision))
            done += 1
    return logged


def fill(rows):
    """The golden tensors: made by whole numbers, as their README says."""
    state = {}
    for i, (key, shape, rule) in enumerate(rows):
        n = math.prod(shape)
        j = torch.arange(n, dtype=torch.int64)
        u = 2 * ((3 * j * j + 7919 * j + 104729 * (i + 1)) % 10007).double() / 10006 - 1
        b = (math.sqrt(6 * shape[0] / n) if len(shape) > 1 else 0.1) * u
        offset = {"base": b, "one_plus": 1 + b, "zero": torch.zeros_like(b), "one": torch.ones_like(b)}[rule]
        state[key] = offset.view(shape)
    return state


def golden_case(data):
    (wanted,) = data["inputs"]
    flat = torch.arange(math.prod(wanted["shape"]), dtype=torch.float64)
    return (0.5 + 0.5 * torch.sin(0.01 * flat)).view(wanted["shape"]), data["cases"]["B"]


def check(output, expected):
    assert list(output.shape) == expected["shape"]
    flat = output.detach().flatten()
    for name, value in (
        ("mean", flat.mean()),
        ("std", flat.std(correction=0)),
        ("min", flat.min()),
        ("max", flat.max()),
    ):
        assert value.item() == pytest.approx(expected[name], rel=1e-7, abs=1e-9), name
    assert flat[expected["indices"]].tolist() == pytest.approx(expected["values"], rel=1e-7, abs=1e-9)


def load_golden(net, data):
    state, own = fill(data["tensors"]), net.double().state_dict()
    assert list(state) == [key for key in own if not key.endswith("num_batches_tracked")]
    net.load_state_dict(state, strict=False)
    assert sum(p.numel() for p in net.parameters()) == data["num_parameters"]
    return net.eval()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_generator_is_the_references(golden, layout):
    data = golden.load("srgan_generator_small")
    config = data["config"]
    net = generators.SRResNet(3, config["channels"], config["num_residual_blocks"], config["upscale"])
    load_golden(net, data)
    x, expected = golden_case(data)
    entering = []
    net.upsampling.register_forward_hook(lambda _, inputs, __: entering.append(inputs[0]))
    output = net(x.contiguous(memory_format=layout))
    check(output, expected["output"])
    check(entering[0], expected["after_trunk_skip"])
    check(output.clamp(0, 1), expected["output_clamped_0_1"])


def test_the_discriminator_is_the_references(golden):
    data = golden.load("srgan_discriminator_small")
    net = load_golden(discriminator.Discriminator(3, data["config"]["channels"]), data)
    x, expected = golden_case(data)
    check(net.features(x), expected["features"])
    check(net(x), expected["output"])


def count(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(
    ("kind", "scale", "blocks", "parameters"),
    [
        ("srresnet", 4, 16, 1_547_350),
        ("srresnet", 2, 16, 1_399_637),
        ("srresnet", 8, 16, 1_695_063),
        ("msrresnet", 4, 16, 1_517_571),
        ("msrresnet", 2, 16, 1_369_859),
        ("msrresnet", 3, 16, 1_554_499),
        ("rrdb", 4, 23, 16_697_987),
        ("rrdb", 4, 6, 4_467_779),
        ("rrdb", 2, 23, 16_703_171),
    ],
)
def test_networks_have_the_published_number_of_weights(kind, scale, blocks, parameters):
    with torch.device("meta"):
        assert count(generators.make(kind, 3, 64, blocks, 32, scale, "none")) == parameters


def test_the_discriminator_has_the_published_number_of_weights():
    with torch.device("meta"):
        assert count(discriminator.Discriminator(3)) == 23_563_649


@pytest.mark.parametrize("kind", ["srresnet", "msrresnet", "rrdb"])
@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("skip", ["none", "bilinear", "bicubic"])
def test_every_generator_enlarges_any_size(kind, scale, skip):
    if (kind, scale) == ("rrdb", 3):
        with pytest.raises(ValueError, match="--scale is 3; rrdb enlarges 2, 4 or 8 times"):
            generators.make(kind, 3, 4, 1, 4, scale, skip)
        return
    torch.manual_seed(0)
    net = generators.make(kind, 3, 4, 1, 4, scale, skip).eval()
    for height, width in ((2, 2), (6, 4), (2, 10)):
        small = torch.rand(2, 3, height, width)
        with torch.no_grad():
            large = net(small)
        assert large.shape == (2, 3, scale * height, scale * width)
        if kind == "msrresnet" and skip == "bicubic":
            own = net.enlarge(small)
            torch.testing.assert_close(large - own, networks.bicubic_up(small, scale))


def test_an_srresnet_that_adds_begins_at_what_it_adds_to():
    small = torch.rand(1, 3, 5, 4)
    net = generators.SRResNet(3, 4, 1, 4, "bicubic")
    assert torch.equal(net(small), networks.bicubic_up(small, 4))
    assert net.conv3.weight.requires_grad


def test_scales_that_no_network_has_are_refused():
    with pytest.raises(ValueError, match="--scale is 5; srresnet enlarges 2, 3, 4 or 8 times"):
        make(scale=5)


def test_prelu_is_torchs():
    ours, theirs = PReLU().double(), nn.PReLU().double()
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.equal(ours(x), theirs(x))
    assert torch.autograd.gradcheck(ours, x)
    weight = torch.randn_like(x)
    one, other = (torch.autograd.grad(net(x), [x, net.weight], weight) for net in (ours, theirs))
    for gradient, expected in zip(one, other, strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=1e-12)
    assert ours(x.bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("times", [2, 3])
def test_shuffling_in_either_layout_is_torchs(times):
    conv = nn.Conv2d(6, 5 * times**2, 3, padding=1).double()
    x = torch.randn(2, 6, 4, 7, dtype=torch.float64)
    expected = torch.nn.functional.pixel_shuffle(conv(x), times)
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.testing.assert_close(shuffled(x.contiguous(memory_format=layout), conv, times), expected)
    made = shuffled(x.contiguous(memory_format=torch.channels_last), conv, times)
    assert made.is_contiguous(memory_format=torch.channels_last)


def bce(logits, real):
    return nn.functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))


def test_adversarial_losses_are_the_papers():
    real, fake = torch.randn(5, 1, dtype=torch.float64), torch.randn(5, 1, dtype=torch.float64, requires_grad=True)
    assert discriminator.judge(real, fake, "vanilla").item() == pytest.approx((bce(real, 1) + bce(fake, 0)).item())
    assert discriminator.fool(real, fake, "vanilla").item() == pytest.approx(-torch.sigmoid(fake).log().mean().item())

    above, below = real - fake.mean(), fake - real.mean()
    judged, fooled = 0.5 * (bce(above, 1) + bce(below, 0)), 0.5 * (bce(above, 0) + bce(below, 1))
    assert discriminator.judge(real, fake, "relativistic").item() == pytest.approx(judged.item())
    assert discriminator.fool(real, fake, "relativistic").item() == pytest.approx(fooled.item())
    (gradient,) = torch.autograd.grad(discriminator.fool(real, fake, "relativistic"), fake)
    (expected,) = torch.autograd.grad(fooled, fake)  # through both terms
    torch.testing.assert_close(gradient, expected)
    moving = real.clone().requires_grad_()
    discriminator.fool(moving, fake, "relativistic").backward()
    assert moving.grad is None  # the generator does not learn through what is real


def test_a_step_of_pretraining_is_the_mean_squared_error_alone():
    model = make(adversarial_share=0, ema=0.0)
    batch = synthetic_batch(SPEC, 2, 0)
    (phase,) = model.phases()
    with torch.no_grad():
        target = (batch["image"] + 1) / 2
        small = (networks.bicubic_down(target, 4).clamp(0, 1) * 255).round() / 255
        expected = (model.generator.train()(small) - target).square().mean().item()
    logged = run_step(model, model.optimizers(phase), batch, i2i.Progress(phase, 0, 9), Engine())
    assert {name: value.item() for name, value in logged.items()} == {"generator/pixels": pytest.approx(expected)}
    assert model.discriminator is None


def test_phases_and_their_rates():
    pretrain, late = make().phases()
    assert (pretrain.name, pretrain.share, late.name, late.share) == ("pretrain", 5, "adversarial", 1)
    assert pretrain.lr is cosine
    assert (cosine(0), cosine(0.5), cosine(1)) == (1, pytest.approx(0.505), pytest.approx(0.01))
    assert [late.lr(fraction) for fraction in (0, 0.49, 0.5, 0.99)] == [1, 1, 0.1, 0.1]
    assert make(pretrain_decay="none").phases()[0].lr(0.9) == 1
    assert [phase.name for phase in make(adversarial_share=0).phases()] == ["pretrain"]
    assert [phase.name for phase in make(pretrain_share=0).phases()] == ["adversarial"]
    with pytest.raises(ValueError, match="leave nothing to train; give one of them"):
        make(pretrain_share=0, adversarial_share=0)


def test_the_generator_keeps_what_its_optimizer_knows_into_the_adversarial_phase():
    model = make()
    one, other = (model.optimizers(phase) for phase in model.phases())
    assert list(one) == ["generator"]
    assert list(other) == ["generator", "discriminator"]
    assert [*map(id, one["generator"].param_groups[0]["params"])] == [
        *map(id, other["generator"].param_groups[0]["params"])
    ]


@pytest.mark.parametrize(
    ("options", "terms"),
    [
        ({}, {"generator/pixels", "generator/gan", "discriminator/gan"}),
        ({"gan": "relativistic", "distance": "l1"}, {"generator/pixels", "generator/gan", "discriminator/gan"}),
        ({"generator": "rrdb"}, {"generator/pixels", "generator/gan", "discriminator/gan"}),
        ({"generator": "msrresnet", "scale": 8}, {"generator/pixels", "generator/gan", "discriminator/gan"}),
        ({"degradation": "blur", "scale": 2}, {"generator/pixels", "generator/gan", "discriminator/gan"}),
        ({"content": "features", "content_weight": 0.0, "pixel_weight": 0.0}, {"generator/gan", "discriminator/gan"}),
    ],
)
def test_options_train(options, terms):
    model = make(**options)
    before = {name: p.clone() for name, p in model.named_parameters()}
    logged = train(model, 3)
    assert logged["pretrain"].keys() == {"generator/pixels"}
    assert logged["adversarial"].keys() == terms
    assert all(value.isfinite() for each in logged.values() for value in each.values())
    still = [name for name, p in model.named_parameters() if torch.equal(p, before[name])]
    shared = {"discriminator.classifier.2.bias"} if "gan" in options else set()  # of real and fake alike
    assert set(still) <= shared


def test_bf16_stays_near_float32():
    exact, coarse = (train(make(generator="msrresnet"), 3, precision) for precision in ("fp32", "bf16"))
    for phase, terms in exact.items():
        for name, value in terms.items():
            assert coarse[phase][name].item() == pytest.approx(value.item(), rel=0.05, abs=1e-5), name


def test_the_average_follows_and_translates():
    model = make(ema=0.9)
    assert not list(model.average.parameters())
    names = {key.removeprefix("average.") for key in model.state_dict() if key.startswith("average.")}
    assert names == model.generator.state_dict().keys()
    before = {key: value.clone() for key, value in model.average.state_dict().items()}
    train(model, 1)  # two steps: the second moves it by at most a fifth
    for key, value in model.average.state_dict().items():
        new = model.generator.state_dict()[key]
        assert not torch.equal(value, before[key]) or torch.equal(new, before[key]), key
    source = torch.rand(1, 3, 6, 5) * 2 - 1
    with evaluating(model):
        made = model.translate({"source": source}, None)
        assert torch.equal(made, (model.average((source + 1) / 2) * 2 - 1).clamp(-1, 1))
        assert not torch.equal(made, (model.generator((source + 1) / 2) * 2 - 1).clamp(-1, 1))


def test_an_average_is_a_sum_of_powers():
    net = nn.BatchNorm2d(2)
    average = as_buffers(net)
    values = [1.0, 3.0, -2.0]
    for value in values:
        with torch.no_grad():
            net.weight.fill_(value)
            net.running_mean.fill_(value)
            net.num_batches_tracked += 1
        follow(average, net, 0.75)
    expected = lambda first: 0.75**3 * first + 0.25 * (0.75**2 * 1 + 0.75 * 3 - 2)  # noqa: E731
    assert average.weight.tolist() == pytest.approx([expected(1.0)] * 2)
    assert average.running_mean.tolist() == pytest.approx([expected(0.0)] * 2)
    assert average.num_batches_tracked == 3
    assert not average.weight.requires_grad


def test_a_question_is_the_small_picture_of_a_large_one():
    for degradation in ("bicubic", "blur", "second-order"):
        model = make(degradation=degradation)
        large = synthetic_batch(SPEC, 1, 3)["image"]
        asked, again = model.question({"image": large, "source": large}), model.question({"image": large})
        assert torch.equal(asked["target"], large)
        assert asked["source"].shape == (1, 3, 8, 8)
        assert torch.equal(asked["source"], again["source"])
        steps = (asked["source"] + 1) * 127.5
        torch.testing.assert_close(steps, steps.round(), rtol=0, atol=1e-3)  # as a file of 8 bits has it
    exact = networks.bicubic_down((large + 1) / 2, 4)
    torch.testing.assert_close((make().question({"image": large})["source"] + 1) / 2, exact, rtol=0, atol=0.5001 / 255)
    deep = make(dataclasses.replace(SPEC, depth=16, value_range=(0, 65535)))
    torch.testing.assert_close((deep.question({"image": large})["source"] + 1) / 2, exact, rtol=0, atol=0.51 / 65535)


def test_it_is_measured_by_luma_and_shown_beside_bicubic():
    model = make()
    question = model.question({"image": synthetic_batch(SPEC, 1, 3)["image"]})
    with evaluating(model):
        result = figures.Result(question, i2i.Request(), model.translate(question, i2i.Request())[0])
        (row,) = model.preview([(question, i2i.Request())])
    assert figures.choose(SRGAN.metric, "images") == "psnr_y"
    assert figures.measure("psnr_y", [result]) > 3
    assert [(title, tuple(image.shape)) for title, image in row.items()] == [
        ("small", (3, 8, 8)),
        ("bicubic", (3, 32, 32)),
        ("enlarged 4 times", (3, 32, 32)),
        ("large", (3, 32, 32)),
    ]


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (37, 90), (16, 5)])
@pytest.mark.parametrize("options", [{}, {"generator": "rrdb", "scale": 2}, {"generator": "msrresnet", "scale": 8}])
def test_pictures_of_any_size_are_enlarged(size, options):
    model = make(**options)
    made = model.translate_image(Image.new("RGB", size, (90, 30, 200)))
    assert made.size == (size[0] * model.scale, size[1] * model.scale)
    assert made.mode == "RGB"


def test_pictures_of_any_kind_are_enlarged(tmp_path):
    model = make(generator="msrresnet")
    gray = np.linspace(0, 65535, 7 * 9).reshape(7, 9, 1).astype(np.uint16)
    made = translate_picture(model, Picture(gray, format="PNG"), i2i.Request())
    assert (made.pixels.shape, made.pixels.dtype) == ((28, 36, 3), np.uint16)
    assert abs(made.pixels[14, 18].astype(float).mean() - 32767) < 4000  # it begins near the bilinear enlargement
    assert len(np.unique(made.pixels)) > 600  # 16 bits, not 8
    alpha = np.zeros((7, 9), np.uint8)
    alpha[:, 4:] = 255
    colour = np.full((7, 9, 3), 120, np.uint8)
    made = translate_picture(model, Picture(colour, alpha, "PNG"), i2i.Request())
    assert made.alpha.shape == (28, 36)
    assert made.alpha[0, 0] == 0
    assert made.alpha[-1, -1] == 255
    images.write(tmp_path / "large.png", made)
    assert images.read(tmp_path / "large.png").pixels.shape == (28, 36, 3)
    assert model.translate_image(Image.new("LA", (5, 4), (100, 90))).size == (20, 16)


def test_a_model_of_gray_pictures():
    spec = dataclasses.replace(SPEC, channels={"image": 1})
    model = make(spec)
    assert train(model)["adversarial"]
    assert model.translate_image(Image.new("L", (5, 4), 100)).size == (20, 16)


def test_sizes_that_do_not_fit_are_named_with_those_that_do():
    for side, options, message in (
        (98, {}, "image size 98 is no multiple of 4; use --image-size 96 or 100"),
        (36, {"scale": 8}, "image size 36 is no multiple of 8; use --image-size 32 or 40"),
        (34, {"generator": "rrdb", "scale": 2}, "image size 34 is no multiple of 4; use --image-size 32 or 36"),
        (16, {}, "image size 16 is too small for the discriminator; use --image-size 32"),
        (2, {"adversarial_share": 0}, "image size 2 is no multiple of 4; use --image-size 4"),
    ):
        with pytest.raises(ValueError, match=message):
            make(dataclasses.replace(SPEC, image_size=(side, side)), **options)
    assert make(dataclasses.replace(SPEC, image_size=(16, 16)), adversarial_share=0).discriminator is None


def test_a_discriminator_judges_one_size():
    net = discriminator.Discriminator(3, 2, (40, 56))
    assert net(torch.rand(2, 3, 40, 56)).shape == (2, 1)
    with pytest.raises(ValueError, match="judges pictures of 56 x 40 pixels, these have 40 x 56"):
        net(torch.rand(2, 3, 56, 40))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"generator": "msrresnet", "ema": 0.0, "adversarial_share": 0},
        {"generator": "rrdb", "gan": "relativistic", "distance": "l1", "scale": 2},
        {"skip": "bicubic", "degradation": "second-order"},
    ],
)
def test_keeps_the_contract(options):
    check_model("srgan", image_size=32, **(TINY | options))


def test_a_bundle_needs_nothing_to_compare_by(tmp_path):
    model = make(content="features", content_weights=str(tmp_path / "gone.pth"))
    bundle.write(tmp_path / "bundle", model, bundle.describe("srgan", model))
    loaded = bundle.load(tmp_path / "bundle")
    assert loaded.scale == 4
    assert bundle.read_manifest(tmp_path / "bundle").options["blocks"] == 1
    assert loaded.translate_image(Image.new("RGB", (3, 2))).size == (12, 8)
