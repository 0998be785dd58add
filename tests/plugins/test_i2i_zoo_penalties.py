"""Penalties on slopes: the reference's numbers, critics whose slope is known, and where they make no sense."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from i2i_zoo import spelling
from i2i_zoo.model import TwoPlayer
from i2i_zoo.moment import Moment
from i2i_zoo.parts import Judged
from zoo_golden import wave

import i2i
from i2i.options import build
from i2i.testing import synthetic_batch, synthetic_spec

TINY = {"architecture": "dcgan:width=2,norm=layer", "latent": "normal:4"}


def make(**options):
    torch.manual_seed(0)
    return TwoPlayer(build(TwoPlayer.Options, TINY | options), synthetic_spec("images", 16))


def moment(model, step=0):
    return Moment(model, synthetic_batch(model.spec, 4, step), i2i.Progress(model.phases()[0], step, 9, run_step=step))


@pytest.fixture
def data(golden):
    return golden.load("zoo_regularisers")


@pytest.fixture
def pair(data):
    """The moment of the reference's critic, sum a x + 1/2 sum b x^2, and what it says of real and drawn pictures."""
    a, b = (torch.tensor(data[key], dtype=torch.float64) for key in "ab")
    shares = torch.tensor(data["eps"], dtype=torch.float64)
    noise = torch.sin(0.7 * torch.arange(72, dtype=torch.float64)).abs().view(4, 2, 3, 3)

    def critic(images, labels=None):
        return images.flatten(1) @ a + 0.5 * images.flatten(1).square() @ b

    chance = SimpleNamespace(rand=lambda *shape: shares if len(shape) == 1 else noise)
    real, fake = wave((4, 2, 3, 3)), torch.cos(0.05 * torch.arange(72, dtype=torch.float64)).view(4, 2, 3, 3)
    now = SimpleNamespace(critic=critic, chance=chance)
    return now, Judged(real, critic(real)), Judged(fake, critic(fake))


@pytest.mark.parametrize(
    ("text", "row", "key"),
    [
        ("dragan:weight=1,std=unbiased", "dragan", "penalty_two_sided_std_unbiased"),
        ("dragan:weight=1", "dragan", "penalty_two_sided_std_biased"),
        ("r2:gamma=2", "r2", "mean_sq_grad_norm"),
        ("r2", "r2", "half_gamma10"),
        ("r1:gamma=2", "r1", "mean_sq_grad_norm"),
        ("gp:1,sides=zero", "gp", "zero_centred"),
    ],
)
def test_a_penalty_equals_the_reference(data, pair, text, row, key):
    (value,) = spelling.make("penalty", text, "").discriminator(*pair).values()
    assert value.item() == pytest.approx(data[row][key], rel=1e-9, abs=1e-12)


def test_slopes_equal_the_reference(data, pair, monkeypatch):
    """Those that a penalty is of, before it makes one number of them."""
    squares = []
    monkeypatch.setattr("i2i_zoo.penalties.off_one", lambda found, *how: squares.append(found) or found.mean())
    spelling.make("penalty", "gp:1", "").discriminator(*pair)
    assert squares[0].sqrt().tolist() == pytest.approx(data["gp"]["grad_norms"], rel=1e-8, abs=1e-10)


def test_the_deviation_of_a_batch_equals_the_reference(data, pair):
    """It is how far dragan looks from real pictures, of the share and the noise that are drawn."""
    now, real, fake = pair
    places = []
    watched = SimpleNamespace(critic=lambda x, labels: places.append(x) or now.critic(x), chance=now.chance)
    spelling.make("penalty", "dragan:std=unbiased", "").discriminator(watched, real, fake)
    drawn = 0.5 * now.chance.rand(4).view(4, 1, 1, 1) * now.chance.rand(4, 2, 3, 3)
    wanted = real.images + data["dragan"]["std_unbiased"] * drawn
    assert places[0].flatten().tolist() == pytest.approx(wanted.flatten().tolist(), rel=1e-8, abs=1e-10)
    found = (places[0] - real.images)[drawn > 0] / drawn[drawn > 0]
    assert found.tolist() == pytest.approx([data["dragan"]["std_unbiased"]] * 71, rel=1e-8)


