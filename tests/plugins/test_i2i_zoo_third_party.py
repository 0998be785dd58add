"""A stranger's plugin adds parts to the zoo by a hook and a class each; a broken one breaks nothing else."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest
from i2i_zoo import spelling

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


def test_what_a_stranger_has_wrong_is_said_and_left_out(install):
    install(swirling_of_tests=SOURCE)
    with pytest.warns(UserWarning, match="left out") as told:
        found = spelling.parts()
    assert sorted(str(one.message) for one in told) == [
        "a plugin announces 'no part' as a part, which is no i2i_zoo.Part; it is left out",
        'swirling_of_tests:Swirl is left out: the objective "hinge" is i2i_zoo.objectives.classic:Hinge already',
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
