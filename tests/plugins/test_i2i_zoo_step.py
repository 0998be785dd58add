"""The step of all recipes of the zoo: who is updated when, by what, of which pictures; and runs that go on."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from i2i_zoo.clock import Clock
from i2i_zoo.model import TwoPlayer
from i2i_zoo.moment import Moment
from i2i_zoo.parts import Element
from PIL import Image

import i2i
from i2i import loop
from i2i.device import Engine
from i2i.loop import run_step
from i2i.options import build
from i2i.testing import synthetic_batch, synthetic_spec

TINY = {"architecture": "dcgan:width=2,norm=layer", "latent": "normal:4"}


def make(kind="images", **options):
    torch.manual_seed(0)
    return TwoPlayer(build(TwoPlayer.Options, TINY | options), synthetic_spec(kind, 16))


def progress(model, step, steps=100):
    return i2i.Progress(model.phases()[0], step, steps, run_step=step)


def asked(model, steps, optimizers=None):
    """Train; list what each step asked for: (optimizer, its terms)."""
    optimizers = optimizers or model.optimizers(model.phases()[0])
    seen = []
    original = model.train_step

    def watched(batch, now):
        for request in original(batch, now):
            seen[-1].append((request[0], sorted(request[1])))
            yield request

    vars(model)["train_step"] = watched
    for step in steps:
        seen.append([])
        run_step(model, optimizers, synthetic_batch(model.spec, 4, step), progress(model, step), Engine())
    del vars(model)["train_step"]
    return seen


D, G = ("discriminator", ["gan"]), ("generator", ["gan"])


def test_both_players_take_turns():
    assert asked(make(), range(2)) == [[D, G]] * 2
    assert asked(make(n_critic=3), range(6)) == [[D], [D], [D, G]] * 2


def test_a_penalty_is_in_the_same_update_or_a_lazy_one():
    both = ("discriminator", ["gan", "penalty_between"])
    assert asked(make(gradient_penalty="gp"), range(2)) == [[both, G]] * 2
    lazy = asked(make(gradient_penalty="r1:gamma=1,every=3"), range(4))
    assert lazy == [[D, ("discriminator", ["penalty"]), G], [D, G], [D, G], [D, ("discriminator", ["penalty"]), G]]


def test_all_penalties_go_together():
    terms = ["drift", "gan", "penalty", "penalty_around", "penalty_between", "penalty_on_drawn"]
    assert asked(make(gradient_penalty="gp+dragan+r1+r2+drift"), range(1)) == [[("discriminator", terms), G]]


def test_a_lazy_penalty_is_multiplied():
    values = {}
    for every in (1, 16):  # the lazy one looks after the usual update, which changes nothing here
        model = make(gradient_penalty=f"r1:gamma=1,every={every}", discriminator_lr=0.0)
        optimizers = model.optimizers(model.phases()[0])
        logged = run_step(model, optimizers, synthetic_batch(model.spec, 4, 0), progress(model, 0), Engine())
        values[every] = logged["discriminator/penalty"].item()
    assert values[1] > 0
    assert values[16] == pytest.approx(16 * values[1], rel=1e-6)


def test_a_lazy_penalty_shortens_its_optimizer():
    model = make(gradient_penalty="r1:gamma=1,every=16", betas=(0.5, 0.99), lr=1e-3)
    groups = {name: each.param_groups[0] for name, each in model.optimizers(model.phases()[0]).items()}
    assert groups["discriminator"]["lr"] == pytest.approx(1e-3 * 16 / 17)
    assert groups["discriminator"]["betas"] == pytest.approx((0.5 ** (16 / 17), 0.99 ** (16 / 17)))
    assert (groups["generator"]["lr"], groups["generator"]["betas"]) == (1e-3, (0.5, 0.99))


def test_a_warm_up_counts_the_generators_updates():
    clock, turns = Clock(), []
    for _ in range(600):
        turn = clock.generator_is_due(2, 5)
        clock.tick("discriminator")
        if turn:
            clock.tick("generator")
        turns.append(turn)
    at = [step for step, turn in enumerate(turns) if turn]
    assert at[:26] == [*range(4, 125, 5), 126]
    resumed = Clock()
    resumed.load_state_dict({k: v.clone() for k, v in clock.state_dict().items()})
    assert (resumed.of("generator"), resumed.of("discriminator")) == (sum(turns), 600)
    resumed.generator.fill_(499)  # by the next tick the 500th is done
    resumed._known.clear()
    resumed.tick("generator")
    assert [resumed.generator_is_due(2, 5)] == [False]
    for _ in range(4):
        resumed.tick("discriminator")
    assert resumed.generator_is_due(2, 5)


def latents(model, monkeypatch, steps=1):
    """The latents that each call of the generator got."""
    drawn = []
    model.generator.register_forward_pre_hook(lambda net, args: drawn.append(args[0].clone()))
    asked(model, range(steps))
    return drawn


def test_each_player_has_a_draw_of_its_own_unless_it_is_reused(monkeypatch):
    first, second = latents(make(), monkeypatch)
    assert first.shape == second.shape == (4, 4)
    assert not torch.equal(first, second)
    assert len(latents(make(reuse=True), monkeypatch)) == 1
    model = make(reuse=True)
    before = [p.clone() for p in model.generator.parameters()]
    asked(model, range(1))
    assert not all(torch.equal(a, b) for a, b in zip(before, model.generator.parameters(), strict=True))
    assert [len(z) for z in latents(make(generator_draws=2), monkeypatch)] == [4, 8]


@pytest.mark.parametrize(("norm", "calls"), [("batch", 2), ("layer", 1)])
def test_batch_norm_never_mixes_real_and_generated_pictures(norm, calls):
    model = make(architecture=f"dcgan:width=2,norm={norm}").train()
    seen = []
    model.discriminator.register_forward_pre_hook(lambda net, args: seen.append(len(args[0])))
    now = Moment(model, synthetic_batch(model.spec, 4, 0), progress(model, 0))
    fake = now.draw(grad=False)
    real, _ = now.judge(now.pictures, fake)
    assert len(seen) == calls
    other, _ = now.judge(now.pictures, type(fake)(fake.images * 5))
    assert torch.allclose(real.logit, other.logit, atol=1e-6)


class Comparing(Element):
    """A generator's loss that looks at real pictures."""

    needs_real = True

    def generator(self, now, fake, real):
        return {"compared": (fake.logit.mean() - real.logit.mean()).square()}


