"""Residual networks of the zoo: the references' numbers, counts, and what is refused."""

from __future__ import annotations

import math
import re

import pytest
import torch
import waves
from i2i_zoo.architectures.biggan import BigGAN
from i2i_zoo.architectures.biggan_deep import BigGANDeep
from i2i_zoo.architectures.deep_conv import DeepConv
from i2i_zoo.architectures.resnet import ResNet
from i2i_zoo.architectures.sncnn import SNCNN
from i2i_zoo.layers import heads
from i2i_zoo.layers.attention import SelfAttention
from i2i_zoo.layers.spectral import SPECTRAL, Spectral
from i2i_zoo.parts import Shape


def shape(side=32, latent=128, classes=0, conditioning="none", channels=3):
    return Shape(channels, side if isinstance(side, tuple) else (side, side), latent, classes, conditioning)


def count(net):
    return sum(parameter.numel() for parameter in net.parameters())


def renamed(state, *rules):
    """Keys under other names, by expressions and what takes their place."""
    for expression, place in rules:
        state = {re.sub(expression, place, key): value for key, value in state.items()}
    return state


# ---------------------------------------------------------------- golden numbers


@pytest.mark.parametrize("upsample", ["nearest", "bilinear"])
@torch.no_grad()
def test_the_generator_of_sngan_is_the_references(golden, upsample):
    data = golden.load(f"zoo_sngan32_g_{upsample}")
    net = ResNet(width=8, upsample=upsample).generator(shape(latent=16))
    state = renamed(
        waves.filled(data),
        (r"^l1\.", "linear."),
        (r"^block(\d)\.", lambda match: f"blocks.{int(match[1]) - 2}.0."),
        (r"\.c(\d|_sc)\.", r".conv\1."),
        (r"\.b(\d)\.", r".bn\1."),
        (r"^b5\.", "norm."),
        (r"^c5\.", "conv."),
    )
    assert count(net) == data["param_count"]
    waves.check(waves.load(net, state)(waves.given(data, "z")), data["outputs"]["image"])


def spectral_nets():
    """The networks with spectral norm by the names of their files, and the rules that rename what these hold."""
    of_sngan = (
        (r"weight_orig$", "weight"),
        (r"^l5\.", "head.linear."),
        (r"^block(\d)\.", lambda match: f"blocks.{int(match[1]) - 1}.0."),
        (r"\.c(\d|_sc)\.", r".conv\1."),
    )
    of_generator = (
        (r"output_layer\.0\.gain", "norm.weight"), (r"output_layer\.0\.", "norm."), (r"output_layer\.2\.", "conv."),
    )  # fmt: skip
    large, to = BigGAN(width=8, shared=16, attention=16, attend="g"), shape(32, 32, 10, "shared+projection")
    return {
        "sngan32_d": (ResNet(width=16).discriminator(shape()), of_sngan),
        "biggan32_g": (large.generator(to), of_generator),
        "biggan32_d": (BigGAN(width=8).discriminator(to), ((r"^(linear|embed)\.", r"head.\1."),)),
        "selfattention_sn": (SelfAttention(16, SPECTRAL), ()),
    }


def spectral_net(name, data):
    """One of these, filled."""
    net, rules = spectral_nets()[name]
    return waves.load(net, renamed(waves.filled(data), *rules))


def test_the_discriminator_of_sngan_is_the_references_and_no_shortcut_is_rectified(golden):
    data = golden.load("zoo_sngan32_d")
    net = spectral_net("sngan32_d", data)
    assert count(net) == data["param_count"]
    images = waves.given(data, "x").requires_grad_()
    logit = net(images).logit
    waves.check(logit, data["outputs"]["logit"])
    waves.check(torch.autograd.grad(logit.sum(), images)[0], data["outputs"]["grad_sum_logit_wrt_x"])
    assert abs(logit.mean().item() - data["outputs"]["logit_if_relu_inplace"]["mean"]) > 2


@torch.no_grad()
def test_the_generator_of_biggan_is_the_references(golden):
    data = golden.load("zoo_biggan32_g")
    net = spectral_net("biggan32_g", data)
    assert count(net) == data["param_count"]
    assert net.latent == data["config"]["effective_dim_z"]
    images = net(waves.given(data, "z"), torch.tensor(data["inputs"]["y"]))
    waves.check(images, data["outputs"]["image"])


