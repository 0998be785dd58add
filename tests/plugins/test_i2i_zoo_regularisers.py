"""What else is asked of the players: the past of their weights, bounds, and what is done to pictures."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
import torch
from i2i_zoo import spelling, warps
from i2i_zoo.model import TwoPlayer
from i2i_zoo.moment import Moment
from i2i_zoo.parts import Judged

import i2i
from i2i.device import Engine
from i2i.loop import run_step
from i2i.options import build
from i2i.testing import synthetic_batch, synthetic_spec

TINY = {"architecture": "dcgan:width=2,norm=layer", "latent": "normal:4"}


def make(**options):
    torch.manual_seed(0)
    return TwoPlayer(build(TwoPlayer.Options, TINY | options), synthetic_spec("images", 16))


def step(model, optimizers, number, steps=100):
    progress = i2i.Progress(model.phases()[0], number, steps, run_step=number)
    return run_step(model, optimizers, synthetic_batch(model.spec, 4, number), progress, Engine())


def test_the_distance_from_the_past_equals_the_reference(golden):
    data = golden.load("zoo_regularisers")["historical_average"]
    element = spelling.make("regulariser", "historical:weight=1", "")
    net = torch.nn.Linear(2, 1, bias=False).double()
    element.prepare(net, torch.nn.Linear(1, 1))
    for number, past in enumerate(data["history"]):
        net.weight.data = torch.tensor([past], dtype=torch.float64)
        distance = element.distance("generator", net)
        assert (distance.item() == 0) == (number == 0)  # nothing is past yet
    net.weight.data = torch.tensor([data["theta"]], dtype=torch.float64)
    distance = element.distance("generator", net)
    assert distance.item() == pytest.approx(data["penalty"], rel=1e-12)
    off = 2 * (net.weight - torch.tensor(data["history"]).double().mean(dim=0))
    assert torch.allclose(torch.autograd.grad(distance, net.weight)[0], off)


def test_the_past_of_both_players_is_kept_in_buffers():
    model = make(regularisers="historical:weight=0.5")
    optimizers = model.optimizers(model.phases()[0])
    past = {"discriminator": [], "generator": []}
    for number in range(3):
        for player, values in past.items():
            weights = torch.cat([p.detach().flatten() for p in model.get_submodule(player).parameters()])
            values.append(weights.clone())
        logged = step(model, optimizers, number)
        for player, values in past.items():
            by_hand = 0.0 if number == 0 else 0.5 * (values[-1] - torch.stack(values[:-1]).mean(dim=0)).square().sum()
            assert logged[f"{player}/historical"].item() == pytest.approx(float(by_hand), rel=1e-4)
    kept = {name.rpartition(".")[2] for name in model.state_dict() if name.startswith("elements.1.")}
    assert kept == {f"{player}_{what}" for player, what in itertools.product(past, ("mean", "count"))}


def test_weights_are_clipped_after_the_critics_updates_with_those_of_norms():
    model = make(objective="wgan", regularisers="clip:bound=0.01", optimizer="rmsprop", architecture="dcgan:width=2")
    step(model, model.optimizers(model.phases()[0]), 0)
    assert max(p.abs().max().item() for p in model.discriminator.parameters()) == pytest.approx(0.01)
    assert max(p.abs().max().item() for p in model.generator.parameters()) > 0.5  # of its norms


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"regularisers": "historical:weight=-1"}, "drives weights away"),
        ({"augment": "noise:std=-1"}, "noise:std=-1,until=1 cannot be"),
        ({"augment": "noise:until=0"}, "until=0 cannot be"),
        ({"augment": "ada:p=2"}, "p=2 cannot be"),
        ({"augment": "ada:interval=0"}, "interval=0,p=0 cannot be"),
    ],
)
def test_other_numbers_are_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        make(**options)


@pytest.mark.parametrize("text", ["diffaugment", "noise", "ada:p=0.7", "diffaugment:cutout=false+noise"])
def test_pictures_of_both_kinds_are_changed_in_both_updates(text):
    model = make(augment=text, gradient_penalty="r1")
    seen = []
    model.discriminator.register_forward_pre_hook(lambda net, args: seen.append(args[0].detach()))
    batch = synthetic_batch(model.spec, 4, 0)
    updates = list(model.train_step(batch, i2i.Progress(model.phases()[0], 0, 9)))
    gradients = torch.autograd.grad(updates[1][1]["gan"], list(model.generator.parameters()))
    assert all(g.any() for g in gradients)  # through what is done to pictures
    both, penalised, drawn = seen
    assert both.shape[0] == 8
    assert penalised.shape[0] == drawn.shape[0] == 4
    for images in (both[:4], penalised):
        assert not any(torch.equal(a, b) for a, b in zip(images, batch["image"], strict=True))
    assert not torch.equal(both[:4], penalised)


def test_what_the_discriminator_says_belongs_to_the_pictures_before():
    model = make(augment="noise")
    now = Moment(model, synthetic_batch(model.spec, 4, 0), i2i.Progress(model.phases()[0], 0, 9))
    real, fake = now.judge(now.pictures, drawn := now.draw(grad=False))
    assert real.images is now.pictures.images
    assert fake.images is drawn.images


def test_noise_fades():
    for fraction, std in ((0, 0.5), (0.25, 0.25), (0.5, 0), (0.9, 0)):
        noise = spelling.make("augmentation", "noise:std=0.5,until=0.5", "")
        progress = SimpleNamespace(fraction=fraction)
        now = SimpleNamespace(progress=progress, chance=SimpleNamespace(randn=torch.randn))
        changed = noise.augment(now, torch.ones(8, 3, 32, 32)) - 1
        assert changed.std().item() == pytest.approx(std, rel=0.05)


def follow(ada, logits, batch=64):
    """Give ADA updates with such logits of real pictures; list p."""
    now, seen = SimpleNamespace(count=batch), []
    for values in logits:
        says = Judged(torch.zeros(len(values), 1, 1, 1), torch.tensor(values))
        assert ada.discriminator(now, says, says) == {}
        ada.stepped(now, "discriminator")
        ada.stepped(now, "generator")
        seen.append(ada.p.item())
    return seen


SURE, UNSURE = [3.0, 2, 1, 5], [3.0, -2, 1, -5]


def test_p_follows_how_sure_the_discriminator_is():
    move = 64 * 4 / 500_000
    seen = follow(spelling.make("augmentation", "ada", ""), [SURE] * 12)
    assert seen == pytest.approx([0, 0, 0, move, move, move, move, 2 * move, 2 * move, 2 * move, 2 * move, 3 * move])
    ada = spelling.make("augmentation", "ada:p=0.0008", "")
    assert follow(ada, [UNSURE] * 8)[3::4] == pytest.approx([0.0008 - move, 0])  # never below 0
    ada = spelling.make("augmentation", "ada:p=0.5", "")
    mixed = [SURE, SURE, SURE, UNSURE]  # 3/4 of signs, above 0.6
    assert follow(ada, mixed)[3] == pytest.approx(0.5 + move)
    assert follow(spelling.make("augmentation", "ada:p=0.5,kimg=0", ""), mixed)[3] == 0.5
    assert follow(spelling.make("augmentation", "ada:p=1,kimg=1", ""), [SURE] * 4)[3] == 1


def test_p_is_kept_and_logged():
    model = make(augment="ada:p=0.5,kimg=1,interval=2", objective="hinge")
    optimizers = model.optimizers(model.phases()[0])
    values = [step(model, optimizers, number)["p"].item() for number in range(6)]
    assert len(set(values)) > 1
    again = make(augment="ada:p=0.5,kimg=1,interval=2", objective="hinge")
    again.load_state_dict(model.state_dict())
    assert again.asked_for["--augment ada:p=0.5,kimg=1,interval=2"].p.item() == values[-1]


def pictures(count=6, channels=3, height=8, width=8):
    return torch.randn(count, channels, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_nothing_is_done_with_no_probability(channels):
    images = pictures(channels=channels)
    uniform, normal = torch.rand(6, warps.UNIFORM), torch.randn(6, warps.NORMAL)
    assert torch.allclose(warps.warp(images, torch.tensor(0.0), uniform, normal), images, atol=1e-5)
    changed = warps.warp(images, torch.tensor(1.0), uniform, normal)
    assert changed.shape == images.shape
    assert not torch.isclose(changed, images, atol=1e-3).all(dim=(1, 2, 3)).any()


UNIFORM = [
    *("mirror", "mirror?", "quarter", "quarter?", "x", "y", "shift?", "scale?", "turn1", "turn1?", "stretch?"),
    *("turn2", "turn2?", "fraction?", "brightness?", "contrast?", "luma", "luma?", "hue", "hue?", "saturation?"),
]
NORMAL = ["scale", "stretch", "fx", "fy", "brightness", "contrast", "saturation"]


def asked(images, **draws):
    """Warp with p = 1 and everything at rest but what is asked for, by name."""
    rest = {"mirror": 0.0, "quarter": 0.0, "luma": 0.0}
    uniform = torch.tensor([rest.get(name, 0.5) for name in UNIFORM]).repeat(len(images), 1)
    normal = torch.zeros(len(images), warps.NORMAL)
    for name, value in draws.items():
        if name in NORMAL:
            normal[:, NORMAL.index(name)] = value
        else:
            uniform[:, UNIFORM.index(name)] = value
    return warps.warp(images, torch.tensor(1.0), uniform, normal)


def test_draws_are_as_many_as_are_taken():
    assert (len(UNIFORM), len(NORMAL)) == (warps.UNIFORM, warps.NORMAL)


def test_pictures_are_mirrored_and_turned():
    images = pictures()
    assert torch.allclose(asked(images), images, atol=1e-5)
    assert torch.allclose(asked(images, mirror=0.9), images.flip(3), atol=1e-5)
    for quarters in (1, 2, 3):
        turned = asked(images, quarter=quarters / 4 + 0.1)
        assert torch.allclose(turned, images.rot90(-quarters, (2, 3)), atol=1e-5) or torch.allclose(
            turned, images.rot90(quarters, (2, 3)), atol=1e-5
        )
    half = asked(images, turn1=0.0)  # by -pi
    assert torch.allclose(half, images.flip((2, 3)), atol=1e-4)


def test_pictures_are_shifted_by_whole_pixels_and_by_shares():
    images = pictures()
    right = asked(images, x=1.0)  # an eighth of 8 pixels
    assert torch.allclose(right[..., 1:], images[..., :-1], atol=1e-5)
    assert torch.allclose(right[..., 0], images[..., 0], atol=1e-5)  # mirrored beyond the border
    down = asked(images, fy=2.0)  # two deviations of an eighth
    assert torch.allclose(down[:, :, 2:], images[:, :, :-2], atol=1e-4)


def test_pictures_are_scaled_from_their_middle():
    constant = torch.ones(2, 3, 8, 8)
    assert torch.allclose(asked(constant, scale=5.0), constant)
    ramp = (torch.arange(8.0) - 3.5).expand(2, 3, 8, 8)  # of x
    assert torch.allclose(asked(ramp, scale=5.0), ramp / 2, atol=1e-5)  # 2 ^ (5 x 0.2)
    wide = asked(ramp, stretch=5.0)
    assert torch.allclose(wide, ramp / 2, atol=1e-5)
    assert torch.allclose(asked(ramp.mT, stretch=5.0)[:, :, 2:6], 2 * ramp.mT[:, :, 2:6], atol=1e-4)


def test_colours_are_changed_by_their_formulas():
    images = pictures()
    grey = images.mean(dim=1, keepdim=True)
    expected = {
        "brightness": (2.0, images + 0.4),
        "contrast": (2.0, 2 * images),
        "saturation": (1.0, grey + 2 * (images - grey)),
        "luma": (0.9, images - 2 * grey),
    }
    for name, (value, changed) in expected.items():
        assert torch.allclose(asked(images, **{name: value}), changed, atol=1e-5), name
    third = asked(images, hue=5 / 6)  # a third of a turn exchanges red, green and blue
    assert torch.allclose(third, images[:, [2, 0, 1]], atol=1e-5)
    assert torch.allclose(third.mean(dim=1), images.mean(dim=1), atol=1e-5)
    single = pictures(channels=1)
    assert torch.allclose(asked(single, hue=0.8, saturation=2.0), single, atol=1e-5)
    assert torch.allclose(asked(single, luma=0.9), -single, atol=1e-5)


def test_each_thing_is_done_as_often_as_p_says():
    images = torch.arange(4.0).expand(4000, 1, 1, 4).clone()
    uniform, normal = torch.rand(4000, warps.UNIFORM), torch.zeros(4000, warps.NORMAL)
    for number, name in enumerate(UNIFORM):
        if name.endswith("?") and name != "luma?":
            uniform[:, number] = 1.0
    uniform[:, UNIFORM.index("mirror?")] = 1.0
    changed = warps.warp(images, torch.tensor(0.4), uniform, normal)
    assert (changed[:, 0, 0, 1] < 0).float().mean().item() == pytest.approx(0.2, abs=0.03)  # half of 0.4


def test_warps_can_be_differentiated_twice():
    images = pictures(2, height=4, width=4).double().requires_grad_()
    uniform, normal = torch.rand(2, warps.UNIFORM), 0.3 * torch.randn(2, warps.NORMAL)
    function = lambda x: warps.warp(x, torch.tensor(1.0), uniform, normal)  # noqa: E731
    assert torch.autograd.gradcheck(function, (images,), eps=1e-5, atol=1e-4)
    weights = torch.randn(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad((function(images) * weights).sum(), images, create_graph=True)
    assert torch.autograd.grad(slope.square().sum(), weights)[0].any()