def test_real_pictures_are_judged_in_the_generators_update_where_an_element_compares():
    model = make()
    model.asked_for["comparing"] = Comparing()
    sizes = []
    model.discriminator.register_forward_pre_hook(lambda net, args: sizes.append(len(args[0])))
    assert asked(model, range(1)) == [[D, ("generator", ["compared", "gan"])]]
    assert sizes == [8, 8]
    sizes.clear()
    plain = make()
    plain.discriminator.register_forward_pre_hook(lambda net, args: sizes.append(len(args[0])))
    asked(plain, range(1))
    assert sizes == [8, 4]


def test_generated_pictures_are_judged_with_their_own_labels():
    model = make("labelled", conditioning="concat+concat")
    told = {"generator": [], "discriminator": []}
    for name, labels in told.items():
        model.get_submodule(name).register_forward_pre_hook(lambda net, args, to=labels: to.append(args[1]))
    batch = synthetic_batch(model.spec, 4, 0)
    run_step(model, model.optimizers(model.phases()[0]), batch, progress(model, 0), Engine())
    first, second = told["generator"]
    assert torch.equal(told["discriminator"][0], torch.cat([batch["label"], first]))
    assert torch.equal(told["discriminator"][1], second)
    now = Moment(model, batch, progress(model, 0))
    counts = torch.bincount(now.labels(3000), minlength=3)
    assert counts.tolist() == pytest.approx([1000] * 3, abs=100)


class Counting(Element):
    """Knows how often each player was updated."""

    def __init__(self):
        super().__init__()
        self.counts = {"discriminator": 0, "generator": 0}

    def stepped(self, now, player):
        assert now.model.clock.of(player) == self.counts[player] + 1
        self.counts[player] += 1

    def watched(self):
        return {f"updates_{player}": torch.tensor(float(count)) for player, count in self.counts.items()}


