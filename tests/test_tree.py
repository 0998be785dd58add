"""Which pictures are meant and where results go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from i2i.tree import plan


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """photos/ with pictures, a folder in it and other files; the working folder is around it."""
    for name in (
        "photos/a.jpg",
        "photos/trip/\u00e9t\u00e9 \u00e0 la mer.PNG",
        "photos/trip/b.tif",
        "photos/notes.txt",
    ):
        put(tmp_path / name)
    for name in ("photos/.DS_Store", "photos/._a.jpg", "photos/.cache/c.jpg", "photos/x.xmp", "photos/y.xmp"):
        put(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def places(inputs: list[str], out: str | None = None, to: str | None = "winter", format: str = "") -> dict[str, str]:
    made = plan(list(inputs), None if out is None else Path(out), to, format)
    return {job.name: os.path.relpath(job.target) for job in made.jobs}


def test_the_same_tree_beside_the_folder(here):
    assert places(["photos"]) == {
        "photos/a.jpg": "photos-winter/a.jpg",
        "photos/trip/b.tif": "photos-winter/trip/b.tif",
        "photos/trip/\u00e9t\u00e9 \u00e0 la mer.PNG": "photos-winter/trip/\u00e9t\u00e9 \u00e0 la mer.PNG",
    }
    made = plan(["photos/"], None, "winter")
    assert made.place == "photos-winter"
    assert made.ignored == {".txt": 1, ".xmp": 2, ".jpg": 1, ".DS_Store": 1}


def test_a_file_gets_its_result_beside_it(here):
    assert places(["photos/a.jpg"]) == {"photos/a.jpg": "photos/a-winter.jpg"}
    assert places(["photos/a.jpg"], format="png") == {"photos/a.jpg": "photos/a-winter.png"}
    assert places(["photos/a.jpg"], to=None) == {"photos/a.jpg": "photos/a-translated.jpg"}
    assert places(["photos/a.jpg"], to="old/../master") == {"photos/a.jpg": "photos/a-old-..-master.jpg"}


def test_the_working_folder_as_input(here, monkeypatch):
    monkeypatch.chdir(here / "photos")
    assert set(places(["."]).values()) >= {"../photos-winter/a.jpg"}
    monkeypatch.chdir(here / "photos" / "trip")
    assert set(places([".."]).values()) >= {"../../photos-winter/a.jpg"}


def test_out_takes_the_tree(here):
    assert set(places(["photos"], "new/out").values()) >= {"new/out/a.jpg", "new/out/trip/b.tif"}
    assert places(["photos/a.jpg"], "new") == {"photos/a.jpg": "new/a.jpg"}


@pytest.mark.parametrize("out", ["photos", "photos/out", "photos/trip/../deep/er", "./photos/trip"])
def test_results_never_lie_inside_the_input(here, out):
    with pytest.raises(ValueError, match=r"lies inside the input photos.*--out photos-winter"):
        places(["photos"], out)


def test_nor_through_a_link(here):
    (here / "link").symlink_to(here / "photos")
    with pytest.raises(ValueError, match="lies inside the input"):
        places(["photos"], "link/out")


def test_nor_of_another_input(here):
    with pytest.raises(ValueError, match="lies inside the input"):
        places([".", "photos"])


def test_the_root_folder_has_nothing_beside_it(here, monkeypatch):
    with pytest.raises(ValueError, match="lies inside the input"):
        places(["/"])


def test_inputs_of_one_name_do_not_meet(here):
    put(here / "other/photos/a.jpg")
    put(here / "other/a.jpg")
    made = places(["photos", "other/photos", "other/a.jpg"], "out")
    assert made["photos/a.jpg"] == "out/photos/a.jpg"
    assert made["other/photos/a.jpg"] == "out/other/photos/a.jpg"
    assert made["other/a.jpg"] == "out/other/a.jpg"
    assert len(set(made.values())) == len(made)


def test_names_that_a_format_makes_equal_do_not_meet(here):
    put(here / "photos/a.png")
    put(here / "photos/a.jpg.png")
    made = places(["photos"], format="png")
    assert len(set(made.values())) == len(made) == 5
    assert made["photos/a.jpg"] == "photos-winter/a.jpg.png"


def test_a_file_named_twice_is_done_once(here):
    assert len(places(["photos", "photos/a.jpg", "photos"], "out")) == 3


def test_links_are_followed_once(here):
    (here / "photos/loop").symlink_to(here / "photos")
    put(here / "elsewhere/z.jpg")
    (here / "photos/more").symlink_to(here / "elsewhere")
    (here / "photos/same.jpg").symlink_to(here / "photos/a.jpg")
    made = places(["photos"])
    assert made["photos/more/z.jpg"] == "photos-winter/more/z.jpg"
    assert made["photos/same.jpg"] == "photos-winter/same.jpg"
    assert not any("loop" in name for name in made)


def test_no_input_is_written_over(here):
    with pytest.raises(ValueError, match=r"photos/a.jpg is an input and would be written over"):
        places(["photos/a.jpg"], "photos")


def test_results_of_an_earlier_run_are_not_taken_for_pictures(here):
    put(here / "photos/a-winter.jpg")
    made = plan(["photos/a.jpg", "photos/a-winter.jpg"], None, "winter")
    assert [job.name for job in made.jobs] == ["photos/a.jpg"]
    assert made.results == 1


def test_what_is_not_there(here):
    with pytest.raises(ValueError, match='no file or folder phtos; did you mean "photos"'):
        places(["phtos"])
    with pytest.raises(ValueError, match=r'no file or folder photos/b.jpg; did you mean "a.jpg"'):
        places(["photos/b.jpg"])
    with pytest.raises(LookupError, match='no picture format "pgn"; did you mean "png"'):
        places(["photos"], format="pgn")


def test_a_folder_without_pictures(here):
    (here / "empty").mkdir()
    with pytest.raises(ValueError, match="no pictures in empty: it holds no files"):
        places(["empty"])
    put(here / "texts/a.xmp")
    put(here / "texts/b.xmp")
    put(here / "texts/c.db")
    with pytest.raises(ValueError, match=r"no pictures in texts: it holds 3 files, none a picture \(.xmp .db\)"):
        places(["texts"])


def test_a_file_that_is_named_is_tried_whatever_its_suffix(here):
    assert places(["photos/notes.txt"]) == {"photos/notes.txt": "photos/notes-winter.txt"}
