"""The documentation is true: what it names exists, what exists is named, and its code runs."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

import i2i
from i2i.cards import import_target
from i2i.cli import make_app
from i2i.commands.train import build_command
from i2i.options import Options, Request, describe
from i2i.plugins import Hooks, load_class, registry
from i2i.settings import Settings

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "i2i-plugin-warmgan"
DOCS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("plugins/*/README.md"), EXAMPLE / "README.md"]
)
OTHERS = {"--debug", "--help", "--nproc-per-node", "--force-reinstall"}  # of i2i itself, torchrun and pip
OTHERS |= {"--mask", "--mask-box"}  # of models that take masks
IDS = [str(path.relative_to(ROOT)) for path in DOCS]


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(text: str) -> Iterator[list[str]]:
    """Every `i2i ...` in indented, fenced or inline code, taken apart as a shell does."""
    fenced = "\n".join(blocks(text, r"\w*"))
    lines = [line.strip() for line in [*re.findall(r"^ {4}.*", text, re.MULTILINE), *fenced.splitlines()]]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    lines += [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose)]
    for line in lines:
        line = line.removeprefix("$ ").partition(" -m ")[2] if line.startswith("torchrun") else line.removeprefix("$ ")
        if re.match(r"i2i( |$)", line):
            yield shlex.split(line, comments=True)[1:]


def option_classes() -> Iterator[type[Options]]:
    """Every class whose fields become flags."""
    yield from (Settings, Request)
    for card in registry().models().values():
        cls = load_class(card)
        yield from (cls.Options, cls.Request)
    for kind in registry().datasets().values():
        yield import_target(kind.target).Options


def flags_of(command: Any) -> Iterator[str]:
    """The flags of a command and of those below it."""
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    for below in getattr(command, "commands", {}).values():
        yield from flags_of(below)


@cache
def known_flags() -> frozenset[str]:
    """Every flag there is: of commands, of options, of the example plugin."""
    flags = {field.flag for cls in option_classes() for field in describe(cls)}
    flags |= {f"--no-{flag[2:]}" for flag in flags}
    flags |= {f"--{key}" for card in registry().models().values() for key in load_class(card).companions}
    flags |= set(flags_of(typer.main.get_command(make_app())))
    flags |= set(flags_of(build_command(next(iter(registry().models().values())))))
    example = (EXAMPLE / "i2i_warmgan" / "model.py").read_text()
    flags |= {f"--{name}" for name in re.findall(r"(\w+): \w+ = i2i\.option", example)}
    return frozenset(flags | OTHERS)


def named_flags(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z_-]*[a-z](?![\w-]|=\")", text))


@pytest.mark.parametrize("path", DOCS, ids=IDS)
def test_flags_that_documentation_names_exist(path):
    assert named_flags(path.read_text()) <= known_flags()


def test_flags_that_messages_name_exist():
    for path in [*(ROOT / "i2i").rglob("*.py"), *(ROOT / "plugins").rglob("*.py"), *(ROOT / "datasets").rglob("*.py")]:
        tree = ast.parse(path.read_text())
        told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
                if " " not in node.value:  # an argument for another program
                    continue
                unknown = named_flags(node.value) - known_flags()
                assert not unknown, f"{path}:{node.lineno} names {unknown}"


@pytest.mark.parametrize("path", DOCS, ids=IDS)
def test_commands_that_documentation_shows_exist(path):
    app = make_app()
    for command in commands(path.read_text()):
        placeholders = any(word.isupper() and word.isalpha() for word in command) or "..." in " ".join(command)
        if any("warmgan" in word for word in command) or (command[:1] == ["train"] and placeholders):
            continue  # the example plugin is not installed here; test_examples.py runs it
        words = [word for word in command if not re.fullmatch(r"\[.*\]|.*\.\.\.|[a-z|]+\|[a-z|]+", word)]
        if words[:1] == ["translate"] and "--model" in words:  # whose flags the help would show; there are no runs here
            del words[(place := words.index("--model")) : place + 2]
        if words[:1] == ["sample"]:
            words = words[:1]
        result = CliRunner().invoke(app, [*words, "--help"])
        assert result.exit_code == 0, f"{path.name}: i2i {shlex.join(command)}: {result.output} {result.exception}"


@pytest.mark.parametrize("path", DOCS, ids=IDS)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        assert target.startswith("https://") or (path.parent / target).exists(), target


def test_every_hook_and_public_name_is_documented():
    text = (ROOT / "docs" / "plugins.md").read_text()
    hooks = [name for name in vars(Hooks) if not name.startswith("_")]
    assert {"models", "step_finished"} <= set(hooks)
    assert not [name for name in hooks if f"\n### {name}\n" not in text]
    assert not [name for name in hooks if f"\ndef {name}(" not in text], "each hook has an example"
    assert not [name for name in i2i.__all__ if f"`i2i.{name}`" not in text]
    for name in re.findall(r"`i2i\.(\w+)", text):
        assert name in i2i.__all__, name


def test_every_attribute_of_a_model_is_documented():
    text = (ROOT / "docs" / "plugins.md").read_text()
    own = {name for name in vars(i2i.Model) if not name.startswith("_")} | set(i2i.Model.__annotations__)
    assert not [name for name in own - {"translate_image"} if not re.search(rf"`{name}[`(]", text)]


def test_every_run_option_is_documented():
    text = (ROOT / "docs" / "training.md").read_text()
    assert not [field.flag for field in describe(Settings) if f"`{field.flag}`" not in text]


def test_every_command_is_documented():
    text = (ROOT / "README.md").read_text()
    group = typer.main.get_command(make_app())
    assert {"train", "translate", "data"} <= group.commands.keys()
    assert not [name for name in group.commands if f"`i2i {name}" not in text]


def test_every_model_is_listed():
    text = (ROOT / "README.md").read_text()
    assert not [name for name in registry().models() if f"`{name}`" not in text]


def test_the_guide_shows_the_example_as_it_is():
    shown = blocks((ROOT / "docs" / "plugins.md").read_text(), "python")
    for file in ("i2i_warmgan/model.py", "i2i_warmgan/__init__.py", "tests/test_warmgan.py"):
        source = (EXAMPLE / file).read_text()
        assert any(source.endswith(block) for block in shown), f"docs/plugins.md does not show {file} as it is"


def test_the_guides_code_runs():
    namespace: dict[str, object] = {}
    for block in blocks((ROOT / "docs" / "plugins.md").read_text(), "python"):
        exec(compile(block, "docs/plugins.md", "exec", dont_inherit=True), namespace)
    app = typer.Typer()
    commands: Any = namespace["commands"]
    commands(app)
    assert "it goes round" in CliRunner().invoke(app, []).output


def test_the_readmes_code_runs(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for number in range(6):
        for domain in "AB":
            folder = tmp_path / "datasets" / "summer2winter" / f"train{domain}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save(folder / f"{number}.png")
    Image.fromarray(rng.integers(0, 256, (37, 50, 3), np.uint8)).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("I2I_HOME", str(tmp_path / "home"))
    train, small = (
        i2i.train,
        {"steps": 2, "image_size": 32, "generator_width": 4, "discriminator_width": 4, "blocks": 1},
    )
    small |= {"discriminator_layers": 2, "workers": 0, "device": "cpu"}
    monkeypatch.setattr(i2i, "train", lambda *names, **options: train(*names, **options | small), raising=False)

    (code,) = blocks((ROOT / "README.md").read_text(), "python")
    exec(compile(code, "README.md", "exec", dont_inherit=True), {})
    with Image.open(tmp_path / "photo-winter.jpg") as result:
        assert (result.size, result.mode) == ((50, 37), "RGB")


def test_the_example_of_dataset_toml_is_understood(tmp_path):
    from i2i.data.scan import scan

    (code,) = blocks((ROOT / "docs" / "data.md").read_text(), "toml")
    (tmp_path / "dataset.toml").write_text(code)
    assert scan(tmp_path).config["range"] == [0, 4095]
