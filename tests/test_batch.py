"""Folders through a model: what is written, skipped, failed; and what stops it."""

from __future__ import annotations

import threading
from pathlib import Path

import filters as models
import numpy as np
import pytest
from PIL import Image

from i2i.batch import Summary, translate_paths
from i2i.errors import Stopped
from i2i.images import read
from i2i.request import How
from i2i.translation import make_request


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for number in range(7):
        path = tmp_path / "photos" / f"{'trip/' if number % 2 else ''}{number} \u00e9.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (5 + number, 9, 3)).astype(np.uint8)).save(path)
    (tmp_path / "photos/bad.jpg").write_bytes(b"")
    (tmp_path / "photos/readme.txt").write_text("no picture")
    return tmp_path / "photos"


def go(inputs, out=None, how=None, request=None, **settings) -> Summary:
    model = models.make()
    asked = make_request(model, {"to": "winter"} | (request or {}))
    return translate_paths(model, inputs, out, asked, how, **settings)


def test_all_come_out_and_a_broken_one_stops_nothing(photos):
    told: list[str] = []
    summary = go([photos], progress=lambda done, total, problem: told.append(problem))
    assert (summary.total, summary.written, summary.skipped, summary.ignored) == (8, 7, 0, 1)
    assert summary.failed == [("photos/bad.jpg", "is empty (0 bytes)")]
    assert summary.exit_code == 1
    assert "photos/bad.jpg is empty (0 bytes)" in told
    for path in photos.rglob("*.png"):
        result = photos.parent / "photos-winter" / path.relative_to(photos)
        assert (read(result).pixels == 255 - read(path).pixels).all()
    summary.seconds = 372
    expected = (
        "Wrote 7 of 8 pictures to photos-winter/ in 6 min 12 s "
        "(1 failed: photos/bad.jpg is empty (0 bytes), 1 other file passed by)."
    )
    assert summary.line() == expected
    assert not list(photos.parent.rglob("*.part"))


def test_what_is_there_is_skipped_unless_overwritten(photos):
    go([photos])
    kept = photos.parent / "photos-winter/0 \u00e9.png"
    kept.write_bytes(b"mine")
    again = go([photos])
    assert (again.written, again.skipped, kept.read_bytes()) == (0, 7, b"mine")
    assert "7 skipped: already there" in again.line()
    assert go([photos], how=How(overwrite=True)).written == 7
    assert kept.read_bytes() != b"mine"


def test_count_makes_several_with_other_seeds(photos):
    source = photos / "0 \u00e9.png"
    summary = go([source], request={"samples": 2, "noise": True, "seed": 5})
    made = [read(photos / f"0 \u00e9-winter-{number}.png").pixels for number in (1, 2)]
    assert summary.written == 2
    assert (made[0] != made[1]).any()
    go([source], Path("out"), request={"seed": 6, "noise": True})
    assert (read(Path("out/0 \u00e9.png")).pixels == made[1]).all()


def test_another_format(photos):
    summary = go([photos], how=How(format="jpg"))
    assert summary.written == 7
    assert {path.suffix for path in Path("photos-winter").rglob("*.*")} == {".jpg"}
    assert read(Path("photos-winter/0 \u00e9.jpg")).format == "JPEG"


def test_what_does_not_fit_is_told_for_each(photos):
    import tifffile

    tifffile.imwrite(photos / "five.tif", np.zeros((20, 30, 5), np.uint16))
    summary = go([photos])
    why = dict(summary.failed)["photos/five.tif"]
    assert "expects 3 channels, 8 bit, range 0-255; photos/five.tif has 5 channels, 16 bit" in why
    assert "2 failed: photos/bad.jpg and others, named above" in summary.line()


def test_lost_alpha_is_counted(photos):
    Image.new("RGBA", (4, 4)).save(photos / "a.png")
    assert "1 x alpha left out: JPEG holds none" in go([photos], how=How(format="jpg")).line()


def test_stop_ends_after_the_picture_at_hand(photos):
    stop = threading.Event()
    summary = go([photos], progress=lambda *_: stop.set(), stop=stop)
    assert summary.stopped
    assert summary.exit_code == 130
    assert summary.written < 7
    assert "left: the same command goes on" in summary.line()
    written = list(Path("photos-winter").rglob("*.png"))
    assert len(written) == summary.written
    assert go([photos]).written + summary.written == 7


def test_a_full_disk_stops_and_says_so(photos, monkeypatch):
    def full(self, data):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(Stopped, match=r"cannot write to photos-winter: No space left.*free some space"):
        go([photos])
    assert not list(Path("photos-winter").rglob("*.*"))


def test_a_place_that_is_no_folder(photos):
    Path("photos-winter").write_text("a file")
    summary = go([photos])
    assert summary.written == 0
    assert len(summary.failed) == 8


def test_too_large_for_memory_is_a_failure_of_that_picture(photos, monkeypatch):
    def large(self, inputs, request):
        raise RuntimeError("CUDA out of memory. Tried to allocate 9 GiB")

    monkeypatch.setattr(models.Invert, "translate", large)
    summary = go([photos / "0 \u00e9.png"])
    assert "needs more memory than there is; use --image-size" in summary.failed[0][1]

    def fault(self, inputs, request):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(models.Invert, "translate", fault)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        go([photos / "0 \u00e9.png"])


def test_one_result_is_named_by_the_closing_line(photos):
    summary = go([photos / "0 \u00e9.png"])
    assert summary.line().startswith("Wrote 1 of 1 picture to photos/0 \u00e9-winter.png in ")