def test_lazy_penalties_are_multiplied_as_the_reference(data, pair):
    lazy = spelling.make("penalty", "r1:gamma=10,every=16", "")
    (value,) = lazy.discriminator(*pair).values()
    assert (lazy.every * value).item() == pytest.approx(data["r1"]["lazy16_gamma10_applied"], rel=1e-9)


def test_the_first_form_of_one_side_is_not_a_square(data, pair):
    (value,) = spelling.make("penalty", "gp:1,sides=one", "").discriminator(*pair).values()
    assert value.item() == data["gp"]["one_sided"] == 0
    steep = lambda images, labels=None: 3 * images.flatten(1)[:, 0]  # noqa: E731
    now = SimpleNamespace(critic=steep, chance=pair[0].chance)
    (value,) = spelling.make("penalty", "gp:1,sides=one", "").discriminator(now, *pair[1:]).values()
    assert value.item() == pytest.approx(4)  # (3 - 1)^2, where the linear form has 2


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 4, 4)])
@pytest.mark.parametrize("length", [3.0, 0.5, 0.0])
def test_penalties_of_a_linear_critic_are_known(shape, length):
    """The slope is |w| everywhere, over all channels and pixels at once."""
    count = math.prod(shape)
    slope = torch.full((count,), length / math.sqrt(count), requires_grad=True)
    chance = SimpleNamespace(rand=torch.rand)
    now = SimpleNamespace(critic=lambda images, labels=None: images.flatten(1) @ slope, chance=chance)
    real, fake = (Judged(torch.randn(5, *shape), torch.zeros(5)) for _ in range(2))
    expected = {
        "gp:1": (length - 1) ** 2,
        "gp:1,sides=one": max(length - 1, 0) ** 2,
        "gp:1,sides=zero": length**2,
        "gp:1,root=0.0001": (math.sqrt(length**2 + 1e-4) - 1) ** 2,
        "dragan:1": (length - 1) ** 2,
        "dragan:2,sides=zero": 2 * length**2,
        "r1:gamma=3": 1.5 * length**2,
        "r2:gamma=3": 1.5 * length**2,
    }
    for text, value in expected.items():
        with torch.autocast("cpu", torch.bfloat16):  # which penalties leave
            (penalty,) = spelling.make("penalty", text, "").discriminator(now, real, fake).values()
        assert penalty.item() == pytest.approx(value, rel=1e-5, abs=1e-6), text
        assert torch.isfinite(torch.autograd.grad(penalty, slope)[0]).all()


def test_drift_holds_logits_of_real_pictures():
    real = Judged(torch.zeros(2, 1, 1, 1), torch.tensor([3.0, -1.0]))
    (value,) = spelling.make("penalty", "drift:weight=0.1", "").discriminator(None, real, real).values()
    assert value.item() == pytest.approx(0.1 * 5)


def seen(text, real, fake):
    """Where a penalty looks."""
    places = []

    def critic(images, labels=None):
        places.append(images.detach())
        return images.flatten(1).sum(dim=1)

    now = SimpleNamespace(critic=critic, chance=SimpleNamespace(rand=torch.rand))
    spelling.make("penalty", text, "").discriminator(
        now, Judged(real, real[:, 0, 0, 0]), Judged(fake, fake[:, 0, 0, 0])
    )
    return places[0]


def test_one_share_is_drawn_a_picture():
    real, fake = torch.zeros(50, 2, 3, 3), torch.ones(50, 2, 3, 3)
    shares = seen("gp", real, fake).flatten(1)
    assert torch.equal(shares, shares[:, :1].expand(-1, 18))
    assert len(shares[:, 0].unique()) == 50
    assert 0 <= shares.min() < 0.1 < 0.9 < shares.max() <= 1


def test_dragan_looks_around_real_pictures():
    real = torch.randn(400, 1, 4, 4)
    off = (seen("dragan", real, real) - real) / (0.5 * real.std(correction=0))
    assert off.min() >= 0  # u ~ U(0, 1), as the authors have it
    assert off.max() <= 1.001
    assert off.mean().item() == pytest.approx(0.25, abs=0.02)  # of e, and of u
    spread = off.flatten(1).amax(dim=1)  # close to e, which is one number a picture
    assert spread.mean().item() == pytest.approx(0.5 * 16 / 17, abs=0.05)
    assert off.flatten(1).std(dim=1).min() < 0.05  # of small e


