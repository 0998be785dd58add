"""CIFAR-10's binary files, written here as its page describes them: class, 1,024 red, 1,024 green, 1,024 blue."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from i2i.data import open_dataset
from i2i.data.check import check
from i2i.data.scan import scan
from i2i.data.survey import survey
from i2i.data.transforms import eval_transform
from i2i.settings import Settings

NAMES = ["airplane", "automobile", "bird"]
SETTINGS = Settings(image_size=32, crop="center")


def record(label: int, number: int) -> bytes:
    """A picture whose red tells the row, green the column and blue the number."""
    red = [row for row in range(32) for _ in range(32)]
    green = [100 + column for _ in range(32) for column in range(32)]
    return bytes([label, *red, *green, *[200 + number] * 1024])


def write(root: Path, names: list[str] | None = NAMES) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for file in (1, 2):
        records = [record((file + n) % 3, 5 * file + n) for n in range(4)]
        (root / f"data_batch_{file}.bin").write_bytes(b"".join(records))
    (root / "test_batch.bin").write_bytes(record(0, 50) + record(2, 51) + record(1, 52))
    (root / "readme.html").write_text("<html></html>")
    if names is not None:
        (root / "batches.meta.txt").write_text("\n".join([*names, "", ""]))
    return root


def test_pictures_and_classes(tmp_path: Path) -> None:
    train = open_dataset(write(tmp_path / "cifar"), ("labelled",), "train", SETTINGS)
    spec = train.spec()
    assert (spec.domains, spec.channels, spec.depth, spec.num_labels) == (tuple(NAMES), {"image": 3}, 8, 3)
    transform = eval_transform(SETTINGS, (32, 32), spec.value_range)
    rng = np.random.default_rng(0)
    samples = [train.sample(index, rng, transform) for index in range(len(train))]
    assert [int(sample["label"]) for sample in samples] == [1, 2, 0, 1, 2, 0, 1, 2]
    rows, columns = np.mgrid[:32, :32]
    for sample, blue in zip(samples, [205, 206, 207, 208, 210, 211, 212, 213], strict=True):
        values = np.rint(sample["image"].numpy() * 127.5 + 127.5)
        assert (values == np.stack([rows, 100 + columns, np.full_like(rows, blue)])).all()


def test_the_test_batch_is_held_back(tmp_path: Path) -> None:
    held_back = open_dataset(write(tmp_path), ("labelled",), "test", SETTINGS)
    transform = eval_transform(SETTINGS, (32, 32), (0.0, 255.0))
    rows = held_back.examples(transform, 3)
    told = {round(float(row["image"][0, 2].mean() * 127.5 + 127.5)): int(row["label"]) for row, _ in rows}
    assert told == {250: 0, 251: 2, 252: 1}


def test_what_is_said_of_them(tmp_path: Path) -> None:
    report = check(write(tmp_path / "cifar-10-batches-bin").parent)
    assert (report.kind, report.layout, report.other_kinds) == ("labelled", "CIFAR-10's binary files", ["images"])
    assert report.counts == {
        "train": {"airplane": 2, "automobile": 3, "bird": 3},
        "test": {"airplane": 1, "automobile": 1, "bird": 1},
    }
    assert report.sizes["largest"] == [32, 32]
    assert (report.stray, report.unreadable) == ([], {})


def test_without_their_names_classes_are_numbers(tmp_path: Path) -> None:
    found = survey(write(tmp_path, names=None), "labelled")
    assert found.found.domains == tuple("0123456789")
    assert {item.label for item in found.items} == {0, 1, 2}


def test_a_class_without_a_name_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path, NAMES[:2])
    with pytest.raises(
        ValueError, match=r"data_batch_1\.bin holds a picture of class 2, and batches\.meta\.txt beside"
    ):
        survey(root, "labelled")


@pytest.mark.parametrize("size", [0, 3072, 4 * 3073 - 1])
def test_a_cut_file_is_unreadable_and_the_others_are_used(tmp_path: Path, size: int) -> None:
    root = write(tmp_path)
    path = root / "data_batch_2.bin"
    path.write_bytes(path.read_bytes()[:size])
    problem = f"holds {size:,} bytes, which is no whole number of pictures of 3,073; download it again"
    assert survey(root, "labelled").unreadable == {"data_batch_2.bin/00000": problem}
    assert len(open_dataset(root, ("labelled",), "train", SETTINGS)) == 4


def test_a_page_in_place_of_all_files_is_said(tmp_path: Path) -> None:
    (tmp_path / "test_batch.bin").write_text("<html>log in</html>")
    with pytest.raises(
        ValueError, match=r"No picture in .*: 1 are named like one; test_batch\.bin/00000 holds 19 bytes"
    ):
        survey(tmp_path, "labelled")


def test_equal_pictures_are_found(tmp_path: Path) -> None:
    root = write(tmp_path)
    (root / "test_batch.bin").write_bytes(record(2, 5))  # as the first of data_batch_1, of another class
    report = check(root)
    assert report.duplicates_across == [["data_batch_1.bin/00000", "test_batch.bin/00000"]]


def test_other_files_of_that_ending_are_none(tmp_path: Path) -> None:
    root = write(tmp_path)
    (root / "weights.bin").write_bytes(record(0, 0))
    assert scan(root).stray == ("weights.bin",)
