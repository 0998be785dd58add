"""The first conditional and semi-supervised presets: who is told or names the class, and what few labels teach."""

from __future__ import annotations

import copy

import pytest
import torch
from i2i_zoo import cards
from i2i_zoo.architectures.ssl import ClassifyingDCGAN, ImprovedGAN
from i2i_zoo.architectures.two_networks import TwoNetworks
from i2i_zoo.layers import weightnorm
from i2i_zoo.layers.virtual import Referenced
from i2i_zoo.methods.semi import SemiSupervised, share_named
from i2i_zoo.model import TwoPlayer
from i2i_zoo.parts import Shape

import i2i
from i2i.device import Engine
from i2i.loop import run_step
from i2i.options import build
from i2i.plugins import load_class
from i2i.testing import check_model, synthetic_batch, synthetic_spec

SPEC = synthetic_spec("labelled", 16)
CARDS = {card.name: card for card in cards.models()}
ALL_FIVE = {
    "objective": "kplus1:generator=none,smooth=0.9",
    "regularisers": "+minibatch-discrimination:kernels=3+historical+virtual-norm:count=4",
}


def semi(**options):
    torch.manual_seed(0)
    given = {"architecture": "dcgan-ssl:width=2", "objective": "kplus1", "conditioning": "none+ac"} | options
    return SemiSupervised(build(SemiSupervised.Options, given | {"latent": "normal:5"}), SPEC)


def step(net, batch):
    return dict(net.train_step(batch, i2i.Progress(net.phases()[0], 0, 10)))


def test_weight_norm_learns_length_and_direction_apart():
    torch.manual_seed(0)
    for layer, x in (
        (weightnorm.Conv2d(3, 4, 3), torch.randn(2, 3, 8, 8)),
        (weightnorm.Linear(5, 4), torch.randn(2, 5)),
        (weightnorm.Doubling(3, 4, 0.5), torch.randn(2, 3, 8, 8)),
    ):
        layer = layer.double()
        x, before = x.double(), layer(x.double())
        reference = copy.deepcopy(layer)
        outputs = (slice(None), 2) if isinstance(layer, weightnorm.Doubling) else 2
        reference.weight.data[outputs] *= 7  # a longer direction is the same
        assert torch.allclose(reference(x), before)
        layer.length.data *= 3
        assert torch.allclose(layer(x), 3 * before, atol=1e-9)  # biases begin at 0
        (slope,) = torch.autograd.grad(layer(x).square().sum(), layer.weight)
        along = slope * layer.weight
        across = (along.transpose(0, 1) if isinstance(layer, weightnorm.Doubling) else along).flatten(1).sum(dim=1)
        assert across.abs().max() < 1e-9 * slope.abs().max()  # a direction is moved across itself


@pytest.mark.parametrize("architecture", [ImprovedGAN(4, 2), ClassifyingDCGAN(2)])
def test_a_classifiers_logit_is_the_evidence_of_any_class(architecture):
    shape = Shape(2, (16, 24), 5, 3, "none+ac")
    net, images = architecture.discriminator(shape).eval(), torch.rand(2, 2, 16, 24)
    architecture.initialise(net)
    says = net(images)
    assert says.classes.shape == (2, 3)
    assert torch.allclose(says.logit, says.classes.exp().sum(dim=1).log())
    assert says.features.dim() == 2
    generator = architecture.generator(shape).eval()
    architecture.initialise(generator)
    assert generator(torch.randn(2, 5)).shape == images.shape
    assert all(p.requires_grad for p in net.parameters())
    says.classes.sum().backward()
    assert all(p.grad is not None for p in net.parameters())  # no head of its own is left over


