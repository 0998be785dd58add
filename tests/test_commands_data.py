from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from i2i.catalogue import cards
from i2i.commands import data


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("I2I_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("I2I_DATA", raising=False)
    monkeypatch.delenv("I2I_OFFLINE", raising=False)


def run(*words: str) -> Result:
    app = typer.Typer()
    data.register(app)
    return CliRunner().invoke(app, ["data", *words])


def picture(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 32), (shade, shade // 2, 9)).save(path)


def test_the_list_names_every_set_with_its_licence() -> None:
    result = run("list")
    assert result.exit_code == 0
    for card in cards().values():
        assert card.name in result.stdout
        assert card.licence.split()[0] in result.stdout
    assert "to download" in result.stdout
    assert "by hand" in result.stdout


def test_the_list_for_programs() -> None:
    rows = {row["name"]: row for row in json.loads(run("list", "--json").stdout)}
    assert set(rows) == set(cards())
    assert (
        rows["textures"] | {"folder": None, "where": "embedded", "domains": ["grass", "gravel", "brick"]}
        == rows["textures"]
    )
    Path("datasets/maps").mkdir(parents=True)
    rows = {row["name"]: row for row in json.loads(run("list", "--json").stdout)}
    assert rows["maps"]["where"] == "here"
    assert rows["maps"]["folder"] == str(Path("datasets/maps").absolute())


def test_a_broken_card_is_named_and_the_rest_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data.catalogue, "problems", lambda: ["x.toml is not valid TOML"])
    result = run("list", "--json")
    assert result.stderr == "Card left out: x.toml is not valid TOML\n"
    assert len(json.loads(result.stdout)) == len(cards())


def test_get_prints_the_folder_and_nothing_else_on_stdout(tmp_path: Path) -> None:
    folder = str(tmp_path / "home" / "cache" / "data" / "photos")
    first, second = run("get", "photos"), run("get", "photos")
    assert first.stdout.strip() == second.stdout.strip() == folder
    assert "Making photos" in first.stderr
    assert "Licence: CC0" in first.stderr
    assert "photos is already here. Licence: CC0" in second.stderr


def test_get_means_the_catalogue_even_where_a_folder_has_the_name(tmp_path: Path) -> None:
    Path("photos").mkdir()
    assert run("get", "photos").stdout.strip() == str(tmp_path / "home" / "cache" / "data" / "photos")


def test_get_from_a_file(tmp_path: Path) -> None:
    with zipfile.ZipFile("copy.zip", "w") as opened:
        opened.writestr("horse2zebra/trainA/1.jpg", b"x")
    result = run("get", "horse2zebra", "--from", "copy.zip")
    folder = tmp_path / "home" / "cache" / "data" / "horse2zebra"
    assert result.stdout.strip() == str(folder)
    assert (folder / "trainA" / "1.jpg").read_bytes() == b"x"
    again = run("get", "horse2zebra", "--from", "copy.zip")
    assert "already in" in str(again.exception)


@pytest.mark.parametrize(
    ("words", "error", "text"),
    [
        (["get", "horse2zebr"], LookupError, 'no data set "horse2zebr"; did you mean "horse2zebra"?'),
        (["get", "maps", "--from", "none.tar.gz"], ValueError, "there is no file none.tar.gz"),
        (["get", "textures", "--from", "x.zip"], ValueError, "--from is of no use for textures"),
        (["get", "maps", "--offline"], ConnectionError, "i2i data get maps --from maps.tar.gz"),
        (["check", "maps"], LookupError, "get it first: i2i data get maps"),
        (["check", "nothing"], LookupError, 'no data set "nothing"'),
    ],
)
def test_errors_are_sentences_for_main_to_print(words: list[str], error: type[Exception], text: str) -> None:
    result = run(*words)
    assert isinstance(result.exception, error)
    assert text in str(result.exception)
    assert result.stdout == ""


def test_check_reads_a_set_as_its_card_says() -> None:
    report = json.loads(run("check", "textures", "--json").stdout)
    assert report["kind"] == "unpaired"
    assert report["domains"] == ["brick", "grass", "gravel"]
    assert (report["trained_on"], report["held_back"]) == (450, 60)
    assert report["duplicates"] == []
    assert run("check", "textures", "--strict").exit_code == 0


def test_strict_is_about_files() -> None:
    for index in range(12):
        picture(Path(f"pictures/{index}.png"), 20 * index)
    assert run("check", "pictures", "--strict").exit_code == 0
    Path("pictures/broken.png").write_bytes(b"")
    Path("pictures/notes.doc").write_bytes(b"x")
    relaxed, strict = run("check", "pictures"), run("check", "pictures", "--strict")
    assert relaxed.exit_code == 0
    assert strict.exit_code == 1
    assert strict.stdout == relaxed.stdout
    assert strict.stderr == "Not clean: 1 unreadable, 1 stray.\n"


def test_without_a_command_there_is_help() -> None:
    result = run()
    for command in ("list", "get", "check"):
        assert command in result.output
