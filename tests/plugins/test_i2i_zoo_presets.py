"""Every preset of the zoo: it keeps the contract in its small setting, can be pickled, and is announced as it is."""

from __future__ import annotations

import pickle
from importlib import import_module

import pytest
import torch
from i2i_zoo import cards

from i2i.options import build, describe
from i2i.plugins import load_class
from i2i.settings import Settings
from i2i.testing import check_model, synthetic_spec

CARDS = {card.name: card for card in cards.models()}
RUN = {field.name for field in describe(Settings)}


def small(name):
    """A preset's class, its options in the small setting, and the side of its pictures."""
    cls = load_class(CARDS[name])
    own = {key: value for key, value in cls.small.items() if key not in RUN}
    side = cls.small.get("image_size", cls.run_defaults["image_size"])
    return cls, own | {key: 0 for key in ("critic_warmup",) if key in {f.name for f in describe(cls.Options)}}, side


@pytest.mark.parametrize("name", CARDS)
def test_a_preset_keeps_the_contract(name):
    _, options, side = small(name)
    check_model(name, image_size=side, batch_size=4, **options)


@pytest.mark.parametrize("name", CARDS)
def test_a_preset_can_be_pickled(name):
    cls, options, side = small(name)
    assert getattr(import_module(cls.__module__), cls.__name__) is cls
    model = cls(build(cls.Options, options), synthetic_spec(CARDS[name].kinds[0], side))
    again = pickle.loads(pickle.dumps(model))
    assert again.options == model.options
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))


@pytest.mark.parametrize("name", CARDS)
def test_a_preset_says_what_it_is(name):
    cls, card = load_class(CARDS[name]), CARDS[name]
    assert card.paper.startswith("https://")
    assert card.year >= 2013
    assert card.summary.endswith(".")
    assert cls.run_defaults.keys() <= RUN
    assert 1 <= len(cls.small) <= 5
    build(cls.Options, {})  # the paper's numbers are sound
    assert {"batch_size", "image_size", "flip"} <= cls.run_defaults.keys()
    assert cls.small.keys() <= RUN | {field.name for field in describe(cls.Options)}
