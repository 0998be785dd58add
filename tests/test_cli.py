"""The `i2i` command: exit codes, sentences instead of tracebacks, commands of plugins."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import i2i
from i2i import cli
from i2i.errors import BadBundle, Stopped
from i2i.plugins import registry


@pytest.fixture
def plugin() -> Iterator[Callable[..., None]]:
    """Register a plugin whose commands() hook is the function given."""
    registered = []

    def add(function: Callable[[typer.Typer], None]) -> None:
        class Plugin:
            @staticmethod
            @i2i.hookimpl
            def commands(app: typer.Typer) -> None:
                function(app)

        registry().manager.register(Plugin, name=f"commands_of_tests_{len(registered)}")
        registered.append(Plugin)

    yield add
    for each in registered:
        registry().manager.unregister(each)


@pytest.fixture
def failing(plugin: Callable[..., None]) -> Callable[[BaseException], None]:
    """Add a command `fail` that raises an error."""

    def add(error: BaseException) -> None:
        def commands(app: typer.Typer) -> None:
            @app.command("fail")
            def fail() -> None:
                raise error

        plugin(commands)

    return add


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(list(arguments))
    return int(caught.value.code or 0)


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"i2i {i2i.__version__}\n"


def test_python_m_i2i() -> None:
    done = subprocess.run([sys.executable, "-m", "i2i", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"i2i {i2i.__version__}\n", "")


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(cli.make_app(), ["--help"])
    assert shown.exit_code == 0
    assert all(f" {name} " in shown.output for name in cli.COMMANDS)
    assert "add --debug" in shown.output


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ValueError("--lr is -1; give at least 0"), 2, "--lr is -1; give at least 0"),
        (LookupError('there is no model "x"'), 2, 'There is no model "x"'),
        (BadBundle("fox is not a bundle"), 2, "fox is not a bundle"),
        (OSError(errno.ENOSPC, "No space left on device", "runs/fox"), 1, "No space left on device: runs/fox"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "No space left on device"),
        (FileExistsError("b is there already"), 1, "b is there already"),
        (Stopped("g became nan at step 3"), 1, "g became nan at step 3"),
    ],
)
def test_errors_are_sentences(
    failing: Callable[..., None], capsys: pytest.CaptureFixture[str], error: Exception, code: int, said: str
) -> None:
    failing(error)
    assert run("fail") == code
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", said + "\n")


@pytest.mark.parametrize(
    "error", [KeyError("a"), IndexError("x"), TypeError("y"), RuntimeError("z"), AssertionError(), UnicodeError("u")]
)
def test_faults_keep_their_traceback(
    failing: Callable[..., None], capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    failing(error)
    assert run("fail") == 1
    shown = capsys.readouterr().err
    assert "Traceback (most recent call last)" in shown
    assert type(error).__name__ in shown
    assert shown.endswith("This is a fault in i2i or a plugin, not yours: please report it with the lines above.\n")


def test_debug_shows_the_traceback(failing: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    failing(ValueError("no good"))
    for arguments in (("--debug", "fail"), ("fail", "--debug")):
        assert run(*arguments) == 2
        shown = capsys.readouterr().err
        assert "Traceback (most recent call last)" in shown
        assert shown.endswith("\nNo good\n")


def test_only_the_first_of_several_processes_speaks(
    failing: Callable[..., None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(ValueError("no good"))
    monkeypatch.setenv("RANK", "1")
    assert run("fail") == 2
    assert capsys.readouterr().err == ""


def test_ctrl_c_is_130(failing: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    failing(KeyboardInterrupt())
    assert run("fail") == 130

    def interrupted() -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "make_app", interrupted)
    assert run("--help") == 130


def test_wrong_usage_is_2_and_suggests(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        (["tarin"], "Did you mean 'train'?"),
        (["modles"], "Did you mean 'models'?"),
        (["--bogus"], "--bogus"),
        (["resume"], "Missing argument"),
        (["resume", "x", "--stepz", "3"], "--steps"),
        (["models", "cyclgan"], 'There is no model "cyclgan"; did you mean "cyclegan"? Installed: '),
        (["resume", "nope"], "nope is not a run: it holds no run.json; i2i runs lists the runs here"),
    ):
        assert run(*arguments) == 2
        shown = capsys.readouterr().err
        assert said in shown
        assert "Traceback" not in shown


def test_nothing_asked_is_answered_with_help() -> None:
    assert "Usage: i2i" in CliRunner().invoke(cli.make_app(), []).output


def test_plugins_add_commands_and_groups(plugin: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    def commands(app: typer.Typer) -> None:
        @app.command()
        def swirl_all() -> None:
            print("swirled")

        group = typer.Typer()
        group.command("cat")(lambda: print("meow"))
        group.callback()(lambda: None)
        app.add_typer(group, name="zoo")

    plugin(commands)
    assert run("swirl-all") == 0
    assert run("zoo", "cat") == 0
    assert capsys.readouterr().out == "swirled\nmeow\n"


@pytest.mark.parametrize("taken", ["train", "data"])
def test_a_plugin_cannot_take_a_command_s_name(
    plugin: Callable[..., None], capsys: pytest.CaptureFixture[str], taken: str
) -> None:
    def commands(app: typer.Typer) -> None:
        app.command(taken)(lambda: print("stolen"))

    plugin(commands)
    assert run(taken, "--help") == 0
    captured = capsys.readouterr()
    assert "stolen" not in captured.out
    assert f"are missing: there is a command {taken} already" in captured.err


@pytest.mark.parametrize("error", [RuntimeError("broken"), SystemExit(3)])
def test_commands_that_fail_to_register_break_nothing(
    plugin: Callable[..., None], capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    def commands(app: typer.Typer) -> None:
        raise error

    plugin(commands)
    assert run("models") == 0
    captured = capsys.readouterr()
    assert "cyclegan" in captured.out
    assert f"The commands of plugin commands_of_tests_0 are missing: {type(error).__name__}: {error}" in captured.err


def test_a_name_that_the_terminal_cannot_show_ends_nothing(tmp_path):
    folder = tmp_path / "\u96ea"
    folder.mkdir()
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "i2i", "data", "check", str(folder)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 2
    assert "No pictures in" in done.stderr
    assert "\\u96ea" in done.stderr
    assert "Traceback" not in done.stderr
