"""A stranger's plugin adds parts to the zoo by a hook and a class each; a broken one breaks nothing else."""

from __future__ import annotations

import re
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from i2i_zoo import spelling
from i2i_zoo.parts import Divergence, Judged

import i2i
from i2i import plugins
from i2i.testing import check_model

SOURCE = '''
"""What a stranger brings."""

import i2i
from i2i_zoo import Part


@i2i.hookimpl
def zoo_parts() -> list[Part]:
    return [
        Part("objective", "swirl", "swirling_of_tests:Swirl", "Squares of hyperbolic tangents."),
        Part("architecture", "dots", "swirling_of_tests:dots", "One colour a picture."),
        Part("objective", "hinge", "swirling_of_tests:Swirl", "A name that is taken."),
        Part("objectve", "whirl", "swirling_of_tests:Swirl", "An axis that there is not."),
        Part("penalty", "lost", "swirling_of_tests:Lost", "A class that is not there."),
        "no part",
    ]


def __getattr__(name):
    if name == "Swirl":
        from i2i_zoo.parts import Divergence

        class Swirl(Divergence):
            """D: mean (tanh r - 1)^2 + mean (tanh f + 1)^2; G: mean (tanh f - 1)^2."""

            def d(self, r, f):
                return (r.tanh() - 1).square().mean() + (f.tanh() + 1).square().mean()

            def g(self, f, r):
                return (f.tanh() - 1).square().mean()

        return Swirl
    if name == "dots":
        return __import__("dots_of_tests").Dots
    raise AttributeError(name)
'''
DOTS = '''
"""Networks of a stranger."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from i2i_zoo.parts import Architecture, Judged


@dataclass(frozen=True)
class Dots(Architecture):
    width: int = 8

    def generator(self, to):
        return Draw(to)

    def discriminator(self, to):
        return Judge(to)


class Draw(nn.Module):
    def __init__(self, to):
        super().__init__()
        self.colour, self.size = nn.Linear(to.latent, to.channels), to.size

    def forward(self, z, labels=None, chance=None):
        return self.colour(z).tanh()[:, :, None, None].expand(-1, -1, *self.size)


class Judge(nn.Module):
    def __init__(self, to):
        super().__init__()
        self.head = nn.Linear(to.channels, 1)

    def forward(self, images, labels=None):
        return Judged(images, self.head(images.mean(dim=(2, 3))).flatten())
'''


@pytest.fixture
def install(monkeypatch, tmp_path):
    """Install plugins by name and source beside the real ones."""
    monkeypatch.syspath_prepend(str(tmp_path))
    real = plugins.entry_points

    def install(**sources):
        (tmp_path / "dots_of_tests.py").write_text(DOTS)
        entries = []
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(source)
            name = name.removesuffix("/__init__")
            monkeypatch.delitem(sys.modules, name, raising=False)
            entry = EntryPoint(name, name, plugins.GROUP)
            vars(entry)["dist"] = SimpleNamespace(name=f"i2i-{name}", version="1.0")
            entries.append(entry)
        monkeypatch.setattr(plugins, "entry_points", lambda group: [*real(group=group), *entries])
        plugins.registry.cache_clear()
        spelling.parts.cache_clear()
        return plugins.registry()

    yield install
    monkeypatch.undo()
    plugins.registry.cache_clear()
    spelling.parts.cache_clear()


@pytest.mark.filterwarnings("ignore:a plugin announces", "ignore:swirling_of_tests")
def test_a_stranger_adds_an_objective_and_an_architecture(install):
    registry = install(swirling_of_tests=SOURCE)
    assert not [plugin for plugin in registry.plugins if plugin.problem]
    check_model("dcgan", objective="swirl", architecture="dcgan:width=2")
    model = check_model("dcgan", objective="swirl", architecture="dots", gradient_penalty="gp")
    assert type(model.architecture).__name__ == "Dots"
    with pytest.raises(ValueError, match="--conditioning"):
        check_model("dcgan", kind="labelled", architecture="dots", conditioning="concat+concat")
    lines = SOURCE.split("class Swirl")[1].split("return Swirl")[0].strip().splitlines()
    assert len(lines) <= 10