@pytest.mark.parametrize("text", ["gp", "gp:sides=zero", "dragan", "r1", "r2"])
def test_slopes_are_refused_with_batch_norm(text):
    name = text.partition(":")[0]
    with pytest.raises(ValueError, match=rf"^--gradient-penalty {name}.* has batch norm, which mixes them; use --arch"):
        make(architecture="dcgan:width=2", gradient_penalty=text)
    make(architecture="dcgan:width=2", gradient_penalty="drift")
    make(gradient_penalty=text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("r2:gamma=-1", "weight=-1,every=1 cannot be"),
        ("dragan:every=0", "every=0 cannot be"),
        ("drift:weight=-1", "drift:weight=-1 drives logits away"),
    ],
)
def test_other_numbers_are_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        make(gradient_penalty=text)


@pytest.mark.parametrize("text", ["gp+drift", "r1+r2", "dragan:every=2+r1:every=3"])
def test_penalties_go_together(text):
    model = make(gradient_penalty=text)
    (phase,) = model.phases()
    asked = [request[1] for request in model.train_step(synthetic_batch(model.spec, 4, 0), i2i.Progress(phase, 0, 9))]
    assert sum(len(terms) for terms in asked) == 4


@pytest.mark.parametrize("text", ["gp", "dragan", "r1", "r2"])
def test_autocast_does_not_change_a_penalty(text):
    model = make(gradient_penalty=text)
    penalty = model.asked_for[f"--gradient-penalty {text}"]
    values = []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            now = moment(model)
            fake = now.draw(grad=False)
            judged = [Judged(images.float(), torch.zeros(4)) for images in (now.pictures.images, fake.images)]
            judged[1] = Judged(torch.ones(4, 3, 16, 16) / 2, torch.zeros(4))  # what is drawn in bf16 is another thing
            (value,) = penalty.discriminator(now, *judged).values()
        values.append(value.item())
    assert values[0] == pytest.approx(values[1], rel=1e-6)


def test_a_penalty_looks_at_pictures_not_at_weights_alone():
    """On a discriminator in eval mode and without weights to train it still has its value."""
    model = make(gradient_penalty="gp").eval()
    model.discriminator.requires_grad_(False)
    now = moment(model)
    real, fake = now.judge(now.pictures, now.draw(grad=False))
    (value,) = model.asked_for["--gradient-penalty gp"].discriminator(now, real, fake).values()
    assert value.item() > 0


def test_the_penalty_bounds_the_critic_and_clipping_its_weights():
    """On points of two values the critic of a penalty comes to a slope of 1; clipped weights come to their bound."""
    critic = torch.nn.Linear(1, 1)
    torch.nn.init.constant_(critic.weight, 0.3)
    optimizer = torch.optim.Adam(critic.parameters(), 0.05)
    now = SimpleNamespace(
        critic=lambda images, labels=None: critic(images.flatten(1)).flatten(), chance=SimpleNamespace(rand=torch.rand)
    )
    gan, penalty = spelling.make("objective", "wgan", ""), spelling.make("penalty", "gp:weight=10", "")
    images = [torch.full((8, 1, 1, 1), value) for value in (1.0, -1.0)]
    for _ in range(200):
        real, fake = (Judged(each, now.critic(each)) for each in images)
        loss = gan.d(real.logit, fake.logit) + penalty.discriminator(now, real, fake)["penalty_between"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # The best is where 2 - 20 (w - 1) = 0: the distance, 2, against the penalty's slope.
    assert critic.weight.item() == pytest.approx(1.1, abs=0.01)
    clip = spelling.make("regulariser", "clip:bound=0.01", "")
    clip.stepped(SimpleNamespace(model=SimpleNamespace(discriminator=critic)), "generator")
    assert critic.weight.item() > 1
    clip.stepped(SimpleNamespace(model=SimpleNamespace(discriminator=critic)), "discriminator")
    assert critic.weight.item() == pytest.approx(0.01)
