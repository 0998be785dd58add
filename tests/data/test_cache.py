"""Decoded pictures are kept, bounded, shared and dispensable."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from i2i import images, places
from i2i.data import cache
from i2i.data.cache import Pictures, read_labels
from i2i.data.scan import scan


@pytest.fixture
def root(tmp_path: Path, draw) -> Path:
    for name in ("one", "two"):
        draw(tmp_path / "set" / f"{name}.png", (20, 40))
    draw(tmp_path / "set" / "deep.tif", (20, 40), 5, "uint16")
    return tmp_path / "set"


def pictures(root: Path, short: int | None = 10, squeeze: tuple[int, int] | None = None) -> Pictures:
    return Pictures(root, scan(root).pictures, short and (short, short), squeeze)


def kept() -> list[Path]:
    return sorted((places.cache() / "decoded").glob("*/*.npy"))


def test_a_picture_is_decoded_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = pictures(root)
    fresh = {name: first.read(name) for name in first.infos}
    assert fresh["one.png"].shape == (10, 20, 3)
    assert fresh["deep.tif"].dtype == np.uint16
    again = pictures(root)
    monkeypatch.setattr(images, "read", None)
    for name, pixels in fresh.items():
        np.testing.assert_array_equal(again.read(name), pixels)
    assert len(kept()) == 3


def test_the_size_and_the_content_are_the_key(root: Path, draw) -> None:
    one = pictures(root).folder
    assert pictures(root).folder == one
    assert pictures(root, short=12).folder != one
    assert pictures(root, None, (10, 10)).folder != one
    draw(root / "one.png", (20, 41))
    assert pictures(root).folder != one


def test_halves_are_kept_apart(root: Path) -> None:
    set_ = pictures(root, 20)
    left, right = set_.read("one.png", "left"), set_.read("one.png", "right")
    whole = images.read(root / "one.png").pixels
    np.testing.assert_array_equal(np.concatenate([left, right], axis=1), whole)


def test_a_torn_file_is_decoded_again(root: Path) -> None:
    set_ = pictures(root)
    expected = set_.read("one.png").copy()
    kept()[0].write_bytes(kept()[0].read_bytes()[:100])
    np.testing.assert_array_equal(pictures(root).read("one.png"), expected)
    kept()[0].write_bytes(b"")
    np.testing.assert_array_equal(pictures(root).read("one.png"), expected)
    np.testing.assert_array_equal(np.load(kept()[0]), expected)


def test_a_folder_removed_by_another_run_is_no_error(root: Path) -> None:
    set_ = pictures(root)
    expected = set_.read("one.png").copy()
    shutil.rmtree(places.cache() / "decoded")
    np.testing.assert_array_equal(set_.read("one.png"), expected)


def test_a_place_that_cannot_be_written_costs_only_time(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I2I_HOME", str(root / "one.png"))
    set_ = pictures(root)
    assert "cannot be kept" in set_.note
    assert set_.read("one.png").shape == (10, 20, 3)


def test_a_read_only_place_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "cannot be kept" in (note := pictures(root).note)
    assert "(Permission denied); they are decoded anew" in note


def test_a_disk_that_fills_up_costs_only_time(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    set_ = pictures(root)
    monkeypatch.setattr(np, "save", full)
    assert set_.read("one.png").shape == (10, 20, 3)
    assert set_.read("two.png").shape == (10, 20, 3)
    assert [path.name for path in (places.cache() / "decoded").glob("*/*")] == ["bytes"]


def test_a_set_too_large_for_the_cache_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LIMIT", 100)
    set_ = pictures(root)
    assert "decoded anew in every epoch" in set_.note
    set_.read("one.png")
    assert kept() == []


def test_sets_unused_for_longest_make_room(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = []
    for age, short in ((200, 10), (100, 11), (300, 12)):
        set_ = pictures(root, short)
        set_.read("one.png")
        assert set_.folder is not None
        os.utime(set_.folder, (1e9 - age, 1e9 - age))
        folders.append(set_.folder)
    del set_
    room = sum(int((folder / "bytes").read_text()) for folder in folders)
    monkeypatch.setattr(cache, "LIMIT", room)
    newest = pictures(root, 13)
    newest.read("one.png")
    assert newest.folder is not None
    assert newest.folder.exists()
    assert [folder.exists() for folder in folders] == [False, True, False]


def test_label_maps_are_numbers_and_not_colours(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 5, (6, 8), dtype=np.uint8)
    palette = Image.fromarray(labels)
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9, 8, 8, 8] + [0] * 753)
    assert palette.mode == "P"
    palette.save(tmp_path / "palette.png")
    Image.fromarray(labels).save(tmp_path / "grey.png")
    for name in ("palette.png", "grey.png"):
        np.testing.assert_array_equal(read_labels(tmp_path / name)[:, :, 0], labels)
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "colour.png")
    with pytest.raises(ValueError, match="has 3 channels; a map of labels has one"):
        read_labels(tmp_path / "colour.png")


def test_room_is_made_for_what_will_be_read(root: Path) -> None:
    infos = scan(root).pictures
    whole, part = Pictures(root, infos, (10, 10), None), Pictures(root, infos, (11, 11), None, wanted=["one.png"])
    assert whole.needed == 2 * (10 * 20 * 3 + 128) + 10 * 20 * 5 * 2 + 128
    assert part.needed == 11 * 22 * 3 + 128


def test_what_is_being_read_makes_no_room(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = pictures(root, 10)
    monkeypatch.setattr(cache, "LIMIT", 5000)  # each takes some 4000
    assert "decoded anew in every epoch" in pictures(root, 11).note  # though nothing is kept of the first as yet
    first.read("one.png")
    assert first.folder is not None
    assert first.folder.exists()
    gone = first.folder
    del first
    second = pictures(root, 11)
    assert second.note == ""
    assert gone.exists()
    second.read("one.png")
    assert not gone.exists()


def test_looking_makes_nothing_and_removes_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(root, 10).read("one.png")
    before = kept()
    monkeypatch.setattr(cache, "LIMIT", 5000)
    assert pictures(root, 11).note == ""
    assert kept() == before
    assert len([*(places.cache() / "decoded").iterdir()]) == 1


def test_a_picture_that_another_process_has_just_kept_is_no_error(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(beside: Path, kept: Path) -> None:
        kept.write_bytes(beside.read_bytes())
        raise PermissionError(13, "The process cannot access the file because it is being used by another process")

    set_ = pictures(root)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", denied)
        set_.read("one.png")
    assert set_.folder is not None
    assert [path.suffix for path in (places.cache() / "decoded").glob("*/*.*")] == [".npy"]


@pytest.mark.parametrize(("short", "mapped"), [(10, False), (500, True)])
def test_only_large_pictures_are_mapped(root: Path, short: int, mapped: bool) -> None:
    """Mapping a file takes longer than reading a small one whole."""
    set_ = pictures(root, short)
    fresh, again = set_.read("one.png"), set_.read("one.png")
    np.testing.assert_array_equal(again, fresh)
    assert isinstance(again.base, np.memmap) == mapped