def test_the_guides_objective_trains(install, tmp_path, monkeypatch):
    guide = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text().partition("\n## Add a part to the zoo\n")[2]
    hook, parts = re.findall(r"^```python\n(.*?)^```", guide, re.DOTALL | re.MULTILINE)
    (tmp_path / "i2i_swirl").mkdir()
    (tmp_path / "i2i_swirl" / "parts.py").write_text(parts)
    monkeypatch.delitem(sys.modules, "i2i_swirl.parts", raising=False)
    assert not [plugin for plugin in install(**{"i2i_swirl/__init__": hook}).plugins if plugin.problem]
    model = check_model("dcgan", objective="swirl:scale=0.5", architecture="dcgan:width=2")
    assert model.asked_for["--objective swirl:scale=0.5"].scale == 0.5
    assert len(parts.partition("class Swirl")[2].splitlines()) <= 10


def test_what_a_stranger_has_wrong_is_said_and_left_out(install):
    install(swirling_of_tests=SOURCE)
    with pytest.warns(UserWarning, match="left out") as told:
        found = spelling.parts()
    assert sorted(str(one.message) for one in told) == [
        "a plugin announces 'no part' as a part, which is no i2i_zoo.Part; it is left out",
        'swirling_of_tests:Swirl is left out: the objective "hinge" is i2i_zoo.objectives.classic:Hinge already',
        'swirling_of_tests:Swirl is left out: there is no axis "objectve"; choose architecture, objective, penalty, '
        "regulariser, augmentation, latent, average, curve",
    ]
    assert found["objective", "hinge"].target == "i2i_zoo.objectives.classic:Hinge"
    with pytest.raises(ValueError, match="--gradient-penalty lost cannot be loaded: AttributeError: Lost"):
        spelling.make("penalty", "lost", "--gradient-penalty")


@pytest.mark.parametrize("body", ["1 / 0", "return 3", "import nowhere_of_tests"])
def test_a_broken_plugin_is_reported_and_the_zoo_works_on(install, body):
    registry = install(broken_of_tests=f"import i2i\n\n\n@i2i.hookimpl\ndef zoo_parts():\n    {body}\n")
    (broken,) = (plugin for plugin in registry.plugins if plugin.problem)
    assert broken.name == "broken_of_tests"
    assert "zoo_parts() hook" in broken.problem
    assert "dcgan" in registry.models()
    assert ("objective", "ns") in spelling.parts()
    assert i2i.announced("zoo_parts")


class WithoutMean(Divergence):
    """Losses (N,) of each picture, which a mean is forgotten of, and a function without a return."""

    def d(self, r, f):
        return r.square()

    def g(self, f, r):
        f.mean()


class OneSided(Divergence):
    """No loss of the generator."""

    def d(self, r, f):
        return (f - r).mean()


class Whole(OneSided):
    """A loss of the generator that has no use for a function of logits alone."""

    def generator(self, now, fake, real):
        return {"gan": fake.logit.mean()}


def test_a_loss_that_is_not_one_number_is_refused():
    says = Judged(torch.zeros(64, 1, 1, 1), torch.zeros(64))
    with pytest.raises(ValueError, match=r"^d of WithoutMean gives \(64,\) and not one number; return its mean$"):
        WithoutMean().discriminator(None, says, says)
    with pytest.raises(ValueError, match=r"^g of WithoutMean gives None and not one number; return its mean$"):
        WithoutMean().generator(None, says, None)


def test_an_objective_without_a_loss_of_one_player_is_refused_when_it_is_made():
    with pytest.raises(ValueError, match=r"^OneSided has no g, the loss of the generator; write one$"):
        OneSided()
    assert Whole().d(torch.ones(2), torch.zeros(2)) == -1


@pytest.mark.parametrize("shape", [(64, 1), (), (1,), (32,)])
def test_a_logit_that_is_not_one_number_a_picture_is_refused(shape):
    said = f"a discriminator's logit is {shape}; give one number a picture: (64,)"
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        Judged(torch.zeros(64, 3, 8, 8), torch.zeros(shape))


def test_the_shape_of_logits_breaks_no_compiled_graph():
    net = torch.compile(
        lambda images: Judged(images, images.mean(dim=(1, 2, 3))).logit, backend="eager", fullgraph=True
    )
    for count in (4, 6, 5):
        assert net(torch.ones(count, 3, 2, 2)).shape == (count,)