def test_the_discriminator_of_biggan_is_the_references(golden):
    data = golden.load("zoo_biggan32_d")
    net = spectral_net("biggan32_d", data)
    assert count(net) == data["param_count"]
    images = waves.given(data, "x").requires_grad_()
    logit = net(images, torch.tensor(data["inputs"]["y"])).logit
    waves.check(logit, data["outputs"]["logit"])
    waves.check(torch.autograd.grad(logit.sum(), images)[0], data["outputs"]["grad_sum_logit_wrt_x"])


@pytest.mark.parametrize("name", spectral_nets())
@torch.no_grad()
def test_weights_are_divided_by_the_references_singular_values(golden, name):
    """By the estimate of one step, and in training by the largest itself, once no further step changes it."""
    data = golden.load(f"zoo_{name}")
    net, rules = spectral_net(name, data), spectral_nets()[name][1]
    wanted = renamed({f"{key}.": sigmas for key, sigmas in data["spectral"].items()}, *rules)
    layers = {f"{key}.": layer for key, layer in net.named_modules() if isinstance(layer, Spectral)}
    assert layers.keys() == wanted.keys()
    for key, layer in layers.items():
        one = layer.weight.flatten()[0] / layer.normalised().flatten()[0]
        assert one.item() == pytest.approx(wanted[key]["sigma_one_step"], rel=1e-8, abs=1e-10), key
        assert settled(layer.train()) == pytest.approx(wanted[key]["sigma_exact"], rel=1e-8, abs=1e-10), key


def settled(layer):
    """What a layer divides its weights by after many passes."""
    before = math.inf
    for _ in range(3000):
        layer.normalised()
        if abs(layer.sigma.item() - before) < 1e-12 * before:
            return layer.sigma.item()
        before = layer.sigma.item()
    raise AssertionError("the power iteration still moves")


@torch.no_grad()
def test_projection_is_the_formula(golden):
    data = golden.load("zoo_composite")["projection"]
    head = heads.Head(3, shape(classes=5, conditioning="table+projection")).double()
    head.linear.weight.copy_(torch.tensor([data["psi_weight"]], dtype=torch.float64))
    head.linear.bias.fill_(data["psi_bias"])
    head.embed.weight.copy_(torch.tensor(data["embedding"], dtype=torch.float64))
    features, labels = torch.tensor(data["phi"], dtype=torch.float64), torch.tensor(data["labels"])
    images = torch.zeros(4, 1, 1, 1)
    assert head(images, features, labels).logit.tolist() == pytest.approx(data["logits"], rel=1e-9)
    alone = head.linear(features)[:, 0]
    unknown = head(images, features, torch.tensor([4, -1, 2, -1])).logit
    assert unknown.tolist() == pytest.approx(
        [data["logits"][0], alone[1].item(), data["logits"][2], alone[3].item()], rel=1e-9
    )
    assert torch.equal(head(images, features, None).logit, alone)


# ---------------------------------------------------------------- counts

