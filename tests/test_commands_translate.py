"""`i2i translate` from its arguments to its exit code."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from i2i.cli import exit_code, message
from i2i.commands.translate import register


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filters) -> Path:
    """A run in runs/fox and photos/ with two pictures, one of them broken."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)).save(tmp_path / "photos/a.png")
    (tmp_path / "photos/b.jpg").write_bytes(b"<html>")
    filters.keep(tmp_path / "runs/fox")
    return tmp_path


def translate(*arguments: str) -> SimpleNamespace:
    """Run the command as `i2i` does: code, stdout, and stderr with the error's sentence."""
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    result = CliRunner().invoke(app, ["translate", *arguments])
    if isinstance(result.exception, Exception) and not isinstance(result.exception, SystemExit):
        code = exit_code(result.exception)
        if code is None:
            raise result.exception
        return SimpleNamespace(code=code, out=result.stdout, err=message(result.exception))
    return SimpleNamespace(code=result.exit_code, out=result.stdout, err=result.stderr)


def test_to_alone_finds_the_model_and_results_lie_beside(here):
    done = translate("--to", "winter", "photos/")
    assert done.code == 1
    assert done.out.startswith("Wrote 1 of 2 pictures to photos-winter/ in ")
    assert "(1 failed: photos/b.jpg is a web page (HTML), not a picture)." in done.out
    assert "Translating to winter with runs/fox (step 300)" in done.err
    with Image.open("photos-winter/a.png") as made, Image.open("photos/a.png") as source:
        assert (np.asarray(made) == 255 - np.asarray(source)).all()


def test_the_models_own_flags_stand_anywhere(here):
    done = translate("--strength", "0", "photos/a.png", "--to", "winter", "--json", "--out", "out", "--quiet")
    told = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert (told["written"], told["failed"], told["out"], told["model"]) == (1, [], "out", "runs/fox")
    with Image.open("out/a.png") as made, Image.open("photos/a.png") as source:
        assert (np.asarray(made) == np.asarray(source)).all()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--to winter phtos", 'There is no file or folder phtos; did you mean "photos"?'),
        ("--to winter", "No pictures named; give files or folders"),
        ("photos", "This model translates to summer, winter; say which with --to summer"),
        ("--to winter photos --strenth 0", 'There is no flag --strenth; did you mean "--strength"?'),
        ("--to winter photos --overwite", 'There is no flag --overwite; did you mean "--overwrite"?'),
        ("--modl runs/x --to spring photos", 'There is no flag --modl; did you mean "--model"?'),
        ("--to winter photos --strength 3", "--strength is 3; give at most 1"),
        ("--to winter photos --out photos/new", "--out photos/new lies inside the input photos"),
        ("--to winter photos --format jpgg", 'There is no picture format "jpgg"; did you mean "jpg"?'),
        ("--to winter photos --range 9", "--range is '9'; give the lowest and the highest value, such as 0-4095"),
        ("--model fx --to winter photos", 'There is no run, bundle or model "fx"; did you mean "fox"?'),
        ("--model fox --to wintr photos", 'There is no target "wintr"; did you mean "winter"? This model'),
        ("--to wintr photos", 'did you mean "winter"?'),
        ("--model photos --to winter photos", "photos is neither a bundle nor a run"),
    ],
)
def test_wrong_usage_is_one_sentence_and_writes_nothing(here, arguments, expected):
    done = translate(*arguments.split())
    assert done.code == 2
    assert expected in done.err
    assert not Path("photos-winter").exists()
    assert len(done.err.splitlines()) <= 6


def test_several_models(here, filters):
    filters.keep(here / "runs/owl")
    done = translate("--to", "winter", "photos")
    assert done.code == 2
    assert done.err.startswith("2 models translate to winter; choose one with --model:")
    assert translate("--to", "winter", "--model", "owl", "photos/a.png").code == 0


def test_a_model_of_one_target_needs_no_to(here, filters):
    filters.keep(here / "one", domains=("winter",))
    assert translate("--model", "one", "photos/a.png").code == 0
    assert Path("photos/a-winter.png").exists()


def test_what_draws_is_neither_offered_nor_taken(here, filters):
    shutil.rmtree("runs/fox")
    filters.keep(here / "runs/a gan", filters.Suits, domains=("day", "winter"), channels={"image": 3})
    done = translate("--model", "runs/a gan", "photos/a.png")
    assert (done.code, done.err) == (2, "runs/a gan draws pictures and takes none; use: i2i sample 'runs/a gan'")
    done = translate("--to", "winter", "photos/a.png")
    assert (done.code, done.err.partition(" (")[0]) == (2, "No model translates to winter")
    assert "gan" not in done.err.partition("Train one with")[0]
    done = translate("photos/a.png")
    assert (done.code, done.err.partition(" (")[0]) == (2, "No model that translates is here")


def test_a_second_run_of_the_same_command(here):
    assert translate("--to", "winter", "photos/a.png").code == 0
    again = translate("--to", "winter", "photos/a.png", "photos/a-winter.png")
    assert again.code == 0
    assert "Wrote 0 of 2 pictures" in again.out
    assert "2 skipped: already there" in again.out


def test_help_shows_the_models_flags(here):
    shown = translate("--model", "fox", "--help")
    assert shown.code == 0
    assert "--image-size" in shown.out
    assert "Flags of the model fox" in shown.out or "Flags of the model runs/fox" in shown.out
    assert "--strength number" in shown.out
    assert "INPUT" in translate().out


def test_wrong_usage_is_answered_without_torch(here):
    code = (
        "import sys\n"
        "from i2i import library\n"
        "from i2i.commands import translate\n"
        "from i2i.request import How\n"
        "found = library.find(None, 'winter')\n"
        "try:\n"
        "    translate.work(found, ['phtos'], None, {'to': 'winter'}, How(), 'auto', True)\n"
        "except ValueError as error:\n"
        "    print(error)\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ['there is no file or folder phtos; did you mean "photos"?', "False"]
