"""Progressive GAN: the references' numbers, the authors' counts, growing."""

from __future__ import annotations

import torch
from i2i_zoo.architectures.progan import Discriminator, Generator
from zoo_golden import check, filled, params, wave


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
    x = wave(data["inputs"]["x"]["shape"]).requires_grad_()
    judged = net(x)
    check(judged.logit[:, None], data["outputs"]["logit"])
    (gradient,) = torch.autograd.grad(judged.logit.sum(), x)
    check(gradient, data["outputs"]["grad_sum_logit_wrt_x"])
