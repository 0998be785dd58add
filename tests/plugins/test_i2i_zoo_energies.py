"""Energies: autoencoders that judge, margins a picture, codes that pull away, and the balance of BEGAN."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from i2i_zoo import spelling
from i2i_zoo.architectures.autoencoder import BEGAN, EBGAN, energy
from i2i_zoo.model import TwoPlayer
from i2i_zoo.objectives.energies import pull_away
from i2i_zoo.parts import Judged, Shape

import i2i
from i2i.device import Engine
from i2i.loop import run_step
from i2i.options import build
from i2i.testing import synthetic_batch, synthetic_spec


def judged(energies, **said):
    energies = torch.as_tensor(energies, dtype=torch.float64)
    return Judged(torch.zeros(len(energies), 1, 1, 1), energies, **said)


def test_energies_with_a_margin_equal_the_reference(golden):
    data = golden.load("zoo_composite")["ebgan"]
    objective = spelling.make("objective", f"ebgan:margin={data['margin']}", "")
    codes = torch.tensor(data["embeddings"], dtype=torch.float64)
    real, fake = judged(data["energy_real"]), judged(data["energy_fake"], embedding=codes)
    assert objective.discriminator(None, real, fake)["gan"].item() == pytest.approx(data["d_loss"], rel=1e-12)
    drawn = objective.generator(None, fake, None)
    assert drawn["gan"].item() == pytest.approx(data["g_loss"], rel=1e-12)
    assert pull_away(codes).item() == pytest.approx(data["pull_away"], rel=1e-10)
    drawn |= spelling.make("regulariser", "pull-away:weight=0.1", "").generator(None, fake, None)
    assert sum(drawn.values()).item() == pytest.approx(data["g_loss_with_pt_0p1"], rel=1e-10)


def test_the_margin_is_each_pictures_own():
    f = torch.tensor([0.2, 5.0], requires_grad=True)
    (slope,) = torch.autograd.grad(spelling.make("objective", "ebgan:margin=1", "").d(torch.zeros(2), f), f)
    assert slope.tolist() == [-0.5, 0]  # the mean, 2.6, is beyond the margin


def test_codes_pull_away_by_their_squared_cosines():
    assert pull_away(torch.eye(3)).item() == 0
    assert pull_away(torch.tensor([[1.0, 0], [-2, 0]])).item() == pytest.approx(1)  # opposite is no better
    assert pull_away(torch.tensor([[2.0, 0], [1, 1]])).item() == pytest.approx(0.5)
    assert pull_away(torch.ones(1, 4)).item() == 0


def test_the_balance_equals_the_reference(golden):
    data = golden.load("zoo_composite")["began"]
    began = spelling.make("objective", f"began:gamma={data['gamma']},rate={data['lambda_k']}", "").double()
    for step in data["steps"]:
        assert began.k.item() == pytest.approx(step["k_before"], rel=1e-10, abs=1e-15)
        real, fake = judged([step["L_real"]] * 2), judged([step["L_fake"]] * 2)
        loss = began.discriminator(None, real, fake)["gan"]
        began.stepped(None, "discriminator")
        assert began.k.item() == pytest.approx(step["k_before"], rel=1e-10, abs=1e-15)
        assert loss.item() == pytest.approx(step["d_loss"], rel=1e-10)
        assert began.generator(None, fake, None)["gan"].item() == pytest.approx(step["g_loss"], rel=1e-10)
        began.stepped(None, "generator")
        assert began.watched()["measure"].item() == pytest.approx(step["measure"], rel=1e-10)
        assert began.watched()["k"].item() == pytest.approx(step["k_after"], rel=1e-10, abs=1e-15)


def test_the_balance_takes_the_generators_own_energies():
    began = spelling.make("objective", "began:gamma=0.5,rate=0.1", "").double()
    began.discriminator(None, judged([0.8]), judged([0.1]))
    began.generator(None, judged([0.3]), None)
    began.stepped(None, "generator")
    assert began.k.item() == pytest.approx(0.1 * (0.5 * 0.8 - 0.3))
    assert began.balance.item() == pytest.approx(0.1)


def test_state_is_in_buffers():
    began = spelling.make("objective", "began", "")
    assert {"k", "measure", "balance"} <= began.state_dict().keys()
    assert not list(began.parameters())


BIG, MIDDLE, GREY = Shape(3, (64, 64), 64), Shape(3, (32, 32), 64), Shape(1, (32, 32), 62)


@pytest.mark.parametrize(
    ("architecture", "shape", "counts"),
    [
        (BEGAN(128), BIG, (1_716_611, 11_340_227)),
        (BEGAN(64), MIDDLE, (489_539, 2_126_467)),
        (EBGAN(), GREY, (738_433, 1_099_041)),
    ],
)
def test_networks_have_the_published_numbers_of_weights(architecture, shape, counts):
    with torch.device("meta"):
        nets = architecture.generator(shape), architecture.discriminator(shape)
    assert tuple(sum(p.numel() for p in net.parameters()) for net in nets) == counts


def test_the_encoder_of_began_is_the_published_one():
    with torch.device("meta"):
        net = BEGAN(128).discriminator(BIG)
    shapes = [tuple(p.shape) for name, p in net.named_parameters() if name.endswith("weight")]
    widths = [3, 128, 128, 128, 256, 256, 384, 384, 512, 512]
    assert shapes[:9] == [(b, a, 3, 3) for a, b in pairwise(widths)]
    assert shapes[9:11] == [(64, 32768), (8192, 64)]
    assert shapes[11:] == [(128, 128, 3, 3)] * 8 + [(3, 128, 3, 3)]


@pytest.mark.parametrize("side", [8, 16, 64])
def test_began_draws_and_copies_squares(side):
    shape = Shape(2, (side, side), 5)
    BEGAN(2, 6).check(shape)
    images = BEGAN(2, 6).generator(shape)(torch.randn(3, 5))
    assert images.shape == (3, 2, side, side)
    says = BEGAN(2, 6).discriminator(shape)(images)
    assert says.logit.shape == (3,)
    assert says.embedding.shape == (3, 6)


@pytest.mark.parametrize("size", [(28, 28), (32, 48), (64, 64), (8, 8)])
def test_ebgan_draws_and_copies_any_multiple_of_four(size):
    shape = Shape(3, size, 5)
    EBGAN(4).check(shape)
    images = EBGAN(4).generator(shape)(torch.randn(3, 5))
    assert images.shape == (3, 3, *size)
    net = EBGAN(4, energy="norm").discriminator(shape)
    says = net(images)
    assert says.embedding.shape == (3, 32)
    assert (says.logit >= 0).all()


def test_energies_are_known_of_constant_pictures():
    images, copies = torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), 0.5)
    for kind, expected in (("l1", 0.5), ("mse", 0.25), ("norm", 0.5 * 48**0.5)):
        assert energy(images, copies, kind).tolist() == pytest.approx([expected] * 2)
        assert torch.isfinite(energy(images, images, kind)).all()


def make(**options):
    torch.manual_seed(0)
    defaults = {"architecture": "began:width=2", "latent": "normal:4", "objective": "began"}
    return TwoPlayer(build(TwoPlayer.Options, defaults | options), synthetic_spec("images", 16))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"objective": "ns"}, None),
        ({"architecture": "dcgan:width=2"}, "--objective began needs an --architecture whose discriminator is an auto"),
        ({"architecture": "dcgan:width=2", "objective": "ebgan"}, "--objective ebgan needs an --architecture"),
        ({"architecture": "dcgan:width=2", "objective": "ns", "regularisers": "pull-away"}, "has an encoder"),
        (
            {"augment": "ada"},
            "--augment ada moves p by the signs of logits, .* use --augment ada:p=0.5,kimg=0, where p",
        ),
        ({"objective": "began:gamma=0"}, "gamma=0,rate=0.001 cannot be"),
        ({"architecture": "began:width=0"}, "width is 0; give 1 or more"),
        ({"architecture": "ebgan:code=-1"}, "code is -1; give 1 or more"),
    ],
)
def test_energies_and_logits_are_not_mixed(options, reason):
    with pytest.raises(ValueError, match=reason or "--objective ns is for logits, and this discriminator gives an en"):
        make(**options)


def test_a_probability_that_stays_looks_at_no_sign():
    model = make(augment="ada:p=0.5,kimg=0")
    list(model.train_step(synthetic_batch(model.spec, 4, 0), i2i.Progress(model.phases()[0], 0, 9)))
    (ada,) = model.augmentations
    assert (ada.p, ada.signs, ada.updates) == (0.5, 0, 0)


@pytest.mark.parametrize(("architecture", "size", "near"), [("began", (24, 24), 16), ("ebgan", (30, 30), 32)])
def test_other_sizes_are_refused(architecture, size, near):
    with pytest.raises(ValueError, match=f"use --image-size {near}$"):
        spelling.make("architecture", architecture, "").check(Shape(3, size, 5))


def test_the_reconstruction_teaches_both_sides():
    """The pictures are not cut off as what is copied: energy's gradient is that of picture and copy together."""
    net = EBGAN(2).discriminator(Shape(1, (8, 8), 4)).eval()
    images = torch.randn(2, 1, 8, 8, requires_grad=True)
    (whole,) = torch.autograd.grad(net(images).logit.sum(), images)
    off = net.decoder(net.encoder(images)) - images
    (copied,) = torch.autograd.grad(off.square().flatten(1).mean(dim=1).sum(), images)
    assert torch.allclose(whole, copied)


def test_k_moves_in_training_and_is_logged():
    model = make(objective="began:gamma=5")
    optimizers, (phase,) = model.optimizers(model.phases()[0]), model.phases()
    logged = [
        run_step(model, optimizers, synthetic_batch(model.spec, 4, s), i2i.Progress(phase, s, 9, run_step=s), Engine())
        for s in range(3)
    ]
    assert {"k", "measure"} <= logged[0].keys()
    assert logged[2]["k"] != logged[1]["k"]
    assert model.asked_for["--objective began:gamma=5"].k == logged[2]["k"]
