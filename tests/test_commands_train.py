"""`i2i train` and `i2i resume`: flags made from options, three layers of values, nothing written by a dry run."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from typer.testing import CliRunner

import i2i
from i2i import cli
from i2i.options import describe
from i2i.plugins import load_class, registry
from i2i.preparing import layers
from i2i.settings import Settings

ODD = "odd_model_of_tests"


class Odd(i2i.Model):
    """Has an option of every type."""

    run_defaults = {"batch_size": 3, "resize": 300}  # noqa: RUF012

    @dataclass(frozen=True, kw_only=True)
    class Options(i2i.Options):
        must: int = i2i.option(help="A number that must be given.", min=1)
        lr: float = i2i.option(0.1, help="Rate.", min=0)
        betas: tuple[float, float] = i2i.option((0.5, 0.9), help="Decay rates.", min=0, max=1)
        mode: Literal["soft", "very-hard"] = i2i.option("soft", help="Mode.")
        factor: Literal[2, 4] = i2i.option(2, help="Factor.")
        sharp: bool = i2i.option(True, help="Sharpen.")
        label: str | None = i2i.option(None, help="Label.", choices={"cat": "Mews.", "dog": "Barks."})
        place: Path | None = i2i.option(None, help="Place.")
        ratio: float | None = i2i.option(None, help="Ratio.")

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        self.weight = __import__("torch").nn.Parameter(__import__("torch").zeros(1))

    def optimizers(self, phase: Any) -> Any:
        raise NotImplementedError

    def train_step(self, batch: Any, progress: Any) -> Any:
        raise NotImplementedError

    def translate(self, inputs: Any, request: Any) -> Any:
        raise NotImplementedError


class Narrow(Odd):
    """Has a setting for a CPU."""

    small = {"image_size": 64, "must": 2, "lr": 0.2, "epochs": 3}  # noqa: RUF012


class OddPlugin:
    @staticmethod
    @i2i.hookimpl
    def models() -> list[i2i.ModelCard]:
        return [i2i.ModelCard("odd", f"{ODD}:Odd", "images", "Odd options.")]


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., dict[str, Any]]]:
    """Call `i2i train odd DATA ...` and return the options that reach the run."""
    monkeypatch.setitem(sys.modules, ODD, sys.modules[__name__])
    registry().manager.register(OddPlugin, name="odd")
    got: list[Any] = []
    monkeypatch.setattr("i2i.commands.train.train", lambda *arguments: got.append(arguments))

    def call(*flags: str) -> dict[str, Any]:
        got.clear()
        result = CliRunner().invoke(cli.make_app(), ["train", "odd", "data", *flags])
        assert result.exit_code == 0, result.output
        ((name, data, options, *_),) = got
        assert (name, data) == ("odd", ["data"])
        return dict(options)

    yield call
    registry().manager.unregister(OddPlugin)


def invoke(*arguments: object) -> str:
    """Run a command that is refused; return what it says."""
    result = CliRunner().invoke(cli.make_app(), [str(argument) for argument in arguments])
    assert result.exit_code != 0
    error = result.exception
    return result.output if isinstance(error, SystemExit) else f"{type(error).__name__}: {error}"


def plain(text: str) -> str:
    """Help without its frame and line ends."""
    return re.sub(r"[│╭╮╰╯─\s]+", " ", text)


def test_flags_left_out_leave_the_file_s_value(odd: Callable[..., dict[str, Any]]) -> None:
    assert odd() == {}


@pytest.mark.parametrize(
    ("flags", "value"),
    [
        (["--lr", "1e-3"], {"lr": 1e-3}),
        (["--betas", "0.5", "0.999"], {"betas": (0.5, 0.999)}),
        (["--mode", "very-hard"], {"mode": "very-hard"}),
        (["--factor", "4"], {"factor": 4}),
        (["--sharp"], {"sharp": True}),
        (["--no-sharp"], {"sharp": False}),
        (["--label", "a b"], {"label": "a b"}),
        (["--place", "x/y"], {"place": Path("x/y")}),
        (["--ratio", "0"], {"ratio": 0.0}),
        (["--no-flip", "--batch-size", "2"], {"flip": False, "batch_size": 2}),
        (["--device", "cpu", "--out", "o"], {"device": "cpu", "out": Path("o")}),
    ],
)
def test_flags_of_every_type(odd: Callable[..., dict[str, Any]], flags: list[str], value: dict[str, Any]) -> None:
    assert odd(*flags) == value
    settings, options, _ = layers(registry().model("odd"), Odd, {"must": 1, **value}, None)
    for name, wanted in value.items():
        assert getattr(options if hasattr(options, name) else settings, name) == wanted


def test_help_shows_every_option_with_its_default(odd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("odd", "cyclegan"):
        cls = load_class(registry().model(name))
        shown = plain(CliRunner().invoke(cli.make_app(), ["train", name, "--help"], env={"COLUMNS": "200"}).output)
        for field in [*describe(cls.Options), *describe(Settings)]:
            assert field.flag in shown
            assert field.help.split(".")[0][:40] in shown
    help = CliRunner().invoke(cli.make_app(), ["train", "odd", "--help"], env={"COLUMNS": "200"}).output
    assert "A number that must be given. (must be given, at least 1)" in plain(help)
    assert "Label. (choose cat, dog)" in plain(help)
    assert "Learning rate of all networks. (default 0.0002, at least 0)" in shown
    assert "Adam's decay rates. (default 0.5 0.999, at least 0, at most 1)" in shown
    assert "(default 200, at least 1)" in shown  # the model's own default of --epochs
    assert "https://arxiv.org/abs/1703.10593" in shown


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--lrr", "3"], "--lr"),
        (["--lr", "abc"], "Invalid value for '--lr'"),
        (["--mode", "loud"], "'loud' is not one of 'soft', 'very-hard'"),
        (["--betas", "0.5"], "requires 2 arguments"),
        (["--device", "tpu"], "'tpu' is not one of 'auto', 'cpu', 'cuda', 'mps'"),
    ],
)
def test_bad_flags_are_refused(odd: Any, flags: list[str], said: str) -> None:
    assert said in plain(invoke("train", "odd", "data", *flags))


def test_an_unknown_model_and_no_data_are_answered() -> None:
    text = invoke("train", "cyclgan", "data")
    assert text.startswith('LookupError: there is no model "cyclgan"; did you mean "cyclegan"? Installed: ')
    assert invoke("train", "cyclegan") == (
        "ValueError: say what cyclegan should learn from: i2i train cyclegan FOLDER, or a name of: i2i data list"
    )
    assert "cyclegan" in invoke("train")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lr": -1.0}, "--lr is -1.0; give a number of at least 0"),
        ({"betas": (0.5, 2.0)}, "--betas is 2.0; give a number from 0 to 1"),
        ({"steps": 0}, "--steps is 0; give a number of at least 1"),
        ({"checkpoint_every": "soon"}, "--checkpoint-every is 'soon'; give steps (500) or a time (30s, 5m, 8h)"),
        ({"time_limit": "500"}, "--time-limit is 500; give a time with its unit, such as 8h"),
        ({"rotate": True, "image_width": 512}, "--rotate needs squares, and the size is 512x256; use --no-rotate"),
        ({"resize": 100}, "--resize 100 is smaller than --image-size 256; use --resize 256 or more"),
    ],
)
def test_bad_values_say_what_is_allowed(given: dict[str, Any], said: str) -> None:
    card = registry().model("cyclegan")
    with pytest.raises(ValueError, match="--") as caught:
        layers(card, load_class(card), given, None)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lr = -1", "--lr is -1.0; give a number of at least 0"),
        ("lr = 'fast'", "--lr is 'fast'; give a number"),
        ("image_size = 'big'", "--image-size is 'big'; give a whole number"),
        ("image_size = true", "--image-size is True; give a whole number"),
        ("betas = [0.5]", "--betas has 1 values; give 2"),
        ("gan = 'wgan'", "--gan is 'wgan'; choose lsgan or vanilla or hinge or wgan-gp"),
        ("learning_rate = 1", 'unknown option "learning_rate"'),
        ("cycle_weight = 1", 'unknown option "cycle_weight"; did you mean "cycle_weight_b"?'),
        ("[model]\nlr = 1", None),
        ("model = 'pix2pix'", None),
        ("lr = = 1", None),
    ],
)
def test_bad_files_are_named(tmp_path: Path, text: str, said: str | None) -> None:
    config = tmp_path / "run.toml"
    config.write_text(text)
    card = registry().model("cyclegan")
    for given in ({}, {"seed": 3}):  # with flags as well the file is still the one to blame
        with pytest.raises((ValueError, LookupError)) as caught:
            layers(card, load_class(card), given, config)
        assert not isinstance(caught.value, KeyError)
        assert str(config) in str(caught.value)
        if said is not None:
            assert str(caught.value) == f"{config}: {said}"


def test_layers_default_then_model_then_file_then_flag(tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text('model = "cyclegan"\ndata = "x"\nlr = 0.5\nblocks = 6\nseed = 4\nepochs = 7\n')
    card = registry().model("cyclegan")
    settings, options, _ = layers(card, load_class(card), {"blocks": 3, "seed": 9}, config)
    assert (options.lr, options.blocks) == (0.5, 3)  # type: ignore[attr-defined]
    assert (settings.seed, settings.epochs, settings.resize) == (9, 7, 286)
    assert settings.crop == Settings().crop
    assert settings.batch_size == 1


@pytest.mark.parametrize(
    ("given", "resize"),
    [
        ({}, 286),
        ({"image_size": 128}, 143),
        ({"image_size": 100}, 112),
        ({"image_size": 128, "resize": 130}, 130),
        ({"crop": "none"}, None),
        ({"crop": "center", "image_size": 64}, None),
        ({"crop": "random", "image_size": 64}, 72),
    ],
)
def test_the_margin_for_crops_scales_with_the_image(given: dict[str, Any], resize: int | None) -> None:
    card = registry().model("cyclegan")
    assert layers(card, load_class(card), given, None)[0].resize == resize


def test_a_margin_without_a_size_of_its_own(odd: Any) -> None:
    card = registry().model("odd")
    assert layers(card, Odd, {"must": 1, "image_size": 128, "resize": 200}, None)[0].resize == 200
    assert layers(card, Odd, {"must": 1, "image_size": 128}, None)[0].resize == 150  # 300 for 256, the run's default
    with pytest.raises(ValueError, match="--must must be given"):
        layers(card, Odd, {"resize": 300}, None)


class Adding(Odd):
    """A model some of whose values add to what is below them."""

    @dataclass(frozen=True, kw_only=True)
    class Options(Odd.Options):
        label: str | None = i2i.option("a", help="Labels.")

        @classmethod
        def over(cls, name: str, value: Any, below: Any) -> Any:
            return below + value[1:] if name == "label" and value.startswith("+") else value

    small = {"label": "s", "must": 1}  # noqa: RUF012


@pytest.mark.parametrize(
    ("file", "flags", "label"),
    [
        ("", {}, "a"),
        ("", {"label": "+b"}, "ab"),
        ("label = '+c'", {}, "ac"),
        ("label = 'c'", {"label": "+b"}, "cb"),
        ("label = '+c'", {"label": "b"}, "b"),
        ("small = true", {"label": "+b"}, "sb"),
    ],
)
def test_a_value_may_add_to_the_layer_below(odd: Any, tmp_path: Path, file: str, flags: Any, label: str) -> None:
    config = tmp_path / "run.toml"
    config.write_text(f"must = 1\n{file}\n")
    _, options, _ = layers(registry().model("odd"), Adding, flags, config)
    assert options.label == label  # type: ignore[attr-defined]


def test_the_small_setting_is_under_file_and_flags(odd: Any, tmp_path: Path) -> None:
    card, config = registry().model("odd"), tmp_path / "run.toml"
    settings, options, _ = layers(card, Narrow, {"small": True}, None)
    assert (settings.image_size, settings.epochs, settings.batch_size) == (64, 3, 3)
    assert (options.must, options.lr) == (2, 0.2)  # type: ignore[attr-defined]
    assert settings.resize == 75  # the margin for crops is a ratio here, too
    config.write_text("small = true\nlr = 0.3\nimage_size = 32\nepochs = 9\n")
    settings, options, _ = layers(card, Narrow, {"image_size": 16, "must": 5}, config)
    assert (settings.image_size, settings.epochs) == (16, 9)
    assert (options.must, options.lr) == (5, 0.3)  # type: ignore[attr-defined]
    settings, options, _ = layers(card, Narrow, {"small": False, "must": 5}, config)  # the flag is --no-small
    assert (settings.image_size, options.lr) == (32, 0.3)  # type: ignore[attr-defined]


def test_a_model_without_a_small_setting_says_so(odd: Any) -> None:
    with pytest.raises(ValueError, match=r"odd has no small setting; leave --small out\. Its options: i2i models odd"):
        layers(registry().model("odd"), Odd, {"must": 1, "small": True}, None)


SMALL = ["--steps", "3", "--image-size", "8", "--device", "cpu", "--precision", "fp32", "--workers", "0", "--quiet"]


def test_a_dry_run_writes_nothing(toys: Any, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    before = sorted(pairs.rglob("*"))
    result = CliRunner().invoke(cli.make_app(), ["train", "toy", str(pairs), *SMALL, "--lr", "0.5", "--dry-run"])
    assert result.exit_code == 0, result.output
    config = tomllib.loads(result.stdout)
    assert (config["model"], config["lr"], config["steps"], config["resize"]) == ("toy", 0.5, 3, 10)
    assert re.search(r"^# [\d,]+ weights; 3 steps, \d", result.stdout, re.MULTILINE)
    assert list(work.iterdir()) == []
    assert sorted(pairs.rglob("*")) == before


def test_train_then_resume(toys: Any, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = cli.make_app()
    trained = CliRunner().invoke(app, ["train", "toy", str(pairs), *SMALL, "--name", "fox"])
    assert trained.exit_code == 0, trained.output
    assert trained.stdout.split() == ["runs/fox"]
    state = json.loads(Path("runs/fox/run.json").read_text())
    assert (state["state"], state["step"]) == ("finished", 3)
    assert i2i.load("runs/fox").manifest.step == 3  # type: ignore[union-attr]

    assert "runs/fox is there already; go on with: i2i resume runs/fox" in invoke(
        "train", "toy", pairs, *SMALL, "--name", "fox"
    )
    shutil.copytree("runs/fox", "runs/a fox")
    assert "it further: i2i resume 'runs/a fox' --steps 4" in invoke("resume", "runs/a fox")
    assert "is there already; go on with: i2i resume 'runs/a fox', or" in invoke(
        "train", "toy", pairs, *SMALL, "--name", "a fox"
    )
    assert "runs/fox is finished: it has done its 3 steps; to train it further: i2i resume runs/fox" in invoke(
        "resume", "runs/fox"
    )
    assert "--steps 2 is not beyond the 3 steps done" in invoke("resume", "runs/fox", "--steps", "2")
    further = CliRunner().invoke(app, ["resume", "runs/fox", "--steps", "5", "--quiet"])
    assert further.exit_code == 0, further.output
    assert further.stdout.split() == ["runs/fox"]
    assert json.loads(Path("runs/fox/run.json").read_text())["step"] == 5

    again = CliRunner().invoke(app, ["train", "toy", str(pairs), "--config", "runs/fox/config.toml", "--dry-run"])
    assert again.exit_code == 0, again.output
    assert tomllib.loads(again.stdout) == tomllib.loads(Path("runs/fox/config.toml").read_text())