def test_elements_follow_each_update_and_are_watched():
    model = make(n_critic=2)
    model.asked_for["counting"] = counting = Counting()
    watched = (None, ["updates_discriminator", "updates_generator"])
    assert asked(model, range(3)) == [[D, watched], [D, G, watched], [D, watched]]
    assert counting.counts == {"discriminator": 3, "generator": 1}


def test_two_terms_of_a_name_are_refused():
    model = make()
    model.asked_for["twice"] = type(model.asked_for["--objective ns"])()
    with pytest.raises(ValueError, match='two elements call a term "gan"'):
        asked(model, range(1))


def test_the_average_begins_as_a_copy_and_follows():
    model = make(average="constant:0.9,start=2")
    name, before = next((n, p.clone()) for n, p in model.generator.named_parameters())
    assert torch.equal(model.average.net.state_dict()[name], before)
    optimizers, values = model.optimizers(model.phases()[0]), []
    for step in range(4):
        asked(model, [step], optimizers)
        values.append((model.generator.state_dict()[name].clone(), model.average.net.state_dict()[name].clone()))
    for own, average in values[:2]:
        assert torch.equal(own, average)
    for (_, old), (own, average) in itertools.pairwise(values[1:]):
        assert torch.allclose(average, 0.9 * old + 0.1 * own, rtol=1e-6, atol=1e-9)
        assert not torch.equal(average, own)
    assert model.drawer() is model.average.net


def test_optimizers_are_the_recipes():
    phase = make().phases()[0]
    two = make(lr=1e-4, discriminator_lr=4e-4, betas=(0.0, 0.9), epsilon=1e-6).optimizers(phase)
    assert {name: o.param_groups[0]["lr"] for name, o in two.items()} == {"discriminator": 4e-4, "generator": 1e-4}
    assert (two["generator"].defaults["betas"], two["generator"].defaults["eps"]) == ((0.0, 0.9), 1e-6)
    root = make(optimizer="rmsprop", weight_decay=0.1).optimizers(phase)["generator"]
    assert (type(root), root.defaults["weight_decay"]) == (torch.optim.RMSprop, 0.1)
    plain = make(optimizer="sgd", betas=(0.7, 0.9)).optimizers(phase)["discriminator"]
    assert (type(plain), plain.defaults["momentum"]) == (torch.optim.SGD, 0.7)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("constant", (1, 1, 1)),
        ("linear", (1, 0.5, 0.25)),
        ("linear:start=0.5", (1, 1, 0.5)),
        ("halving:3", (1, 0.25, 0.125)),
        ("exponential:end=0.0001", (1, 0.01, 0.001)),
    ],
)
def test_learning_rates_follow_their_curve(text, values):
    (phase,) = make(lr_curve=text).phases()
    assert [phase.lr(at) for at in (0, 0.5, 0.75)] == pytest.approx(values)


@pytest.mark.parametrize("step", [3, 5, 7])
def test_a_run_that_was_killed_goes_on_exactly(tmp_path, monkeypatch, step):
    folder, rng = tmp_path / "pictures", np.random.default_rng(0)
    folder.mkdir()
    for number in range(10):
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(folder / f"{number}.png")
    options = {"steps": 12, "batch_size": 4, "image_size": 16, "device": "cpu", "workers": 0, "out": tmp_path / "runs"}
    options |= {"architecture": "dcgan:width=2,norm=layer", "gradient_penalty": "r1:every=3", "n_critic": 2}
    options |= {"average": "constant:0.9", "checkpoint_every": "2", "latent": "uniform:4"}

    def start(name):
        return i2i.train("dcgan", str(folder), name=name, **options)

    whole = start("whole")
    real = loop.run_step

    def dying(model, optimizers, batch, progress, engine):
        if progress.run_step == step:
            raise KeyError("killed")
        return real(model, optimizers, batch, progress, engine)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "run_step", dying)
        with pytest.raises(KeyError, match="killed"):
            start("killed")
    resumed = i2i.resume(tmp_path / "runs" / "killed")
    weights, again = (i2i.load(folder).state_dict() for folder in (whole, resumed))
    assert all(torch.equal(value, again[name]) for name, value in weights.items())
    assert (int(weights["clock.discriminator"]), int(weights["clock.generator"])) == (12, 6)
