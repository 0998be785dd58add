"""Labelled pictures of which few labels are told, or known."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from i2i.data import open_dataset, open_datasets
from i2i.data.check import check
from i2i.data.dataset import Dataset
from i2i.data.transforms import eval_transform
from i2i.settings import Settings

SETTINGS = Settings(image_size=8)
TRANSFORM = eval_transform(SETTINGS, (8, 8), (0.0, 255.0))


@pytest.fixture
def root(tmp_path: Path, draw) -> Path:
    """Thirty pictures of rain and ten of snow to train on, five of each held back."""
    for name, count in (("rain", 30), ("snow", 10)):
        for index in range(count):
            draw(tmp_path / "set" / "train" / name / f"{index}.png")
        for index in range(5):
            draw(tmp_path / "set" / "test" / name / f"{index}.png")
    return tmp_path / "set"


def open_it(root: Path, split: str = "train", **options: Any) -> Dataset:
    return open_dataset(root, ("labelled",), split, SETTINGS, options)


def labels(dataset: Dataset) -> dict[str, int]:
    rng = np.random.default_rng(0)
    return {
        item.key: int(dataset.sample(index, rng, TRANSFORM)["label"])
        for index, item in enumerate(dataset.items)  # type: ignore[attr-defined]
    }


def counts(dataset: Dataset) -> dict[int, int]:
    return dict(Counter(labels(dataset).values()))


def test_a_share_of_each_class_is_told(root: Path) -> None:
    few = open_it(root, labelled_share=0.1)
    assert counts(few) == {0: 3, 1: 1, -1: 36}
    assert few.unlabelled == 36
    assert "4 of 40 pictures to train on are labelled, the others not." in few.notes
    assert all(label in (-1, ["rain", "snow"].index(name.split("/")[1])) for name, label in labels(few).items())


def test_as_many_of_each_class_are_told(root: Path) -> None:
    assert counts(open_it(root, labels_per_class=4)) == {0: 4, 1: 4, -1: 32}
    assert counts(open_it(root, labels_per_class=20)) == {0: 20, 1: 10, -1: 10}
    assert counts(open_it(root, labelled_share=0.0)) == {0: 1, 1: 1, -1: 38}


def test_without_the_options_all_are_told(root: Path) -> None:
    for every in (open_it(root), open_it(root, labelled_share=1.0), open_it(root, labels_per_class=30)):
        assert counts(every) == {0: 30, 1: 10}
        assert every.unlabelled == 0
        assert not [note for note in every.notes if "labelled" in note]


def test_which_are_told_depends_on_names_alone_and_more_include_fewer(root: Path, tmp_path: Path, draw) -> None:
    def told(**options: Any) -> set[str]:
        return {name for name, label in labels(open_it(root, **options)).items() if label >= 0}

    few, more = told(labelled_share=0.2), told(labelled_share=0.5)
    assert few < more
    for path in root.rglob("*.png"):
        draw(path, size=(9, 9))  # other pixels
    assert told(labelled_share=0.2) == few
    fingerprints = {open_it(root, **options).fingerprint() for options in ({}, {"labelled_share": 0.2})}
    assert len(fingerprints) == 1


def test_what_is_held_back_keeps_its_labels(root: Path) -> None:
    assert counts(open_it(root, "test", labels_per_class=1)) == {0: 5, 1: 5}
    rows = open_it(root, "test", labels_per_class=1).examples(TRANSFORM, 4)
    assert sorted(int(inputs["label"]) for inputs, _ in rows) == [0, 0, 1, 1]


def test_a_folder_of_unlabelled_pictures(root: Path, draw) -> None:
    for index in range(20):
        draw(root / "train" / "unlabelled" / f"{index}.png")
    draw(root / "test" / "unlabelled" / "0.png")
    dataset = open_it(root)
    assert dataset.spec().domains == ("rain", "snow")
    assert counts(dataset) == {0: 30, 1: 10, -1: 20}
    assert counts(open_it(root, labels_per_class=2)) == {0: 2, 1: 2, -1: 56}
    assert counts(open_it(root, "test")) == {0: 5, 1: 5}
    assert counts(open_it(root, domains="snow,rain")) == {1: 30, 0: 10, -1: 20}
    report = check(root)
    assert (report.kind, report.domains, report.unlabelled) == ("labelled", ["rain", "snow"], 20)
    assert report.outside == ["test/unlabelled/0.png"]
    assert "trained on:     60 samples, 40 of them labelled" in report.text()


def test_unlabelled_pictures_are_never_held_back(tmp_path: Path, draw) -> None:
    for name in ("rain", "snow", "Unlabeled"):
        for index in range(30):
            draw(tmp_path / name / f"{index}.png")
    train, test = open_it(tmp_path), open_it(tmp_path, "test")
    assert (train.unlabelled, -1 in counts(test), len(test)) == (30, False, 6)


def test_one_class_and_unlabelled_pictures_are_no_classes(tmp_path: Path, draw) -> None:
    for name in ("rain", "unlabelled"):
        for index in range(6):
            draw(tmp_path / name / f"{name}{index}.png")
    assert check(tmp_path).kind == "unpaired"
    with pytest.raises(ValueError, match="does not hold labelled data"):
        open_it(tmp_path)


def test_examples_of_training_show_labelled_ones(tmp_path: Path, draw) -> None:
    for name in ("rain", "snow"):
        draw(tmp_path / "train" / name / "0.png")
        draw(tmp_path / "test" / name / "0.png")
    for index in range(6):
        draw(tmp_path / "train" / "unlabelled" / f"{index}.png")
    assert [int(inputs["label"]) for inputs, _ in open_it(tmp_path).examples(TRANSFORM, 9)] == [0, 1]


def test_of_joint_sets_those_without_a_label_add_up(root: Path, tmp_path: Path, draw) -> None:
    for name in ("sun", "fog"):
        for index in range(10):
            draw(tmp_path / "other" / "train" / name / f"{index}.png")
    both = open_datasets((root, tmp_path / "other"), ("labelled",), "train", SETTINGS, {"labels_per_class": 2})
    assert both.unlabelled == 36 + sum(1 for _ in tmp_path.glob("other/train/*/*")) - 4 - len(
        open_it(tmp_path / "other", "test")
    )


def test_what_makes_no_sense_is_refused(root: Path, tmp_path: Path, draw) -> None:
    with pytest.raises(ValueError, match="--labelled-share and --labels-per-class both say how many labels are told"):
        open_it(root, labelled_share=0.5, labels_per_class=2)
    with pytest.raises(ValueError, match=r"--labelled-share is 2\.0; give a number from 0 to 1"):
        open_it(root, labelled_share=2.0)
    for index in range(6):
        draw(tmp_path / "people" / f"{index}.png")
    rows = "".join(f"{index}.png,{index % 2}\n" for index in range(6))
    (tmp_path / "people" / "attributes.csv").write_text("file,Young\n" + rows)
    with pytest.raises(ValueError, match="--labels-per-class is for classes, and people has attributes; leave it out"):
        open_it(tmp_path / "people", labels_per_class=2)
