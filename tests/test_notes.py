"""What i2i and plugins warn of is a plain line for users, and kept by a run; what others warn of stays as it was."""

from __future__ import annotations

import types
import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from i2i import cli, log, notes
from i2i.picture import Picture
from i2i.plugins import registry
from i2i.translation import to_pillow

SWIRL = """
import ctypes
import warnings

import i2i

@i2i.hookimpl
def step_finished(progress):
    tell(f"step {progress.run_step} is odd") if progress.run_step % 2 else None

def tell(text):
    warnings.warn(text, stacklevel=3)

def touch():
    ctypes.pythonapi.PyErr_WarnEx(ctypes.py_object(UserWarning), b"of compiled code", 1)
"""


def module(name: str) -> types.ModuleType:
    made = types.ModuleType(name)
    exec(SWIRL, made.__dict__)
    return made


@pytest.fixture
def swirl() -> Iterator[types.ModuleType]:
    """A plugin that warns."""
    made = module("i2i_swirl")
    registry().manager.register(made)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        yield made
    registry().manager.unregister(made)


def test_a_plugin_s_warning_is_a_note_told_once(swirl, capsys):
    with notes.plain():
        for text in ("the word blue is new", "the word blue is new", "so is red"):
            swirl.tell(text)
    assert capsys.readouterr() == ("", "Note: the word blue is new\nNote: so is red\n")


def test_i2i_s_own_warning_is_a_note(capsys):
    with warnings.catch_warnings(), notes.plain():
        warnings.simplefilter("always")
        to_pillow(Picture(np.zeros((2, 2, 3), np.uint16)))
    assert capsys.readouterr().err.startswith("Note: Pillow holds 16 bits only in gray")


def test_what_others_warn_of_stays(swirl, monkeypatch):
    usual = []
    monkeypatch.setattr(warnings, "showwarning", lambda warning, *where: usual.append(str(warning)))
    with notes.plain():
        module("torchlike").tell("of a library")
        swirl.touch()  # torch's compiled code warns in the name of who called it
        swirl.tell("of the plugin")
    assert usual == ["of a library", "of compiled code"]


def test_afterwards_all_is_as_before(swirl):
    usual = warnings.showwarning
    with notes.plain():
        assert warnings.showwarning is not usual
    assert warnings.showwarning is usual


def test_a_run_s_log_keeps_them(swirl, tmp_path, capsys):
    diary = log.RunLog(tmp_path, steps=1, batch_size=1, steps_per_epoch=1, quiet=True)
    with notes.plain():
        with notes.kept_in(diary):
            swirl.tell("kept")
        diary.close()
        with notes.kept_in(None):
            swirl.tell("printed alone")
    assert [(line["event"], line["text"]) for line in log.read(tmp_path)] == [("warning", "Note: kept")]
    assert capsys.readouterr().err == "Note: kept\nNote: printed alone\n"


def test_training_by_the_command_keeps_them_among_its_warnings(swirl, toys, pairs, tmp_path, capsys):
    command = (
        f"train toy {pairs} --steps 2 --log-every 1 --workers 0 --device cpu --name noisy --quiet --out {tmp_path}"
    )
    with pytest.raises(SystemExit) as ended:
        cli.main(command.split())
    assert ended.value.code == 0
    kept = [line["text"] for line in log.read(tmp_path / "noisy") if line["event"] == "warning"]
    assert kept == ["Note: step 1 is odd"]
    captured = capsys.readouterr()
    assert captured.out == f"{tmp_path / 'noisy'}\n"
    assert captured.err.count("Note: step 1 is odd\n") == 1
    assert "test_notes" not in captured.err


def test_only_the_first_of_several_processes_speaks(swirl, capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    with notes.plain():
        swirl.tell("said by the first")
    assert capsys.readouterr().err == ""