@torch.no_grad()
def test_only_the_last_layer_of_improved_gans_generator_has_weight_norm():
    torch.manual_seed(0)
    architecture = ImprovedGAN()
    net = architecture.generator(Shape(3, (32, 32), 100, 10, "none+ac"))
    architecture.initialise(net)
    layers = [layer for layer in net.modules() if isinstance(layer, torch.nn.ConvTranspose2d)]
    assert [isinstance(layer, weightnorm.Doubling) for layer in layers] == [False, False, True]
    counts = [sum(p.numel() for p in layer.parameters(recurse=False)) for layer in layers]
    assert counts == [512 * 256 * 25 + 256, 256 * 128 * 25 + 128, 128 * 3 * 25 + 3 + 3]
    last, before, after = layers[-1], [], []
    last.register_forward_hook(lambda layer, inputs, output: before.append(inputs[0]) or after.append(output))
    net(torch.rand(16, 100))
    assert after[0].shape == (16, 3, 32, 32)
    assert after[0].std() == pytest.approx(0.1, rel=0.15)
    doubled = last.weight * (last.length / last.weight.square().sum(dim=(0, 2, 3)).sqrt())[:, None, None]
    spread = torch.zeros(2, 128, 31, 31)  # zeros between the pixels, then a convolution with the turned weight
    spread[:, :, ::2, ::2] = before[0][:2]
    turned = doubled.flip(2, 3).transpose(0, 1)
    by_hand = torch.nn.functional.conv2d(torch.nn.functional.pad(spread, (2, 3, 2, 3)), turned)
    assert torch.allclose(after[0][:2], by_hand, atol=1e-5)


def test_dropout_is_of_the_picture_and_of_the_maps():
    layers = ImprovedGAN(4, 2).discriminator(Shape(1, (32, 32), 5, 10, "none+ac")).body
    dropped = [layer.p for layer in layers if isinstance(layer, torch.nn.Dropout)]
    convolutions = [layer for layer in layers if isinstance(layer, weightnorm.Conv2d)]
    assert dropped == [0.2, 0.5, 0.5]
    assert [layer.out_channels for layer in convolutions] == [4, 4, 4, 8, 8, 8, 8, 8, 8]
    assert [layer.stride[0] for layer in convolutions] == [1, 1, 2, 1, 1, 2, 1, 1, 1]


def test_pictures_without_a_label_teach_what_is_real_alone():
    net, batch = semi(), synthetic_batch(SPEC, 4)
    known = step(net, batch | {"label": torch.tensor([0, 1, 2, 1])})["discriminator"]
    unknown = step(semi(), batch | {"label": torch.full((4,), -1)})["discriminator"]
    assert known["gan"].item() == pytest.approx(unknown["gan"].item(), rel=1e-6)
    assert known["classes"] > 0
    assert unknown["classes"] == 0
    assert net.takes_unlabelled
    assert not TwoPlayer.takes_unlabelled


def test_what_is_named_rightly_is_measured_of_held_back_pictures():
    net, batch = semi().eval(), synthetic_batch(SPEC, 6)
    with torch.no_grad():
        named = net.discriminator(batch["image"]).classes.argmax(dim=1)
    wrong = torch.where(torch.arange(6) < 2, (named + 1) % 3, named)
    with torch.no_grad():
        assert share_named(net, [batch | {"label": wrong}]) == pytest.approx(4 / 6)
        hidden = torch.where(torch.arange(6) < 2, -1, named)
        assert share_named(net, [batch | {"label": hidden}]) == 1.0
        assert share_named(net, [batch | {"label": torch.full((6,), -1)}]) is None
        figures = net.diagnose([batch | {"label": named}], iter([batch | {"label": wrong}]))
    assert figures["named rightly, held-back"] == pytest.approx(4 / 6)
    assert "taken for real, held-back" in figures


@pytest.mark.parametrize(
    "more",
    [
        {"regularisers": "feature-matching+historical"},
        {"regularisers": "feature-matching:norm=l2", "average": "constant:0.9"},
        ALL_FIVE,
    ],
)
def test_improved_dcgan_takes_the_papers_other_means(more):
    check_model("improved-dcgan", image_size=16, architecture="improved-gan:width=4,maps=2", **more)


