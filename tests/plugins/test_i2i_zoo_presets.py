"""Every preset of the zoo: it keeps the contract in its small setting, can be pickled, and is announced as it is.

A preset, a method's file and the step of all recipes stay short.
"""

from __future__ import annotations

import ast
import pickle
from importlib import import_module
from pathlib import Path

import i2i_zoo
import pytest
import torch
from i2i_zoo import cards
from i2i_zoo.presets import preset
from i2i_zoo.presets.large import BIGGAN

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
    assert cls.small
    build(cls.Options, {})  # the paper's numbers are sound
    assert {"batch_size", "image_size", "flip"} <= cls.run_defaults.keys()
    assert cls.small.keys() <= RUN | {field.name for field in describe(cls.Options)}


def lines(node):
    return node.end_lineno - node.lineno + 1


def length(name):
    """The lines of a preset, with those of what its file holds for it elsewhere, and the lines of its small setting."""
    module, _, bound = CARDS[name].target.partition(":")
    tree = ast.parse(Path(import_module(module).__file__).read_text())
    bindings = [node for node in tree.body if isinstance(node, (ast.Assign, ast.AnnAssign))]
    held = {(node.targets[0] if isinstance(node, ast.Assign) else node.target).id: node for node in bindings}
    own = held[bound]
    used = {node.id for node in ast.walk(own.value) if isinstance(node, ast.Name)} & held.keys()
    shared = [held[name] for name in used if getattr(getattr(held[name].value, "func", None), "id", "") != "preset"]
    (small,) = [each.value for each in own.value.keywords if each.arg == "small"] or [None]
    return lines(own) + sum(map(lines, shared)), 0 if small is None else lines(small)


@pytest.mark.parametrize("name", CARDS)
def test_a_preset_is_at_most_15_lines_and_its_small_setting_5(name):
    whole, small = length(name)
    assert whole <= 15
    assert small <= 5


ZOO = Path(i2i_zoo.__file__).parent
METHODS = sorted(path.name for path in (ZOO / "methods").glob("*.py"))


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_at_most_150_lines(name):
    assert len((ZOO / "methods" / name).read_text().splitlines()) <= 150


def test_the_step_of_all_recipes_is_at_most_60_lines():
    tree = ast.parse((ZOO / "model.py").read_text())
    (players,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "TwoPlayer")
    methods = {node.name: node for node in players.body if isinstance(node, ast.FunctionDef)}
    step, called = set(), {"train_step"}
    while called:  # what the step calls of its own class, and what that calls
        step |= called
        inside = [node for name in called for node in ast.walk(methods[name]) if isinstance(node, ast.Attribute)]
        called = {node.attr for node in inside if getattr(node.value, "id", "") == "self"} & methods.keys() - step
    assert {"train_step", "teach_discriminator", "teach_generator", "judged_again", "watched", "_stepped"} <= step
    assert sum(lines(methods[name]) for name in step) <= 60


def test_a_preset_like_another_differs_in_what_it_says():
    LIKE = preset("like", like=BIGGAN, lr=1.0)
    ours, theirs = build(LIKE.Options, {}), build(BIGGAN.Options, {})
    assert (ours.lr, theirs.lr) == (1.0, 2e-4)
    assert {f.name for f in describe(LIKE.Options) if getattr(ours, f.name) != getattr(theirs, f.name)} == {"lr"}
    assert (LIKE.run_defaults, LIKE.small) == (BIGGAN.run_defaults, BIGGAN.small)
    assert issubclass(LIKE, BIGGAN.__bases__[1])
    assert not issubclass(LIKE, BIGGAN)
    with pytest.raises(LookupError, match="like sets width, which BigGAN does not have"):
        preset("like", like=BIGGAN, width=3)
