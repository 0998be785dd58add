"""Walking a folder: what is a picture, what is not, what is broken."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from i2i import places
from i2i.data import scan as module
from i2i.data.scan import Info, scan


def test_modes_and_depths_are_known(tmp_path: Path, draw) -> None:
    root = tmp_path / "modes"
    draw(root / "grey.png", channels=1)
    draw(root / "rgba.png", mode="RGBA")
    draw(root / "palette.png", mode="P")
    draw(root / "cmyk.jpg", mode="CMYK")
    draw(root / "deep.png", channels=1, dtype="uint16")
    draw(root / "deep.tif", dtype="uint16")
    draw(root / "five.tif", channels=5, dtype="uint16")
    draw(root / "float.tif", channels=1, dtype="float32")
    known = {name: (info.channels, info.depth, info.problem) for name, info in scan(root).pictures.items()}
    assert known == {
        "grey.png": (1, 8, ""),
        "rgba.png": (3, 8, ""),
        "palette.png": (3, 8, ""),
        "cmyk.jpg": (3, 8, ""),
        "deep.png": (1, 16, ""),
        "deep.tif": (3, 16, ""),
        "five.tif": (5, 16, ""),
        "float.tif": (1, 32, ""),
    }
    assert all((info.height, info.width) == (12, 16) for info in scan(root).pictures.values())


def test_broken_files_are_named_with_the_reason(tmp_path: Path, draw) -> None:
    good = draw(tmp_path / "good.jpg", (64, 64)).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(good[: len(good) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "page.jpg").write_text("<!DOCTYPE html><html>Not found</html>")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    problems = {name: info.problem for name, info in scan(tmp_path).pictures.items()}
    assert problems.pop("good.jpg") == ""
    assert "cut off" in problems.pop("cut.jpg")
    assert problems == {
        "empty.png": "is empty (0 bytes)",
        "gone.jpg": "is a link that leads nowhere",
        "page.jpg": "is a web page (HTML), not a picture",
    }


def test_stray_files_and_documents_are_told_apart(tmp_path: Path, draw) -> None:
    draw(tmp_path / "sub folder" / "Été à la mer.PNG")
    for name in (".DS_Store", "Thumbs.db", "notes.md", "LICENSE", "metadata.jsonl", "a.xmp", "._a.jpg"):
        (tmp_path / name).write_text("{}")
    (tmp_path / ".git").mkdir()
    draw(tmp_path / ".git" / "hidden.png")
    tree = scan(tmp_path)
    assert tree.files == ("sub folder/Été à la mer.PNG",)
    assert tree.documents == ("LICENSE", "metadata.jsonl", "notes.md")
    assert tree.stray == (".DS_Store", "._a.jpg", "Thumbs.db", "a.xmp")


def test_links_are_followed_but_not_in_circles(tmp_path: Path, draw) -> None:
    draw(tmp_path / "elsewhere" / "1.png")
    root = tmp_path / "root"
    draw(root / "2.png")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "circle").symlink_to(root)
    assert scan(root).files == ("2.png", "linked/1.png")


def test_pictures_are_decoded_again_only_when_changed(tmp_path: Path, draw, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "set"
    for name in "ab":
        draw(root / f"{name}.png")
    first = scan(root)
    seen: list[str] = []
    monkeypatch.setattr(module, "inspect", lambda path: seen.append(path.name) or Info(mode="looked at"))
    assert scan(root) == first
    draw(root / "b.png", (20, 20))
    assert scan(root).pictures["b.png"].mode == "looked at"
    assert seen == ["b.png"]
    (root / "a.png").unlink()
    assert scan(root).files == scan(root).files == ("b.png",)
    assert seen == ["b.png"]


def test_what_could_not_be_read_is_tried_again(tmp_path: Path, draw, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "a.png")
    with monkeypatch.context() as patch:
        patch.setattr(module, "inspect", lambda path: Info(problem="cannot be opened: Permission denied"))
        assert scan(tmp_path).usable == frozenset()
    assert scan(tmp_path).usable == {"a.png"}


def test_what_was_done_before_an_interruption_is_kept(tmp_path: Path, draw, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        draw(tmp_path / f"{name}.png")
    seen: list[str] = []

    def interrupted(path: Path) -> Info:
        seen.append(path.name)
        if path.name == "b.png":
            raise KeyboardInterrupt
        return Info(mode="looked at")

    monkeypatch.setattr(module.os, "cpu_count", lambda: 1)
    monkeypatch.setattr(module, "inspect", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scan(tmp_path)
    monkeypatch.setattr(module, "inspect", lambda path: seen.append(path.name) or Info(mode="looked at"))
    scan(tmp_path)
    assert seen.count("a.png") == 1


def test_a_long_look_says_how_far_it_has_come(
    tmp_path: Path, draw, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(tmp_path / "a.png")
    monkeypatch.setattr(module, "_SILENCE", -1)
    scan(tmp_path)
    assert capsys.readouterr().err == f"Looked at 1 of 1 new pictures in {tmp_path}\n"
    scan(tmp_path)
    assert capsys.readouterr().err == ""


DAMAGED = (3, ["a.png"], {"a.png": 3}, {"a.png": [[1, 2], {"width": 3, "depht": 8}]})


def test_a_damaged_memory_is_ignored(tmp_path: Path, draw) -> None:
    root = tmp_path / "set"
    draw(root / "a.png")
    first = scan(root)
    (memory,) = (places.cache() / "scans").iterdir()
    version = json.loads(memory.read_text())["version"]
    for text in ("{torn", json.dumps([version]), *(json.dumps({"version": version, "files": f}) for f in DAMAGED)):
        memory.write_text(text)
        assert scan(root) == first


def test_a_memory_that_cannot_be_written_costs_nothing(tmp_path: Path, draw, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("I2I_HOME", str(tmp_path / "file"))
    draw(tmp_path / "set" / "a.png")
    assert scan(tmp_path / "set").files == ("a.png",)


def test_a_missing_folder_is_named_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "winter").mkdir()
    with pytest.raises(ValueError, match='wintr does not exist; give a folder of pictures; did you mean "winter"'):
        scan(tmp_path / "wintr")
    (tmp_path / "winter.zip").write_text("")
    with pytest.raises(ValueError, match="is a file, not a folder"):
        scan(tmp_path / "winter.zip")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, draw) -> None:
    draw(tmp_path / "good.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    tree = scan(tmp_path)
    assert tree.usable == {"good.png"}
    assert tree.pictures["pipe.png"].problem == "is a pipe, a socket or a device"
    assert tree.pictures["loop.png"].problem.startswith("cannot be opened: ")
    assert tree.documents == ("loop",)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text here")
def test_a_name_that_is_no_text_is_unreadable(tmp_path: Path, draw) -> None:
    good = draw(tmp_path / "Été\n1.png")
    (tmp_path / os.fsdecode(b"set\xff")).mkdir()
    shutil.copy(good, tmp_path / os.fsdecode(b"set\xff") / "a.png")
    tree = scan(tmp_path)
    assert tree.usable == {"Été\n1.png"}
    assert tree.pictures["set\\udcff/a.png"].problem == "has a name that is no UTF-8; rename it"
    assert all(name.encode() for name in tree.pictures)
