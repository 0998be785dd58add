"""The helps of later years, as options of every adversarial method: each is there, or refused with a reason.

An average of the generator, penalties of slopes, augmentation and learning rates of the two players; and what a trained
model is measured by, the figure of memorisation and the features that a probe sees.
"""

from __future__ import annotations

import dataclasses
import re

import pytest
import torch
from i2i_zoo import cards
from i2i_zoo.augmentation import DiffAugment

import i2i
from i2i import networks
from i2i.device import Engine
from i2i.loop import run_step
from i2i.options import build, describe
from i2i.plugins import load_class
from i2i.settings import Settings
from i2i.testing import synthetic_batch, synthetic_spec

CARDS = {card.name: card for card in cards.models() if card.name != "vae"}  # which has no adversary
RUN = {field.name for field in describe(Settings)}
NARROW = {"width": 4, "units": 4, "maps": 4, "mapping": 1, "code": 4}  # numbers of architectures
SMALLER = {"labeller_width": 2, "features": 4, "width": 2, "critic_warmup": 0, "n_critic": 1}
HELPS = {
    "average": {"average": "constant:decay=0.5"},
    "r1": {"gradient_penalty": "r1:gamma=1"},
    "r2": {"gradient_penalty": "r2:gamma=1"},
    "gp": {"gradient_penalty": "gp:weight=1"},
    "diffaugment": {"augment": "diffaugment"},
    "ada": {"augment": "ada:p=0.5,kimg=0"},
    "two rates": {"discriminator_lr": 0.00123, "gradient_penalty": "none"},
    "n-critic": {"n_critic": 2},
}
PENALTIES = {"r1": "penalty", "r2": "penalty_on_drawn", "gp": "penalty_between"}  # what they are logged as
SENSELESS = {("vaegan", "n-critic")}  # an equilibrium says who is updated


def tiny(name, **options):
    """A preset's small setting with as few channels as can be."""
    cls = load_class(CARDS[name])
    known = {field.name for field in describe(cls.Options)}
    own = {key: value for key, value in cls.small.items() if key not in RUN}
    own |= {key: value for key, value in SMALLER.items() if key in known}
    for key in ("architecture", "coarsest"):
        if key in known:
            spelt = own.get(key, getattr(cls.Options(), key))
            own[key] = re.sub(f"({'|'.join(NARROW)})=\\d+", lambda found: f"{found[1]}={NARROW[found[1]]}", spelt)
    side = cls.small.get("image_size", cls.run_defaults["image_size"])
    torch.manual_seed(0)
    return cls(build(cls.Options, own | options), synthetic_spec(CARDS[name].kinds[0], side))


def with_another_norm(name, **options):
    """The same, whose discriminators have layer norm, as a sentence about batch norm advises."""
    if "norm" in {field.name for field in describe(load_class(CARDS[name]).Options)}:
        return tiny(name, norm="layer", **options)
    spelt = tiny(name).options.architecture
    return tiny(name, architecture=f"{spelt}{',' if ':' in spelt else ':'}norm=layer", **options)


def trained(net, optimizers, steps=1):
    """What steps of the last phase log."""
    phase = net.phases()[-1]
    size = net.spec.image_size if phase.image_size is None else (phase.image_size, phase.image_size)
    spec = dataclasses.replace(net.spec, image_size=size)
    batch = synthetic_batch(spec, 4)
    return [run_step(net, optimizers, batch, i2i.Progress(phase, n, 10, run_step=n), Engine()) for n in range(steps)]


def flags_of(net):
    known = {field.name for field in describe(type(net.options))} | RUN
    return {"--" + key.replace("_", "-") for key in known}


@pytest.mark.parametrize("asked", HELPS)
@pytest.mark.parametrize("name", CARDS)
def test_a_help_is_there_or_refused_with_a_reason(name, asked, monkeypatch):
    try:
        net = tiny(name, **HELPS[asked])
    except ValueError as error:
        said = str(error)
        assert set(re.findall(r"--[a-z][a-z-]*", said)) <= flags_of(tiny(name)), said
        if "norm=layer" not in said and "--norm layer" not in said:
            assert (name, asked) in SENSELESS, said
            return
        net = with_another_norm(name, **HELPS[asked])
    seen = []
    augment = DiffAugment.augment
    monkeypatch.setattr(DiffAugment, "augment", lambda own, *given: seen.append(own) or augment(own, *given))
    averages = [each for each in net.modules() if isinstance(each, networks.Average)]
    before = [value.clone() for each in averages for value in each.buffers()]
    optimizers = net.optimizers(net.phases()[-1])
    logs = trained(net, optimizers, 2 if asked == "n-critic" else 1)
    names = {key.partition("/")[2] for key in logs[0]}
    if asked == "average":
        after = [value for each in averages for value in each.buffers()]
        assert any(not torch.equal(*pair) for pair in zip(before, after, strict=True))
    elif asked in PENALTIES:
        assert PENALTIES[asked] in names
    elif asked == "diffaugment":
        assert seen
    elif asked == "ada":
        assert logs[0]["p"].item() == 0.5
    elif asked == "two rates":
        rates = {key: {group["lr"] for group in each.param_groups} for key, each in optimizers.items()}
        for key, found in rates.items():
            assert (found == {0.00123}) is ("discriminator" in key)
    else:
        moves = [any("generator/" in key for key in log) for log in logs]
        assert moves == [False, True]


@pytest.mark.parametrize("name", CARDS)
def test_all_are_measured_and_probed(name):
    net = tiny(name).eval()
    net.phase = net.phases()[-1].name
    batches = [synthetic_batch(net.spec, 5, seed) for seed in range(2)]  # no whole groups of four
    with torch.no_grad():
        figures = net.diagnose(batches[:1], batches[1:])
        assert {f"taken for real, {which}" for which in ("training", "held-back", "drawn")} <= figures.keys()
        assert all(0 <= share <= 1 for share in figures.values())
        images = batches[0].get("image", batches[0].get("a"))
        features = net.features(images)
    assert features.shape[0] == 5
    assert features.flatten(1).shape[1] < 5000
    assert not torch.equal(features[0], features[1])
