"""Finding a model by path, by name, or by where it translates to."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

import i2i
from i2i import library, places
from i2i.plugins import load_class, registry


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filters) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_only_model_that_translates_there_is_found(here, filters):
    filters.keep(Path("runs/one"))
    filters.keep(Path("runs/two"), domains=("horse", "zebra"))
    (here / "runs/broken").mkdir()
    (here / "runs/.hidden").mkdir()
    (here / "runs/torn/checkpoints/last").mkdir(parents=True)
    (here / "runs/torn/checkpoints/last/bundle.json").write_text("{")
    found = library.find(None, "winter")
    assert (found.name, found.path, found.manifest.step) == ("one", Path("runs/one"), 300)
    assert library.find(None, "zebra").name == "two"
    assert library.find("two", None).path == Path("runs/two")


def test_every_shelf_is_searched(here, filters, monkeypatch):
    filters.keep(here / "shelf/a", domains=("x", "red"))
    filters.keep(here / "single", domains=("x", "green"))
    filters.keep(places.models() / "c", domains=("x", "blue"))
    monkeypatch.setenv("I2I_MODELS", os.pathsep.join([str(here / "shelf"), str(here / "single"), str(here / "none")]))
    assert library.find(None, "red").name == "a"
    assert library.find(None, "green").name == "single"
    assert library.find(None, "blue").name == "c"
    assert library.find("c", None).path == places.models() / "c"


def test_a_path_wins_and_may_be_a_bundle(here, filters):
    filters.keep(Path("elsewhere/one"))
    assert library.find("elsewhere/one", "winter").bundle == Path("elsewhere/one/checkpoints/last")
    assert library.find("elsewhere/one/checkpoints/last", None).manifest.model == "invert"


def test_several_say_how_to_choose(here, filters):
    for number in range(5):
        filters.keep(Path(f"runs/r{number}"), step=number * 1000)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        library.find(None, "winter")
    lines = str(caught.value).splitlines()
    assert lines[0] == "5 models translate to winter; choose one with --model:"
    assert lines[2] == "  runs/r1: invert, step 1,000, translates to summer, winter"
    assert lines[-1] == "For example: i2i translate --model runs/r0 --to winter photos/"
    assert len(lines) <= 6
    with pytest.raises(ValueError, match='5 models are called "invert"; give the path of one'):
        library.find("invert", "winter")


def draw(filters, name, cls=None, **spec):
    return filters.keep(Path("runs", name), cls or filters.Dots, **{"domains": (), "channels": {"image": 3}} | spec)


def test_models_that_draw_are_told_from_those_that_translate(here, filters):
    draw(filters, "dots")
    draw(filters, "suits", filters.Suits, domains=("0", "7"))
    filters.keep(Path("runs/fox"))
    lines = {found.name: found.line() for found in library.models()}
    assert lines["dots"] == "runs/dots: dots, step 300, draws pictures"
    assert lines["suits"] == "runs/suits: suits, step 300, draws 0, 7"
    assert lines["fox"] == "runs/fox: invert, step 300, translates to summer, winter"
    assert library.find(None, None).name == "fox"
    with pytest.raises(LookupError, match="no model translates to 7"):
        library.find(None, "7")
    for draws, offered in ((True, {"dots", "suits"}), (False, {"fox"}), (None, {"dots", "suits", "fox"})):
        with pytest.raises(LookupError, match='no run, bundle or model "gone"; here are:') as caught:
            library.find("gone", None, draws)
        assert {name for name in lines if f"runs/{name}: " in str(caught.value)} == offered
    with pytest.raises(ValueError, match=r"^runs/dots draws pictures and takes none; use: i2i sample runs/dots$"):
        library.find("dots", None, draws=False)
    with pytest.raises(ValueError, match=r"^runs/fox makes pictures of pictures; use: i2i translate --model runs/fox "):
        library.find("fox", None, draws=True)
    shutil.rmtree("runs/fox")
    with pytest.raises(LookupError, match='"gone"; there are none that translate in runs, '):
        library.find("gone", None, draws=False)


def test_a_bundle_that_does_not_say_what_it_takes_is_asked_by_its_model(here, filters):
    path = draw(filters, "dots") / "checkpoints/last/bundle.json"
    facts = json.loads(path.read_text())
    assert facts.pop("inputs") == []
    path.write_text(json.dumps(facts))
    filters.keep(Path("runs/fox"))
    assert {found.name: (found.manifest.inputs, found.draws) for found in library.models()} == {
        "dots": (None, True),
        "fox": (("source",), False),
    }
    assert i2i.load("runs/dots").manifest.to_json() == facts
    path.write_text(json.dumps(facts | {"model": "gone"}))
    assert not library.find("dots", None).draws


def test_names_with_spaces_are_quoted_in_what_to_type(here, filters):
    for name in ("a fox", "b fox"):
        filters.keep(Path("runs", name), domains=("day", "deep night"))
    with pytest.raises(ValueError, match=r"i2i translate --model 'runs/a fox' --to 'deep night' photos/$"):
        library.find(None, "deep night")
    with pytest.raises(LookupError, match=r"Then: i2i translate --to 'bright day' photos/$"):
        library.find(None, "bright day")


def test_none_says_which_two_commands_make_one(here, filters):
    with pytest.raises(LookupError) as caught:
        library.find(None, "zebra")
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("no model translates to zebra (looked in runs, ")
    assert lines[1].startswith("Train one with: i2i train ")
    assert lines[1].endswith(" horse2zebra")
    model = lines[1].split()[-2]
    assert load_class(registry().model(model)).inputs, f"{model} draws of noise"
    assert lines[2] == "Then: i2i translate --to zebra photos/"
    filters.keep(Path("runs/one"))
    with pytest.raises(LookupError, match=r'did you mean "winter"(.|\n)*runs/one: invert'):
        library.find(None, "wintr")


def test_an_unknown_name_says_the_nearest(here, filters):
    filters.keep(Path("runs/fox"))
    with pytest.raises(LookupError, match=r'no run, bundle or model "fxo"; did you mean "fox"'):
        library.find("fxo", None)
    with pytest.raises(ValueError, match="neither a bundle nor a run"):
        library.find(".", None)


def test_a_folder_of_data_does_not_hide_a_model_of_its_name(tmp_path, monkeypatch, filters):
    monkeypatch.chdir(tmp_path)
    filters.keep(tmp_path / "runs/colour")
    (tmp_path / "colour").mkdir()
    assert library.find("colour", None).path == Path("runs/colour")