RESNET_COUNTS = {
    "sngan-32": (ResNet(), shape(), 4_276_739, 1_053_825),
    "sngan-48": (ResNet(), shape(48), 4_878_083, 10_141_441),
    "sngan-64": (ResNet(), shape(64), 12_220_675, 10_141_441),
    "sngan-128": (ResNet(), shape(128), 32_150_787, 29_017_857),
    "wgan-gp-32": (ResNet(spectral="none", pool="mean"), shape(), 4_276_739, 1_053_825),
    "ssgan-32": (ResNet(turns=True), shape(), 4_276_739, 1_054_341),
    "ssgan-64": (ResNet(turns=True), shape(64), 12_220_675, 10_145_541),
    "ssgan-128": (ResNet(turns=True), shape(128), 32_150_787, 29_021_957),
    "cgan-pd-32": (ResNet(), shape(32, 128, 10, "table+projection"), 4_304_387, 1_055_105),
    "cgan-pd-128": (ResNet(), shape(128, 128, 1000, "table+projection"), 41_996_931, None),
    "acgan-mod-32": (
        ResNet(spectral="none", norm="batch"), shape(32, 128, 10, "table+ac"), 4_304_387, 1_057_159,
    ),
    "sagan-32": (
        ResNet(spectral="gd", attention=16), shape(32, 128, 10, "table+projection"), 4_386_308, 1_075_586,
    ),
    "sagan-128": (
        ResNet(spectral="gd", attention=64, hidden="out"), shape(128, 128, 1000, "table+projection"),
        42_017_412, 39_448_258,
    ),
    "sngan-cnn-32": (SNCNN(), shape(), 3_805_699, 2_935_873),
    "dcgan-32": (DeepConv(), shape(), 3_812_355, 2_931_009),
}  # fmt: skip
SHARED = "shared+projection"
BIGGAN_COUNTS = {
    "biggan-32": (BigGAN(attention=16, ratio=0.5), shape(32, 80, 10, SHARED), 9_416_196, 2_415_170),
    "biggan-32-script": (
        BigGAN(width=64, hier=False), shape(32, 128, 10, "table+projection"), 4_304_387, 4_207_361,
    ),
    "biggan-128": (BigGAN(attention=64), shape(128, 120, 1000, SHARED), 70_433_988, 87_982_370),
    "biggan-128-64": (BigGAN(attention=64, width=64), shape(128, 120, 1000, SHARED), 31_978_628, 39_448_258),
    "biggan-256": (BigGAN(attention=128), shape(256, 140, 1000, SHARED), 82_097_604, 99_191_330),
    "biggan-deep-128": (BigGANDeep(attention=64), shape(128, 128, 1000, SHARED), 50_244_484, 34_590_210),
}  # fmt: skip
COUNTS = RESNET_COUNTS | BIGGAN_COUNTS


@pytest.mark.parametrize("name", COUNTS)
def test_networks_have_as_many_weights_as_the_references(name):
    architecture, to, of_generator, of_discriminator = COUNTS[name]
    architecture.check(to)
    with torch.device("meta"):
        assert count(architecture.generator(to)) == of_generator
        found = count(architecture.discriminator(to))
    assert of_discriminator is None or found == of_discriminator


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("architecture", "to", "words"),
    [
        (ResNet(), shape(40), "one of 32, 48, 64, 128, and these have 40x40; use --image-size 32"),
        (ResNet(), shape((32, 36)), "these have 32x36; use --image-size 32"),
        (ResNet(), shape(256), "use --image-size 128"),
        (ResNet(attention=12), shape(), "networks have 8, 16.*--architecture resnet:attention=8"),
        (ResNet(attention=32), shape(), "write --architecture resnet:attention=16"),
        (BigGAN(), shape(48), "--architecture biggan has networks.*use --image-size 32"),
        (BigGAN(attention=20), shape(64, 120), "write --architecture biggan:attention=16"),
        (BigGAN(), shape(32, 3), "cannot be cut in 4 parts.*--latent normal:80, or --architecture biggan:hier=false"),
        (
            BigGAN(),
            shape(32, 80, 3, "table+projection"),
            "use --conditioning shared.projection, or .*biggan:hier=false",
        ),
        (BigGANDeep(), shape(512), "--architecture biggan-deep has networks.*use --image-size 256"),
        (ResNet(width=0), shape(), "--architecture resnet has too small a width; leave it out, or give more"),
        (BigGAN(width=4, ratio=0.1), shape(32, 80), "biggan has too small a ratio"),
        (BigGAN(shared=0), shape(32, 80, 3, SHARED), "biggan has too small a shared"),
        (BigGANDeep(depth=0), shape(), "biggan-deep has too small a depth"),
        (SNCNN(width=-1), shape(), "sncnn has too small a width"),
        (SNCNN(), shape(30), "these have 30x30; use --image-size 32"),
        (SNCNN(), shape((32, 36)), "use --image-size 32"),
        (SNCNN(), shape(4), "use --image-size 8"),
    ],
)
def test_what_does_not_fit_is_refused(architecture, to, words):
    with pytest.raises(ValueError, match=words):
        architecture.check(to)


def test_what_fits_is_not_refused():
    BigGAN(attention=32, attend="g").check(shape(32, 80))  # the generator alone has maps of 32
    for side in (8, 12, 16, 24, 28, 64, 128):
        SNCNN().check(shape(side))
