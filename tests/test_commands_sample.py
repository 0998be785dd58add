"""`i2i sample` from its arguments to its exit."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import PIL.Image
import pytest
from typer.testing import CliRunner

from i2i.cli import exit_code, make_app, message


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filters) -> Path:
    """A run of a model that draws, in runs/dots, and one that translates, in runs/fox."""
    monkeypatch.chdir(tmp_path)
    filters.keep(tmp_path / "runs/dots", filters.Dots, domains=(), channels={"image": 3})
    filters.keep(tmp_path / "runs/fox")
    return tmp_path


def sample(*arguments: str) -> tuple[int, str]:
    """Exit code, and what was printed or the error's sentence."""
    result = CliRunner().invoke(make_app(), ["sample", *arguments])
    if isinstance(result.exception, Exception) and not isinstance(result.exception, SystemExit):
        code = exit_code(result.exception)
        if code is None:
            raise result.exception
        return code, message(result.exception)
    return result.exit_code, result.output


def test_pictures_lie_in_a_folder_of_their_own(here):
    code, said = sample("runs/dots", "-n", "3", "--seed", "7")
    assert code == 0
    assert "Drawing 3 pictures with runs/dots (step 300)" in said
    assert "Wrote 3 pictures and dots-samples/sheet.png" in said
    names = sorted(path.name for path in Path("dots-samples").iterdir())
    assert names == ["seed-000007.png", "seed-000008.png", "seed-000009.png", "sheet.png"]
    code, said = sample("dots", "-n", "1")  # by name; the second time beside the first
    assert (code, "Drawing 1 picture with" in said) == (0, True)
    assert Path("dots-samples-2/seed-000000.png").exists()


def test_for_programs_and_with_the_model_s_own_flags(here):
    code, said = sample("dots", "-n", "1", "--light", "0.5", "--json", "--quiet", "--out", "x", "--format", "webp")
    assert code == 0
    assert json.loads(said) == {"model": "runs/dots", "files": ["x/seed-000000.webp", "x/sheet.png"]}


def test_help_shows_the_model_s_flags(here):
    code, said = sample("dots", "--help")
    assert code == 0
    assert "--light number  What is added. Default: 0.0." in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("fox", "runs/fox makes pictures of pictures; use: i2i translate --model runs/fox photos/"),
        ("dots --ligt 3", 'There is no flag --ligt; did you mean "--light"'),
        ("dots --to cat", 'There is no target "cat"; this model has one kind of result: leave --to out'),
        ("dots fox", "One model at a time; beside dots there is fox"),
        ("--light 3 dots", "Name the model before its flags: i2i sample RUN --light ..."),
        ("dots --format pgn", 'There is no picture format "pgn"; did you mean "png"'),
        ("gone", 'There is no run, bundle or model "gone"; here are:\n  runs/dots: dots, step 300, draws pictures'),
        ("dots --seed -1", "--seed is -1; give at least 0"),
    ],
)
def test_what_cannot_be_is_said(here, arguments, said):
    code, text = sample(*arguments.split())
    assert code == 2
    assert said in text
    assert not list(here.glob("*-samples"))


@pytest.mark.parametrize("way", [(), ("--like", "photo.png")])
def test_a_place_that_takes_no_pictures_is_said_before_drawing(here, way):
    for out in ("photo.png", "photo.png/in"):
        PIL.Image.new("RGB", (4, 4)).save("photo.png")
        code, text = sample("dots", "--out", out, *way)
        assert (code, text) == (1, f"pictures cannot be kept in {out} (Not a directory); choose a place with --out")
    code, text = sample("dots", "--out", "new/deep", "--format", "pgn")
    assert (code, Path("new").exists()) == (2, False)


