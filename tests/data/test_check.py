"""The report of `i2i data check`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from i2i.data.check import check


@pytest.fixture
def seasons(tmp_path: Path, draw) -> Path:
    root = tmp_path / "summer2winter"
    for letter in "AB":
        for split, count in (("train", 3), ("test", 2)):
            for index in range(count):
                draw(root / f"{split}{letter}" / f"{letter}{split}{index}.png", (40, 50 + index))
    return root


def test_a_report_says_what_was_understood(seasons: Path) -> None:
    report = check(seasons)
    assert (report.kind, report.domains, report.other_kinds) == (
        "unpaired",
        ["summer", "winter"],
        ["labelled", "images"],
    )
    assert report.counts == {"train": {"summer": 3, "winter": 3}, "test": {"summer": 2, "winter": 2}}
    assert report.sizes == {"smallest": [50, 40], "median": [51, 40], "largest": [52, 40]}
    assert report.formats == {"RGB, 8 bit": 10}
    assert (report.trained_on, report.held_back) == (6, 4)
    assert report.held_back_files == [
        "testA/Atest0.png",
        "testA/Atest1.png",
        "testB/Btest0.png",
        "testB/Btest1.png",
    ]
    assert json.loads(json.dumps(report.json()))["channels"] == {"summer": 3, "winter": 3}
    text = report.text()
    for line in (
        "kind:           unpaired (folders A and B)",
        "domains:        summer, winter",
        "train samples:  summer 3, winter 3",
        "values:         0 to 255 map to -1 to 1",
        "held back:      4 samples, the data's own test",
        "Warning: 3 training pictures of summer, 3 of winter: fewer than 50 are learnt by heart",
    ):
        assert f"  {line}" in text


def test_the_smallest_of_few_pictures_are_named_first(tmp_path: Path, draw) -> None:
    for name, count in (("ant", 60), ("bee", 6), ("cat", 2), ("dog", 7), ("elk", 8), ("fly", 9)):
        for number in range(count):
            draw(tmp_path / name / f"{name}{number}.png", (8, 8))
    (said,) = [warning for warning in check(tmp_path, ("labelled",)).warnings if "by heart" in warning]
    found = re.findall(r"(\d+)(?: training pictures?)? of (\w+)", said)
    assert [name for _, name in found] == ["cat", "bee", "dog"]
    assert [int(count) for count, _ in found] == sorted(int(count) for count, _ in found)
    assert " and 2 more: fewer than 50 are learnt by heart; add pictures, or" in said


def test_the_bad_is_listed(seasons: Path) -> None:
    (seasons / "trainA" / "broken.jpg").write_text("<html>no</html>")
    (seasons / "trainA" / ".DS_Store").write_text("")
    (seasons / "testA" / "same.png").write_bytes((seasons / "trainA" / "Atrain0.png").read_bytes())
    (seasons / "trainB" / "same.png").write_bytes((seasons / "trainB" / "Btrain0.png").read_bytes())
    report = check(seasons)
    assert report.unreadable == {"trainA/broken.jpg": "is a web page (HTML), not a picture"}
    assert report.stray == ["trainA/.DS_Store"]
    assert report.duplicates == [["testA/same.png", "trainA/Atrain0.png"], ["trainB/Btrain0.png", "trainB/same.png"]]
    assert report.duplicates_across == [["testA/same.png", "trainA/Atrain0.png"]]
    text = report.text()
    assert "  unreadable:     1: trainA/broken.jpg is a web page (HTML), not a picture" in text
    assert "1 picture is both trained on and held back" in text


def test_missing_partners_are_named(pairs: Path) -> None:
    (pairs / "target" / "03.png").unlink()
    report = check(pairs)
    assert report.missing == ["source/03.png"]
    assert "1 picture has no partner, so training leaves out: source/03.png." in report.text()
    assert report.held_back_from == "chosen by a hash of their names"
    assert (report.trained_on, report.held_back) == (7, 4)


def test_side_by_side_has_two_roles(tmp_path: Path, draw) -> None:
    for index in range(3):
        draw(tmp_path / f"{index}.png", (8, 16), channels=1)
    assert check(tmp_path).channels == {"source": 1, "target": 1}


def test_what_would_stop_training_is_a_warning(tmp_path: Path, draw) -> None:
    for index in range(3):
        draw(tmp_path / f"{index}.tif", channels=1, dtype="float32")
    report = check(tmp_path)
    assert report.value_range == []
    assert "Warning: This stops training: 0.tif holds float or signed values" in report.text()


def test_a_kind_can_be_asked_for(seasons: Path) -> None:
    assert check(seasons, ("labelled",)).kind == "labelled"
    with pytest.raises(ValueError, match="does not hold captioned data"):
        check(seasons, ("captioned",))
    with pytest.raises(ValueError, match="does not exist"):
        check(seasons / "nowhere")


def test_checking_needs_no_torch() -> None:
    code = "import i2i.data.check, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_domain_without_training_pictures_is_a_warning(seasons: Path) -> None:
    for path in (seasons / "trainB").iterdir():
        path.unlink()
    report = check(seasons)
    assert report.counts == {"train": {"summer": 3}, "test": {"summer": 2, "winter": 2}}
    assert "Warning: No picture of winter is trained on; add some to train/." in report.text()


def test_a_domain_may_be_called_like_a_role(tmp_path: Path, draw) -> None:
    for index in range(5):
        draw(tmp_path / "mask" / f"m{index}.png")
        draw(tmp_path / "face" / f"f{index}.png", channels=1)
    report = check(tmp_path, ("unpaired",))
    assert report.channels == {"face": 1, "mask": 3}
    assert (report.depth, report.num_labels) == (8, 0)
    assert "stops training" not in report.text()


@pytest.mark.parametrize(
    ("name", "text", "reason", "warned"),
    [
        ("labels.csv", "file,label\nq0.png,a\n", "names no picture here in a column such as file_name", True),
        ("labels.csv", "p0.png,a\np1.png,b\n", "names no picture here in a column such as file_name", True),
        ("prices.csv", "what,much\ncamera,300\n", "names no picture here in a column such as file_name", False),
        ("prices.csv", 'what,much\n"camera,300\n', "is not a table: unexpected end of data; check its quotes", False),
    ],
)
def test_a_table_that_is_not_used_is_named(
    tmp_path: Path, draw, name: str, text: str, reason: str, warned: bool
) -> None:
    for index in range(3):
        draw(tmp_path / f"p{index}.png")
    (tmp_path / name).write_text(text)
    report = check(tmp_path)
    assert (report.kind, report.unused) == ("images", {name: reason})
    assert f"  unused tables:  1: {name} {reason}" in report.text()
    assert (f"Warning: {name} is not used: it {reason}." in report.text()) is warned


def test_what_a_table_lacks_is_called_incomplete(tmp_path: Path, draw) -> None:
    for name in "abcd":
        draw(tmp_path / f"{name}.png")
    rows = "file,label\na.png,cat\na.png,dog\nb.png,\nc.png,cat\ngone.png,cat\n,cat\n"
    (tmp_path / "labels.csv").write_text(rows)
    report = check(tmp_path)
    assert report.missing == ["gone.png", "(no file)", "a.png (label cat, not dog)", "b.png (no label)"]
    assert "Warning: 4 entries are incomplete, so training leaves out: gone.png, " in report.text()
    assert (report.counts, report.outside) == ({"train": {"cat": 1}, "test": {"cat": 1}}, ["b.png", "d.png"])


def test_a_target_in_both_splits_is_noticed(tmp_path: Path, draw) -> None:
    for name in "abc":
        draw(tmp_path / f"{name}.png")
    (tmp_path / "pairs.csv").write_text("source,target,split\na.png,c.png,train\nb.png,c.png,test\n")
    (tmp_path / "dataset.toml").write_text('domains = ["field", "map"]')
    report = check(tmp_path)
    assert (report.kind, report.domains) == ("paired", ["field", "map"])
    assert (report.duplicates, report.duplicates_across) == ([], [["c.png"]])
    assert "1 picture is both trained on and held back" in report.text()


def test_the_kind_that_dataset_toml_says_must_hold(seasons: Path) -> None:
    (seasons / "dataset.toml").write_text('kind = "captioned"')
    with pytest.raises(ValueError, match=r"does not hold captioned data, it reads as unpaired .* captions\.jsonl"):
        check(seasons)
    assert check(seasons, ("labelled",)).kind == "labelled"
