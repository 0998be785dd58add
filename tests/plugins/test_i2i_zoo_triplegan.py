"""Triple-GAN: its losses equal the reference's, and each of the three players is taught by what it shall be."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from i2i_zoo import spelling
from i2i_zoo.architectures.triple import Triple
from i2i_zoo.methods.triplegan import TripleGAN
from i2i_zoo.moment import Drawn
from i2i_zoo.parts import Judged, Shape

import i2i
from i2i.options import build
from i2i.testing import synthetic_batch, synthetic_spec

SPEC = synthetic_spec("labelled", 24)


def model(**options):
    torch.manual_seed(0)
    given = {"architecture": "triplegan:width=2", "objective": "triple", "conditioning": "concat+concat"}
    return TripleGAN(build(TripleGAN.Options, given | {"latent": "normal:5"} | options), SPEC)


def progress(net, step=0):
    return i2i.Progress(net.phases()[0], step, 10, run_step=step)


def says(logit, labels):
    return Judged(torch.zeros(len(logit), 1), logit, labels)


def test_the_losses_equal_the_reference(golden):
    data = golden.load("zoo_composite")["triplegan"]
    real, pairs, drawn, sure = (
        torch.tensor(data[key], dtype=torch.float64)
        for key in ("logits_real", "logits_classifier_pair", "logits_gen_pair", "conf")
    )
    labels = torch.zeros(4, dtype=torch.int64)
    for text, row in (("", "reference"), (",saturating=true", "paper")):
        objective = spelling.make("objective", f"triple:alpha={data['alpha']}{text}", "")
        false = says(torch.cat([drawn, pairs]), torch.zeros(8, dtype=torch.int64))
        taught = objective.discriminator(None, says(real, labels), false)["gan"].item()
        assert taught == pytest.approx(data["d_loss"], rel=1e-12)
        assert objective.classifier(pairs, sure).item() == pytest.approx(data[f"c_adv_loss_{row}"], rel=1e-12)
        played = objective.generator(None, says(drawn, labels), None)["gan"].item()
        key = "g_loss_reference" if row == "reference" else "g_loss_paper_saturating"
        assert played == pytest.approx(data[key], rel=1e-12)


class Given(torch.nn.Module):
    """A classifier that gives such logits, one after another."""

    def __init__(self, *logits):
        super().__init__()
        self.logits = list(logits)

    def forward(self, images, chance):
        return self.logits.pop(0)


def test_the_classes_of_labelled_and_of_drawn_pictures_equal_the_reference(golden):
    """The file has no logits of its own for both: they are of those that its auxiliary classifier gives."""
    data, given = golden.load("zoo_composite")["triplegan"], golden.load("zoo_composite")["acgan"]
    real, fake = (torch.tensor(given[f"class_logits_{key}"], dtype=torch.float64) for key in ("real", "fake"))
    net, labels, images = model(drawn_classes=0.5), torch.tensor(given["labels"]), torch.zeros(4, 1, 1, 1)
    net.classifier = Given(real, fake)  # of the pictures again, under other noise, and of what is drawn
    judge = lambda drawn: [says(torch.zeros(4), labels)]  # noqa: E731
    now = SimpleNamespace(judge=judge, progress=progress(net, 9), pictures=Drawn(images, labels), chance=None)
    terms = net.classes(now, real, Drawn(images, labels), Drawn(images, labels))
    assert terms["classes"].item() == pytest.approx(data["c_ce_labelled"], rel=1e-8, abs=1e-10)
    assert terms["drawn_classes"].item() == pytest.approx(0.5 * data["c_ce_generated"], rel=1e-8, abs=1e-10)


def test_networks_have_the_published_numbers_of_weights():
    shape = Shape(3, (32, 32), 100, 10, "concat+concat")
    with torch.device("meta"):
        nets = [getattr(Triple(), player)(shape) for player in ("generator", "discriminator", "classifier")]
    norms = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)
    counts = []
    for net in nets:  # the derived counts are without norms and lengths
        left_out = sum(p.numel() for layer in net.modules() if isinstance(layer, norms) for p in layer.parameters())
        left_out += sum(p.numel() for name, p in net.named_parameters() if name.endswith("length"))
        counts.append(sum(p.numel() for p in net.parameters()) - left_out)
    assert counts == [5_112_049, 327_467, 3_119_754]


def test_pictures_without_a_label_are_no_true_pairs():
    net = model()
    real = says(torch.tensor([1.0, -2.0, 3.0, 0.5]), torch.tensor([0, -1, 2, -1]))
    false = says(torch.zeros(8), torch.zeros(8, dtype=torch.int64))
    value = net.objective.discriminator(None, real, false)["gan"].item()
    true = (math.log1p(math.exp(-1)) + math.log1p(math.exp(-3))) / 2
    assert value == pytest.approx(true + math.log(2), rel=1e-6)
    nobody = says(real.logit, torch.full((4,), -1))
    assert net.objective.discriminator(None, nobody, false)["gan"].item() == pytest.approx(math.log(2), rel=1e-6)


def test_false_pairs_are_drawn_ones_then_the_classifiers():
    net, seen = model(), []
    net.discriminator.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs))
    net.generator.register_forward_hook(lambda layer, inputs, output: seen.append((output, inputs[1])))
    batch = synthetic_batch(SPEC, 4)
    next(net.train_step(batch, progress(net)))
    drawn, (images, labels) = seen
    logits = net.classifier(batch["image"], progress(net))  # of the same noise
    for place, (pictures, told) in enumerate([(batch["image"], batch["label"]), drawn]):
        assert torch.equal(images[4 * place : 4 * place + 4], pictures)
        assert torch.equal(labels[4 * place : 4 * place + 4], told)
    assert torch.equal(images[8:], batch["image"])
    assert labels[8:].shape == logits.argmax(dim=1).shape
    assert len(images) == 12


def test_the_halves_of_false_pairs_have_their_own_weights():
    objective = spelling.make("objective", "triple:alpha=0.25", "")
    real, labels = says(torch.tensor([50.0]), torch.tensor([0])), torch.zeros(2, dtype=torch.int64)
    false = says(torch.tensor([1.0, -2.0]), labels)  # a drawn pair, and one of the classifier
    expected = 0.25 * math.log1p(math.exp(-2)) + 0.75 * math.log1p(math.exp(1))
    assert objective.discriminator(None, real, false)["gan"].item() == pytest.approx(expected, rel=1e-6)


def test_a_penalty_between_is_between_real_and_drawn_pictures():
    net, seen = model(gradient_penalty="gp"), []
    net.generator.register_forward_hook(lambda layer, inputs, output: seen.append(output))
    net.discriminator.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    batch = synthetic_batch(SPEC, 4)
    next(net.train_step(batch, progress(net)))
    drawn, _, between = seen
    share = (between - drawn).flatten(1) / (batch["image"] - drawn).flatten(1)
    assert torch.allclose(share, share[:, :1].expand_as(share), atol=1e-3)
    assert ((share[:, 0] > 0) & (share[:, 0] < 1)).all()


def test_each_player_is_taught_by_its_own_terms():
    net, batch = model(), synthetic_batch(SPEC, 4) | {"label": torch.tensor([0, -1, 2, -1])}
    players = {name: net.get_submodule(name) for name in ("generator", "discriminator", "classifier")}
    for number, more in ((0, set()), (9, {"drawn_classes"})):
        updates = {}
        for name, terms in net.train_step(batch, progress(net, number)):
            updates[name] = set(terms)
            for player in players.values():
                player.zero_grad(set_to_none=True)
            sum(terms.values()).backward()
            moved = {key for key, player in players.items() if any(p.grad is not None for p in player.parameters())}
            assert name in moved
            assert moved <= ({name, "discriminator"} if name == "generator" else {name})
        assert updates["classifier"] == {"classes", "gan", "consistency"} | more
        assert list(updates) == ["discriminator", "generator", "classifier"]


def test_what_the_discriminator_says_reaches_the_classifier_by_how_sure_it_is():
    net = model()
    logits = torch.randn(4, 3, requires_grad=True)
    value = net.objective.classifier(torch.tensor([1.0, 2.0, -1.0, 0.0]), logits.softmax(dim=1).amax(dim=1))
    (slope,) = torch.autograd.grad(value, logits)
    assert slope.abs().sum() > 0


def test_networks_are_told_the_class_everywhere():
    net, shape = Triple(2), Shape(1, (24, 32), 5, 3, "concat+concat")
    generator, discriminator = net.generator(shape).eval(), net.discriminator(shape).eval()
    z, labels = torch.randn(1, 5).expand(2, -1), torch.tensor([0, 2])
    images = generator(z, labels)
    assert images.shape == (2, 1, 24, 32)
    assert not torch.equal(images[0], images[1])
    logit = discriminator(images[:1].expand(2, -1, -1, -1), labels).logit
    assert logit[0] != logit[1]
    assert [layer.in_channels for layer in discriminator.layers] == [4, 5, 5, 7, 7, 11]


def test_a_measured_run_says_how_many_are_named_rightly():
    net, batch = model().eval(), synthetic_batch(SPEC, 4)
    with torch.no_grad():
        named = net.classifier(batch["image"]).argmax(dim=1)
        held_back = [batch | {"label": torch.tensor([*named[:3].tolist(), (named[3].item() + 1) % 3])}]
        figures = net.diagnose([batch], held_back)
    assert figures["named rightly, held-back"] == 0.75


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"objective": "ns"}, "here are three; use triple"),
        ({"objective": "triple:alpha=1"}, "more than 0 and less than 1"),
        ({"architecture": "dcgan:width=2"}, "has no classifier; use triplegan"),
        ({"conditioning": "none"}, r"use --conditioning concat\+concat"),
    ],
)
def test_what_makes_no_sense_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        model(**options)