def test_classes_are_named_or_drawn(here, filters):
    filters.keep(here / "runs/suits", filters.Suits, domains=("0", "7"), channels={"image": 3})
    code, said = sample("suits", "--to", "7", "-n", "2", "--json", "--quiet")
    assert code == 0
    assert json.loads(said)["files"][-1] == "suits-samples/sheet.png"
    code, said = sample("suits", "-n", "2")
    assert (code, "Drawing 2 pictures with" in said) == (0, True)
    code, said = sample("suits", "--steps", "3")
    assert (code, "Drawing 3 pictures with" in said) == (0, True)
    assert "Wrote 3 pictures and suits-samples-3/strip.png" in said
    code, said = sample("suits", "--to", "8")
    assert (code, 'There is no class "8"; this model draws 0, 7' in said) == (2, True)


def test_a_picture_is_searched_for_and_drawn_again(here, filters):
    filters.keep(here / "runs/colours", filters.Colours, domains=(), channels={"image": 3}, image_size=(4, 8))
    PIL.Image.new("RGB", (20, 10), (51, 51, 51)).save("photo.png")
    code, said = sample("colours", "--like", "photo.png", "--seed", "3", "--out", "x")
    assert code == 0
    assert "step 60/60" in said
    assert "Wrote x/found.png and x/strip.png (60 steps, distance " in said
    assert "Draw of it again: i2i sample runs/colours --latent x/latent.npy --seed 3" in said
    code, said = sample("colours", "--latent", "x/latent.npy", "--seed", "3", "--json", "--quiet")
    assert json.loads(said)["files"] == ["colours-samples/seed-000003.png", "colours-samples/sheet.png"]
    assert Path("colours-samples/seed-000003.png").read_bytes() == Path("x/found.png").read_bytes()
    code, said = sample("colours", "--like", "photo.png", "--out", "a b", "--search-steps", "1")
    assert said.endswith("Draw of it again: i2i sample runs/colours --latent 'a b/latent.npy'\n")
    _, said = sample("colours", "--like", "photo.png", "--out", "y", "--light", "0.25", "--format", "webp", "--quiet")
    again = shlex.split(said.partition("Draw of it again: i2i sample ")[2])
    assert again == ["runs/colours", "--latent", "y/latent.npy", "--light", "0.25", "--format", "webp"]
    sample(*again, "--out", "z")
    assert Path("z/seed-000000.webp").read_bytes() == Path("y/found.webp").read_bytes()
    code, said = sample("colours", "--like", "photo.png", "--out", "x")
    assert (code, "is there already; give another folder with --out" in said) == (2, True)


def test_a_search_that_is_stopped_leaves_what_it_found(here, filters):
    filters.keep(here / "runs/colours", filters.Colours, domains=(), channels={"image": 3}, image_size=(4, 8))
    PIL.Image.new("RGB", (20, 10), (51, 51, 51)).save("photo.png")
    code, said = sample("colours", "--like", "photo.png", "--interrupted", "3", "--quiet")
    assert code == 130
    assert "(stopped at step 3 of 60, distance " in said
    assert Path("colours-samples/latent.npy").exists()
    code, said = sample("colours", "--like", "photo.png", "--json", "--quiet", "--search-steps", "2", "--out", "y")
    assert json.loads(said) | {"distance": 0} == {
        "model": "runs/colours",
        "files": ["y/found.png", "y/latent.npy", "y/strip.png"],
        "distance": 0,
        "step": 2,
        "stopped": False,
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("dots --like photo.png", "This model cannot search for a picture, only draw; leave --like out"),
        ("dots --latent latent.npy", "This model draws of no latent that a file could hold; leave --latent out"),
        ("dots --stroke edit.png", "--stroke edit.png edits a picture; name that with --like"),
        ("dots --like a.png --latent b.npy", "--like searches for a latent and --latent draws of one; give one of"),
        ("fox --like photo.png", "runs/fox makes pictures of pictures; use: i2i translate --model runs/fox photos/"),
        ("dots --like gone.png", "gone.png"),
    ],
)
def test_searches_that_cannot_be_are_said(here, arguments, said):
    PIL.Image.new("RGB", (20, 10)).save("photo.png")
    code, text = sample(*arguments.split())
    assert code == 2
    assert said in text
    assert not list(here.glob("*-samples"))
