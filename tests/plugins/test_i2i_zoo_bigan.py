"""BiGAN: its loss equals the reference's, its players are two, and its discriminator sees pairs."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from i2i_zoo import spelling
from i2i_zoo.architectures.pairs import Convolutions, Perceptrons
from i2i_zoo.methods.bigan import BiGAN, Pairs
from i2i_zoo.moment import Drawn
from i2i_zoo.parts import Judged, Shape

import i2i
from i2i.options import build
from i2i.testing import check_model, synthetic_batch, synthetic_spec

SPEC = synthetic_spec("images", 8)


def model(**options):
    torch.manual_seed(0)
    return BiGAN(build(BiGAN.Options, {"architecture": "bigan:width=8", "latent": "uniform:5"} | options), SPEC)


def updates(net, batch=None):
    progress = i2i.Progress(net.phases()[0], 0, 10)
    return net.train_step(batch or synthetic_batch(SPEC, 4), progress)


def test_both_losses_equal_the_reference(golden):
    data = golden.load("zoo_composite")["bigan"]
    real, fake = (torch.tensor(data[f"joint_logits_{key}"], dtype=torch.float64) for key in ("x_Ex", "Gz_z"))
    net = model()

    class Now(Pairs):
        pictures, inferred, count = None, None, 4

        def __init__(self):
            pass

        def judge(self, *drawn):
            return [Judged(torch.zeros(4, 1), logit) for logit in (real, fake)]

    drawn = Drawn(torch.zeros(4, 1))
    (_, taught), (_, played) = next(net.teach_discriminator(Now(), drawn)), next(net.teach_generator(Now(), drawn))
    assert taught["gan"].item() == pytest.approx(data["d_loss"], rel=1e-8, abs=1e-10)
    assert played["gan"].item() == pytest.approx(data["eg_loss_inverse_labels"], rel=1e-8, abs=1e-10)


def test_networks_have_the_published_numbers_of_weights():
    shape = Shape(1, (28, 28), 50)
    with torch.device("meta"):
        nets = [getattr(Perceptrons(), player)(shape) for player in ("generator", "discriminator", "encoder")]
    counts = [sum(p.numel() for p in net.parameters()) for net in nets]
    assert counts == [1_905_424, 1_905_665, 1_904_690]


def test_generator_and_encoder_are_one_player_and_the_discriminator_leaves_them_alone():
    net = model()
    steps = updates(net)
    name, terms = next(steps)
    assert name == "discriminator"
    terms["gan"].backward()
    assert all(p.grad is None for player in (net.generator, net.encoder) for p in player.parameters())
    name, terms = next(steps)
    assert name == "generator"
    terms["gan"].backward()
    assert all(p.grad is not None for player in (net.generator, net.encoder) for p in player.parameters())
    (phase,) = net.phases()
    held = {id(p) for group in net.optimizers(phase)["generator"].param_groups for p in group["params"]}
    assert held == {id(p) for player in (net.generator, net.encoder) for p in player.parameters()}


@pytest.mark.parametrize("architecture", [Perceptrons(8), Convolutions(4, 8)])
def test_a_pair_is_judged_by_both_of_its_halves(architecture):
    shape = Shape(2, (8, 16), 3)
    net = architecture.discriminator(shape).eval()
    images, z = torch.rand(2, 2, 8, 16), torch.rand(2, 3)
    logit = net(images, z).logit
    assert logit.shape == (2,)
    for other in (net(images.flip(0), z), net(images, z.flip(0))):
        assert (other.logit != logit).all()
    assert architecture.encoder(shape).eval()(images).shape == (2, 3)
    assert architecture.generator(shape).eval()(z).shape == images.shape


def test_convolutions_train():
    check_model("bigan", image_size=16, architecture="bigan-conv:width=2,hidden=8", latent="uniform:5")


def test_a_sheet_shows_pictures_drawn_of_inferred_latents():
    net = model().eval()
    rows = net.preview([(synthetic_batch(SPEC, 1, seed), None) for seed in range(3)])
    assert list(rows[-1]) == ["inferred 1", "inferred 2", "inferred 3"]
    assert net.features(torch.zeros(2, 3, 8, 8)).shape == (2, 5)


def test_networks_without_an_encoder_are_refused():
    with pytest.raises(ValueError, match="no encoder; use --architecture bigan or bigan-conv"):
        model(architecture="dcgan:width=2")


class Bowl(torch.nn.Module):
    """C(x, z) = |x|^2 / 2 + 3 |z|^2 / 2, whose slope is (x, 3 z)."""

    def forward(self, images, z):
        return Judged(images, images.square().flatten(1).sum(dim=1) / 2 + 3 * z.square().sum(dim=1) / 2)


def squared_slope(images, z):
    return images.square().flatten(1).sum(dim=1) + 9 * z.square().sum(dim=1)


@pytest.mark.parametrize("penalty", ["r1:gamma=2", "r2:gamma=2", "gp:weight=1,sides=zero"])
def test_a_penalty_is_of_pairs(penalty):
    """Real pictures with what is inferred of them, drawn ones with what they were drawn of, and mixtures of both."""
    net = model().eval()
    net.discriminator = Bowl()
    now = Pairs(net, synthetic_batch(SPEC, 4), i2i.Progress(net.phases()[0], 0, 10))
    now.chance = SimpleNamespace(rand=lambda count: torch.full((count,), 0.25))
    real, z = now.pictures.images, torch.rand(4, 5)
    drawn, inferred = net.generator(z).detach(), net.encoder(real).detach()
    (term,) = (
        spelling.make("penalty", penalty, "").discriminator(now, *now.judge(now.pictures, Drawn(drawn, z=z))).values()
    )
    expected = {
        "r1": squared_slope(real, inferred),
        "r2": squared_slope(drawn, z),
        "gp": squared_slope(real / 4 + 3 * drawn / 4, inferred / 4 + 3 * z / 4),
    }
    assert term.item() == pytest.approx(expected[penalty[:2]].mean().item(), rel=1e-5)


def test_a_penalty_looks_at_augmented_pictures_and_leaves_latents_alone():
    net = model(augment="noise:std=1", architecture="bigan:width=8,norm=layer")
    seen = []
    net.discriminator.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs))
    now = Pairs(net, synthetic_batch(SPEC, 4), i2i.Progress(net.phases()[0], 0, 10))
    judged, _ = now.judge(now.pictures, now.draw(grad=False))
    now.critic(judged.images)
    (images, z) = seen[-1]
    assert images.shape == now.pictures.images.shape
    assert not torch.equal(images, now.pictures.images)
    assert torch.equal(z, now.pictures.z)


def test_the_figure_of_memorisation_is_of_pairs():
    net = model().eval()
    net.discriminator, batch = Bowl(), synthetic_batch(SPEC, 4)
    seen = []
    net.discriminator.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs))
    with torch.no_grad():
        assert len(net.diagnose([batch], [batch])) == 3
    (real, inferred), (drawn, z), (held_back, again) = seen
    assert torch.equal(inferred, net.encoder(batch["image"]))
    assert torch.equal(drawn, net.generator(z))
    assert torch.equal(real, held_back)
    assert torch.equal(inferred, again)


def test_the_discriminator_is_updated_alone_between_turns():
    net = model(n_critic=2)
    names = [name for _ in range(4) for name, _ in updates(net)]
    assert names == ["discriminator", "discriminator", "generator"] * 2
    assert math.isfinite(sum(p.sum().item() for p in net.parameters()))
