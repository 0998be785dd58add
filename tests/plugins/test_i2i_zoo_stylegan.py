"""StyleGAN: rosinality's numbers, counts, styles."""

from __future__ import annotations

import pytest
import torch
from i2i_zoo.architectures.stylegan import Generator, StyleGAN
from i2i_zoo.layers.equalised import LEAKY
from i2i_zoo.layers.styles import Mapping
from i2i_zoo.parts import Shape
from torch import nn
from zoo_golden import check, filled, params, wave


class Waves:
    """Chance whose noise is always sin(0.01 j)."""

    def randn(self, *shape):
        return wave(shape)


@torch.no_grad()
def test_the_generator_is_rosinalitys(golden):
    data = golden.load("zoo_stylegan1_g16")
    net = Generator(Mapping(16, 0, 16, 2, 1.0, gain=LEAKY), (16, 16, 16), 3, 16, 0.0, theirs=True).double().eval()
    assert params(net) == data["param_count"]
    theirs = filled(data)
    names = {"const": "generator.progression.0.conv1.input"}
    for number in range(2):
        names |= {
            f"mapping.layers.{number}.{leaf}": f"style.{2 * number + 1}.linear.{leaf}" for leaf in ("weight", "bias")
        }
    for level in range(3):
        for number in range(2):
            ours, block = f"blocks.{level}.{number}", f"generator.progression.{level}"
            names[f"{ours}.noise.strength"] = f"{block}.noise{number + 1}.weight"
            conv = f"{block}.conv2.conv" if number else f"{block}.conv1.1.conv"
            for leaf in ("weight", "bias"):
                names[f"{ours}.style.linear.{leaf}"] = f"{block}.adain{number + 1}.style.linear.{leaf}"
                if level or number:
                    names[f"{ours}.conv.{leaf}"] = f"{conv}.{leaf}"
        names |= {f"to_rgb.{level}.{leaf}": f"generator.to_rgb.{level}.conv.{leaf}" for leaf in ("weight", "bias")}
    state = {}
    for ours, name in names.items():
        value = theirs.pop(name) if name in theirs else theirs.pop(f"{name}_orig")
        state[ours] = value.view(-1) if ours.endswith("strength") else value
    assert not theirs
    missing, unexpected = net.load_state_dict(state, strict=False)
    assert not unexpected
    assert not [name for name in missing if name in dict(net.named_parameters())]

    z = wave(data["inputs"]["z"]["shape"])
    check(net.mapping(z), data["outputs"]["w"])
    check(net(z, chance=Waves()), data["outputs"]["image_step2"])
    net.levels.grow(1, 0.3)
    check(net(z, chance=Waves()), data["outputs"]["image_step2_alpha03"])
    first = Generator(net.mapping, (16, 16, 16), 3, 16, 0.0, theirs=True, first=4).double().eval()
    first.load_state_dict(net.state_dict() | {"levels.state": first.levels.state})
    first.levels.grow(0, 1)
    check(first(z, chance=Waves()), data["outputs"]["image_step0"])


def test_sizes_are_the_references():
    architecture, shape = StyleGAN(layout="rosinality"), Shape(3, (1024, 1024), 512)
    with torch.device("meta"):
        assert params(architecture.generator(shape)) == 26_219_115
        assert params(architecture.discriminator(shape)) == 25_444_737
        assert architecture.generator(shape).num_styles == 18


def test_the_papers_layout_has_one_bias_more():
    """Rosinality's first layer, which has no convolution, has none."""
    with torch.device("meta"):
        assert params(StyleGAN().generator(Shape(3, (1024, 1024), 512))) == 26_219_115 + 512


def small(**numbers):
    architecture, shape = StyleGAN(width=4, mapping=2, group=2, **numbers), Shape(3, (16, 16), 6, 3, "embed+ac")
    torch.manual_seed(0)
    return architecture.generator(shape), architecture.discriminator(shape)


@torch.no_grad()
@pytest.mark.parametrize("layout", ["paper", "rosinality"])
def test_networks_begin_with_plain_styles_and_without_noise(layout):
    draw, judge = small(layout=layout)
    for block in draw.blocks:
        for layer in block:
            assert not layer.noise.strength.any()
            assert torch.equal(layer.style.linear.bias, torch.tensor([1.0] * 4 + [0.0] * 4))
    assert torch.equal(draw.const, torch.ones_like(draw.const))
    pictures = draw(torch.randn(4, 6), torch.tensor([0, 1, 2, 0]))
    judged = judge(pictures)
    assert (pictures.shape, judged.logit.shape, judged.classes.shape) == ((4, 3, 16, 16), (4,), (4, 3))


@torch.no_grad()
def test_the_bias_follows_the_blur_and_the_noise():
    draw, _ = small()
    for level, block in enumerate(draw.blocks):
        for number, layer in enumerate(block):
            held = layer.conv if layer.bias is None else layer
            assert (held is layer) == (number == 0), "of what is blurred, and of the constant"
            nn.init.ones_(held.bias)
            if layer.conv is not None:
                nn.init.zeros_(layer.conv.weight)
            inside = torch.randn(2, 4, *[4 << max(level - (number == 0), 0)] * 2)
            seen = []
            layer.style.register_forward_pre_hook(lambda net, inputs, seen=seen: seen.append(inputs[0]))
            layer(inside, torch.randn(2, 4), torch.randn(2, 1, 4 << level, 4 << level))
            bare = inside if layer.conv is None else torch.zeros(2, 4, 4 << level, 4 << level)
            assert torch.equal(seen[0], nn.functional.leaky_relu(bare + 1, 0.2)), "no edge is darker"


@torch.no_grad()
def test_smaller_sizes_take_the_first_styles():
    draw, _ = small()
    styles = torch.randn(1, draw.num_styles, 4)
    other = styles.clone()
    other[:, 4:] = 0
    draw.levels.grow(0, 1)
    assert torch.equal(draw.synthesis(styles), draw.synthesis(other)), "8 pixels are drawn by four layers"
    draw.levels.grow(1, 1)
    assert not torch.equal(draw.synthesis(styles), draw.synthesis(other))


def test_large_sizes_learn_faster():
    phases = StyleGAN().phases(Shape(3, (1024, 1024), 512), lambda fraction: 1.0)
    rates = {phase.image_size: phase.lr(0.5) for phase in phases}
    assert rates == {8: 1, 16: 1, 32: 1, 64: 1, 128: 1.5, 256: 2, 512: 3, 1024: 3}