def test_improved_dcgan_trains_by_all_five_tricks_at_once():
    cls = load_class(CARDS["improved-dcgan"])
    torch.manual_seed(0)
    net = cls(build(cls.Options, {"architecture": "improved-gan:width=4,maps=2"} | ALL_FIVE), SPEC)
    assert isinstance(net.generator, Referenced)
    (phase,) = net.phases()
    optimizers, said, before = net.optimizers(phase), [], copy.deepcopy(net.state_dict())
    for number in range(2):
        batch = synthetic_batch(SPEC, 4, number)
        progress = i2i.Progress(phase, number, 2, run_step=number)
        said.append(run_step(net, optimizers, batch, progress, Engine(precision="fp32")))
    assert set(said[0]) == {
        *(f"discriminator/{term}" for term in ("classes", "gan", "historical")),
        *(f"generator/{term}" for term in ("feature_matching", "historical")),
    }
    after = net.state_dict()
    trained = [name for name, _ in net.named_parameters() if not name.startswith("average.")]
    assert {"discriminator.head.weight", "discriminator.closeness.weight"} < set(trained)
    assert not [name for name in trained if torch.equal(before[name], after[name])]


def test_the_generator_of_improved_dcgan_matches_features_alone():
    cls = load_class(CARDS["improved-dcgan"])
    net = cls(build(cls.Options, {"architecture": "improved-gan:width=4,maps=2"}), SPEC)
    terms = step(net, synthetic_batch(SPEC, 4))
    assert set(terms["generator"]) == {"feature_matching"}
    assert set(terms["discriminator"]) == {"classes", "gan"}


def test_acgan_draws_the_classes_of_generated_pictures_from_their_prior():
    cls = load_class(CARDS["acgan"])
    net = cls(build(cls.Options, {"architecture": "dcgan:width=2"}), SPEC)
    told = []
    net.generator.register_forward_pre_hook(lambda layer, inputs: told.append(inputs[1]))
    (phase,) = net.phases()
    for number in range(40):
        batch = synthetic_batch(SPEC, 50) | {"label": torch.zeros(50, dtype=torch.int64)}  # one class in the data
        terms = dict(net.train_step(batch, i2i.Progress(phase, number, 40, run_step=number)))
        assert set(terms["discriminator"]) == {"gan", "classes", "drawn_classes"}
    counts = torch.cat(told).bincount(minlength=3)
    assert counts.sum() == 4000
    assert (counts / 4000 - 1 / 3).abs().max() < 0.03


def test_two_networks_judge_picture_and_class_together():
    shape = Shape(1, (8, 8), 5, 3, "concat+concat")
    generator, discriminator = TwoNetworks(12, 24).generator(shape), TwoNetworks(12, 24).discriminator(shape).eval()
    for net in (generator, discriminator):
        TwoNetworks().initialise(net)
    assert (generator.noise.out_features, generator.told.out_features) == (2, 10)
    images, labels = generator(torch.randn(2, 5), torch.tensor([0, 2])), torch.tensor([0, 2])
    assert images.shape == (2, 1, 8, 8)
    logit = discriminator(images, labels).logit
    assert (logit != discriminator(images, labels.flip(0)).logit).all()
    assert (logit != discriminator(images.flip(0), labels).logit).all()
    assert not [layer for layer in discriminator.modules() if isinstance(layer, torch.nn.Sigmoid)]


def test_cgan_may_have_two_networks():
    check_model(
        "cgan", image_size=8, architecture="mlp-two:width=12,units=8", latent="uniform:5", optimizer="adam", lr=1e-3
    )


@pytest.mark.parametrize(
    ("architecture", "conditioning", "size", "said"),
    [
        (ImprovedGAN(), "none+ac", 28, "use --image-size 32"),
        (ImprovedGAN(), "none", 32, r"is a classifier; use --conditioning none\+ac"),
        (ClassifyingDCGAN(), "concat+concat", 32, r"is a classifier; use --conditioning concat\+ac"),
        (TwoNetworks(), "none", 28, r"use --conditioning concat\+concat"),
    ],
)
def test_networks_that_cannot_be_are_refused(architecture, conditioning, size, said):
    with pytest.raises(ValueError, match=said):
        architecture.check(Shape(1, (size, size), 5, 10, conditioning))
