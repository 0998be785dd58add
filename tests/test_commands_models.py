import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Literal

import pytest
import typer
from typer.testing import CliRunner

import i2i
from i2i import plugins
from i2i.commands import models
from i2i.commands import plugins as plugins_command


class Swirl:
    """Swirl pictures.

    It turns them around their middle.
    """

    inputs = ("image",)
    size_multiple, min_size, scale = 4, 8, 1
    run_defaults = {"batch_size": 16, "flip": False}  # noqa: RUF012
    small = {"image_size": 32, "betas": (0.0, 0.9)}  # noqa: RUF012

    @dataclass(frozen=True, kw_only=True)
    class Options(i2i.Options):
        lr: float = i2i.option(0.5, help="Learning rate.", min=0, max=1)
        teacher: str = i2i.option(
            help="Name of the teacher.", choices={"ada": "She teaches.", "bob:times=2": "He, too."}
        )
        norm: Literal["none", "batch"] = i2i.option("none", help="Normalisation.")
        blur: bool = i2i.option(True, help="Blur before.")
        betas: tuple[float, float] = i2i.option((0.5, 0.9), help="Decay.")

    Request = i2i.Request


class SwirlPlugin:
    @staticmethod
    @i2i.hookimpl
    def models():
        return [
            i2i.ModelCard(
                "swirl", f"{__name__}:Swirl", "images", "Swirl pictures.", "https://arxiv.org/abs/2401.1", 2024
            ),
            i2i.ModelCard("whirl", "nowhere:Whirl", ("paired", "images"), "Whirl pictures.", "Nature 2025", 2025),
        ]

    @staticmethod
    @i2i.hookimpl
    def step_finished(run, progress, losses):
        pass


class Misspelt:
    @staticmethod
    @i2i.hookimpl
    def modles():
        return []


@pytest.fixture
def cli(monkeypatch):
    """The two commands over three plugins that work, are misspelt, and do not import."""

    def entry(name, value, distribution, version):
        made = EntryPoint(name, value, plugins.GROUP)
        vars(made)["dist"] = SimpleNamespace(name=distribution, version=version)
        return made

    monkeypatch.setitem(sys.modules, "swirl_plugin", SwirlPlugin)
    monkeypatch.setitem(sys.modules, "misspelt_plugin", Misspelt)
    entries = [
        entry("swirl", "swirl_plugin", "i2i-swirl", "0.3"),
        entry("misspelt", "misspelt_plugin", "i2i-misspelt", "1.0"),
        entry("own", "no_such_module_of_ours", "i2i-translate", "0.1.0"),
        entry("gone", "no_such_module", "i2i-gone", "2.0"),
        entry("off", "no_such_module", "i2i-off", "3.0"),
    ]
    monkeypatch.setattr(plugins, "entry_points", lambda group: entries)
    monkeypatch.setenv("I2I_DISABLE_PLUGINS", "i2i-off")
    monkeypatch.setenv("COLUMNS", "120")
    plugins.registry.cache_clear()
    app = typer.Typer()
    models.register(app)
    plugins_command.register(app)
    yield lambda *words: CliRunner().invoke(app, words)
    plugins.registry.cache_clear()


def test_models_are_listed_without_importing_them(cli):
    result = cli("models")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["MODEL", "DATA", "PAPER", "PLUGIN", "WHAT", "IT", "DOES"]
    assert lines[1].split() == ["swirl", "images", "arXiv:2401.1,", "2024", "i2i-swirl", "Swirl", "pictures."]
    assert "paired, images  Nature 2025 " in lines[2]  # the year is not said twice
    assert "3 plugin(s) did not load; the reasons: i2i plugins" in result.stderr


def test_models_as_json(cli):
    swirl, whirl = json.loads(cli("models", "--json").stdout)
    assert swirl == {
        "name": "swirl",
        "summary": "Swirl pictures.",
        "data": ["images"],
        "paper": "https://arxiv.org/abs/2401.1",
        "year": 2024,
        "plugin": "swirl",
        "distribution": "i2i-swirl",
        "version": "0.3",
    }
    assert whirl["data"] == ["paired", "images"]


