"""Progressive GAN: the references' numbers, the authors' counts, growing."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from i2i_zoo.architectures.progan import Discriminator, Generator, ProGAN
from i2i_zoo.parts import Shape
from i2i_zoo.presets.style import PROGAN
from torch.autograd import gradcheck, gradgradcheck
from zoo_golden import check, filled, params, wave

import i2i
from i2i import checkpoint
from i2i.device import Engine
from i2i.loop import run_step
from i2i.options import build
from i2i.testing import synthetic_batch, synthetic_spec


def generator(channels, latent, layout="paper", **more):
    return Generator(channels, 3, latent, more.get("classes", 0), more.get("told", "none"), layout).double().eval()


@torch.no_grad()
def test_the_generator_is_the_formula(golden):
    data = golden.load("zoo_progan_g16_formula")
    net = generator((16, 12, 8), 16)
    theirs = filled(data)
    names = {"stem.conv.linear.weight": "dense_weight", "stem.conv.bias": "dense_bias"}
    for level, block in enumerate(net.blocks):
        for number in range(len(block)):
            for leaf in ("weight", "bias"):
                which = number if level else 1
                names[f"blocks.{level}.{number}.conv.{leaf}"] = f"b{4 << level}c{which}_{leaf}"
    for level in (1, 2):
        names |= {f"to_rgb.{level}.{leaf}": f"torgb{4 << level}_{leaf}" for leaf in ("weight", "bias")}
    missing, unexpected = net.load_state_dict({ours: theirs[f"w.{name}"] for ours, name in names.items()}, strict=False)
    assert set(missing) == {"to_rgb.0.weight", "to_rgb.0.bias", "levels.state"}
    assert not unexpected
    z = wave(data["inputs"]["z"]["shape"])
    assert params(net) - params(net.to_rgb[0]) == data["param_count"]  # the file has no stage of 4 pixels
    check(net(z), data["outputs"]["image_alpha1"])
    net.levels.grow(2, 0.3)
    check(net(z), data["outputs"]["image_alpha03"])


@torch.no_grad()
def test_the_generator_is_rosinalitys(golden):
    data = golden.load("zoo_progan_g16")
    net = generator((16, 16, 16), 12, "rosinality", classes=4, told="embed")
    assert params(net) == data["param_count"]
    theirs = filled(data)
    stem = theirs.pop("progression.0.conv.0.conv.weight_orig")  # a convolution of 1x1 to 4x4: its transpose, in effect
    state = {
        "labels.weight": theirs["label_embed.weight"],
        "stem.conv.bias": theirs["progression.0.conv.0.conv.bias"],
        "stem.conv.linear.weight": stem.flip(2, 3).permute(0, 2, 3, 1).reshape(256, 16),
    }
    for level in range(3):
        for number, place in ((0, 3),) if level == 0 else ((0, 0), (1, 3)):
            layer = f"progression.{level}.conv.{place}.conv"
            state[f"blocks.{level}.{number}.conv.weight"] = theirs[f"{layer}.weight_orig"]
            state[f"blocks.{level}.{number}.conv.bias"] = theirs[f"{layer}.bias"]
        state |= {f"to_rgb.{level}.{leaf}": theirs[f"to_rgb.{level}.{leaf}"] for leaf in ("weight", "bias")}
    net.load_state_dict(state | {"levels.state": net.levels.state})
    z, y = wave(data["inputs"]["z"]["shape"]), torch.tensor(data["inputs"]["y"])
    check(net(z, y), data["outputs"]["image_16px"])
    net.levels.grow(2, 0.3)
    check(net(z, y), data["outputs"]["image_16px_alpha03"])
    net.levels.grow(0, 1)
    check(net(z, y), data["outputs"]["image_4px"])


def test_the_discriminator_is_the_formula(golden):
    data = golden.load("zoo_progan_d16_formula")
    net = Discriminator((16, 12, 8), 3, 0, 4, "paper").double()
    theirs = {key.removeprefix("w."): value for key, value in filled(data).items()}
    theirs["b4c1_weight"] = theirs["b4c1_weight"].flatten(1)
    names = {"from_rgb.2": "fromrgb", "blocks.1.first": "b16c0", "blocks.1.second": "b16c1"}
    names |= {"blocks.0.first": "b8c0", "blocks.0.second": "b8c1", "conv": "b4c0", "dense": "b4c1", "head": "out"}
    state = {f"{ours}.{leaf}": theirs[f"{name}_{leaf}"] for ours, name in names.items() for leaf in ("weight", "bias")}
    missing, unexpected = net.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(name.startswith(("from_rgb", "levels")) for name in missing)
    assert params(net) - params(*net.from_rgb[:2]) == data["param_count"]  # the file has the last stage alone
    spread = []
    net.deviation.register_forward_hook(lambda layer, inputs, output: spread.append(output[:, -1].unique()))
    x = wave(data["inputs"]["x"]["shape"]).requires_grad_()
    judged = net(x)
    check(spread[0], data["outputs"]["minibatch_stddev"])  # one number for the one group, everywhere
    check(judged.logit[:, None], data["outputs"]["logit"])
    (gradient,) = torch.autograd.grad(judged.logit.sum(), x)
    check(gradient, data["outputs"]["grad_sum_logit_wrt_x"])


@pytest.mark.parametrize(
    ("layout", "side", "latent", "conditioning", "counts"),
    [
        ("paper", 128, 512, "none", (22_933_394, 22_941_313)),
        ("paper", 1024, 512, "none", (23_079_115, 23_087_249)),
        ("rosinality", 128, 502, "embed+ac", (22_933_494, 25_158_667)),
    ],
)
def test_sizes_are_the_references(layout, side, latent, conditioning, counts):
    architecture, shape = ProGAN(layout=layout), Shape(3, (side, side), latent, 10, conditioning)
    with torch.device("meta"):
        assert (params(architecture.generator(shape)), params(architecture.discriminator(shape))) == counts


def small(**numbers):
    """Both networks of 16 pixels, in float64, told 3 classes."""
    architecture, shape = ProGAN(width=4, group=2, **numbers), Shape(3, (16, 16), 6, 3, "concat+ac")
    torch.manual_seed(0)
    return architecture.generator(shape).double(), architecture.discriminator(shape).double()


@pytest.mark.parametrize("layout", ["paper", "rosinality"])
def test_a_fade_goes_from_one_size_to_the_next(layout):
    draw, judge = small(layout=layout)
    z, labels = torch.randn(4, 6, dtype=torch.float64), torch.tensor([0, 1, 2, 0])
    images = torch.randn(4, 3, 16, 16, dtype=torch.float64)

    def both(level, alpha):
        for net in (draw, judge):
            net.levels.grow(level, alpha)
        return draw(z, labels), judge(images if level == 2 else F.avg_pool2d(images, 2)).features

    (small_picture, _), (full, _) = both(1, 1.0), both(2, 1.0)
    began, judged = both(2, 0.0)
    assert torch.allclose(began, F.interpolate(small_picture, scale_factor=2))
    if layout == "paper":  # the other looks at the pixels themselves
        assert torch.allclose(judged, both(1, 1.0)[1])
    assert torch.allclose(both(2, 0.25)[0], 0.75 * began + 0.25 * full)


def test_classes_are_told_and_judged():
    draw, judge = small()
    z = torch.randn(1, 6, dtype=torch.float64).expand(2, -1)
    pictures = draw(z, torch.tensor([0, 1]))
    assert not torch.allclose(pictures[0], pictures[1])
    assert judge(pictures).classes.shape == (2, 3)


def test_the_players_are_differentiated_twice():
    architecture, shape = ProGAN(width=3, group=2), Shape(1, (8, 8), 4)
    torch.manual_seed(0)
    draw, judge = architecture.generator(shape).double(), architecture.discriminator(shape).double()
    images, z = torch.randn(2, 1, 8, 8).double().requires_grad_(), torch.randn(2, 4).double().requires_grad_()
    for function, at in ((lambda x: judge(x).logit, images), (draw, z)):
        assert gradcheck(function, (at,))
        assert gradgradcheck(function, (at,))


def trained(side=16):
    options = {"architecture": "progan:width=4", "latent": "sphere:4", "average": "constant:0.9"}
    torch.manual_seed(0)
    return PROGAN(build(PROGAN.Options, options), synthetic_spec("images", side))


def test_phases_grow_to_the_size_of_the_run():
    phases = trained().phases()
    names = ["hold-4", "fade-8", "hold-8", "fade-16", "hold-16"]
    assert [(phase.name, phase.image_size) for phase in phases] == [(n, int(n.split("-")[1])) for n in names]
    model = PROGAN(build(PROGAN.Options, {"lr_curve": "linear"}), synthetic_spec("images", 16))
    factors = [phase.lr(fraction) for phase in model.phases() for fraction in (0.0, 0.5)]
    assert factors == pytest.approx([1, 15 / 16, 7 / 8, 13 / 16, 3 / 4, 11 / 16, 5 / 8, 9 / 16, 1 / 2, 1 / 4])
    for size, words in (((24, 24), "use --image-size 16 or 32"), ((4, 4), "use --image-size 8")):
        with pytest.raises(ValueError, match=words):
            ProGAN().check(Shape(3, size, 4))


def test_optimizers_begin_with_a_size_and_go_on_from_its_fade_to_its_hold():
    model, before = trained(), {}
    for phase in model.phases():
        optimizers = model.optimizers(phase)
        checkpoint.carry_over(before, optimizers)
        carried = {name: len(optimizer.state) for name, optimizer in optimizers.items()}
        begins = phase.name.startswith("fade") or not before
        assert all((count == 0) == begins for count in carried.values()), phase.name
        batch = synthetic_batch(synthetic_spec("images", phase.image_size), 4, 0)
        run_step(model, optimizers, batch, i2i.Progress(phase, 0, 1), Engine(precision="fp32"))
        before = optimizers


def test_real_pictures_fade_in_with_the_networks():
    architecture, images = ProGAN(), torch.randn(2, 3, 8, 8)
    blurred = F.interpolate(F.avg_pool2d(images, 2), scale_factor=2)
    for name, step, wanted in (
        ("fade-8", 0, blurred),
        ("fade-8", 3, 0.25 * blurred + 0.75 * images),
        ("hold-8", 0, images),
    ):
        shown = architecture.shown(images, i2i.Progress(i2i.Phase(name), step, 4))
        assert torch.allclose(shown, wanted), name


def test_a_step_sets_both_networks_and_the_average_follows():
    model = trained()
    phase = model.phases()[1]
    batch = synthetic_batch(synthetic_spec("images", 8), 4, 0)
    run_step(model, model.optimizers(phase), batch, i2i.Progress(phase, 3, 4), Engine(precision="fp32"))
    for net in (model.generator, model.discriminator, model.average.net):
        assert (net.levels.side, net.levels.alpha) == (8, 0.75)


def test_what_is_normed_is_what_was_activated():
    """Pixel norm comes last: of every layer of the paper's generator each pixel has a mean square of 1."""
    draw, _ = small()
    seen = []
    for layer in [draw.stem, *(layer for block in draw.blocks for layer in block)]:
        layer.register_forward_hook(lambda module, args, out: seen.append(out.square().mean(dim=1)))
    draw(torch.randn(2, 6, dtype=torch.float64), torch.tensor([0, 1]))
    assert len(seen) == 6
    assert all(torch.allclose(one, torch.ones_like(one), atol=1e-5) for one in seen)
