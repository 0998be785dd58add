"""StyleGAN: rosinality's numbers, counts, styles."""

from __future__ import annotations

import torch
from i2i_zoo.architectures.stylegan import Generator
from i2i_zoo.layers.equalised import LEAKY
from i2i_zoo.layers.styles import Mapping
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