def test_one_model_shows_its_options_with_defaults_and_meanings(cli):
    text = cli("models", "swirl").stdout
    assert "It turns them around their middle." in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "--lr number Learning rate. (default 0.5, 0 to 1)" in lines
    assert "--teacher text Name of the teacher. (must be given)" in lines
    assert "--norm none|batch Normalisation. (default none)" in lines
    assert "--blur, --no-blur Blur before. (default on)" in lines
    assert "--betas number number Decay. (default 0.5 0.9)" in lines
    assert "--batch-size 16" in lines
    assert "--flip off" in lines
    taught = lines.index("What --teacher may name")
    assert lines[taught + 1 : taught + 4] == ["ada She teaches.", "bob:times=2 He, too.", ""]
    assert text.count("may name") == 1
    small = lines.index("What --small sets")
    assert lines[small + 1 : small + 3] == ["--image-size 32", "--betas 0.0 0.9"]
    assert "--to text Target domain or attribute; the model's only one by default." in lines
    assert "plugin swirl (i2i-swirl 0.3)" in lines


def test_one_model_as_json(cli):
    facts = json.loads(cli("models", "swirl", "--json").stdout)
    assert [option["name"] for option in facts["options"]] == ["lr", "teacher", "norm", "blur", "betas"]
    assert facts["options"][0] == {
        "name": "lr", "type": "number", "help": "Learning rate.", "default": 0.5, "min": 0, "max": 1,
    }  # fmt: skip
    assert facts["choices"] == {"teacher": {"ada": "She teaches.", "bob:times=2": "He, too."}}
    assert [option["name"] for option in facts["request"]] == ["to", "samples", "seed"]
    assert facts["run_defaults"] == {"batch_size": 16, "flip": False}
    assert facts["small"] == {"image_size": 32, "betas": [0.0, 0.9]}
    assert (facts["inputs"], facts["size_multiple"], facts["min_size"], facts["scale"]) == (["image"], 4, 8, 1)


def test_unknown_models_and_those_that_do_not_load_are_sentences(cli):
    unknown = cli("models", "swril").exception
    assert isinstance(unknown, LookupError)
    assert str(unknown).startswith('there is no model "swril"; did you mean "swirl"?')
    broken = cli("models", "whirl").exception
    assert isinstance(broken, ValueError)
    assert "nowhere:Whirl" in str(broken)


def test_plugins_are_listed_with_what_they_bring_and_what_is_wrong(cli):
    text = cli("plugins").stdout
    rows = {line.split()[0]: line.split() for line in text.split("\n\n")[0].splitlines()}
    assert rows["swirl"] == ["swirl", "i2i-swirl", "0.3", "ok", "models:", "swirl,", "whirl;", "hook", "step_finished"]
    assert rows["misspelt"] == ["misspelt", "i2i-misspelt", "1.0", "broken"]
    assert rows["off"] == ["off", "i2i-off", "3.0", "disabled"]
    assert (
        "Plugin gone (i2i-gone 2.0) did not load (ModuleNotFoundError: No module named 'no_such_module'). All other "
        "plugins work. Fix: pip install -U i2i-gone, or remove it: pip uninstall i2i-gone, or leave it out: "
        "I2I_DISABLE_PLUGINS=gone"
    ) in text
    assert 'it implements the unknown hook "modles"; did you mean "models"?' in text
    assert "pip uninstall i2i-translate" not in text
    assert "Disabled by I2I_DISABLE_PLUGINS: off." in text


def test_plugins_as_json(cli):
    found = {plugin["name"]: plugin for plugin in json.loads(cli("plugins", "--json").stdout)}
    assert found["swirl"]["brings"] == {"models": ["swirl", "whirl"], "step_finished": []}
    assert {name: plugin["state"] for name, plugin in found.items()} == {
        "swirl": "ok", "misspelt": "broken", "own": "broken", "gone": "broken", "off": "disabled",
    }  # fmt: skip
    assert found["gone"]["brings"] == {}
    assert found["swirl"]["fix"] == ""


def test_without_plugins_the_way_on_is_said(cli, monkeypatch):
    monkeypatch.setattr(plugins, "entry_points", lambda group: [])
    plugins.registry.cache_clear()
    assert "No model is installed" in cli("models").stdout
    assert "No plugin is installed" in cli("plugins").stdout


def test_the_commands_import_nothing_heavy():
    code = (
        "import sys; from i2i.commands import models, plugins, runs, doctor; models.listing(); plugins.listing([]); "
        "print(sorted({'torch', 'numpy', 'PIL', 'albumentations'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
