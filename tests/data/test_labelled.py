"""The kind `labelled`: which labels are chosen, and what is said of lists that are not as they should be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from i2i.data import open_dataset
from i2i.data.dataset import Dataset
from i2i.data.transforms import eval_transform, train_transform
from i2i.settings import Settings

FIVE = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")


def open_it(root: Path, split: str = "train", **settings: Any) -> Dataset:
    return open_dataset(root, ("labelled",), split, Settings(image_size=8, **settings))


def label(dataset: Dataset, index: int) -> list[float]:
    transform = train_transform(Settings(image_size=8), 8, dataset.spec().value_range)
    return dataset.sample(index, np.random.default_rng(0), transform)["label"].tolist()


@pytest.fixture
def listing(tmp_path: Path, draw):
    """Write pictures 0.png, 1.png, ... and a CSV of rows for them; return the folder."""

    def write(*lines: str, name: str = "attrs.csv", pictures: int = 0) -> Path:
        for index in range(pictures or len(lines) - 1):
            draw(tmp_path / "set" / f"{index}.png")
        (tmp_path / "set" / name).write_text("\n".join(lines) + "\n")
        return tmp_path / "set"

    return write


@pytest.fixture
def celeba(tmp_path: Path, draw):
    """Write CelebA's files with these attributes; picture n has attribute n % count and no other."""

    def write(names: str, count: int = 20) -> Path:
        lines = [str(count), names]
        for index in range(count):
            draw(tmp_path / "celeba" / "img_align_celeba" / f"{index:06}.jpg")
            values = [1 if number == index % len(names.split()) else -1 for number in range(len(names.split()))]
            lines.append(f"{index:06}.jpg " + " ".join(map(str, values)))
        (tmp_path / "celeba" / "list_attr_celeba.txt").write_text("\n".join(lines))
        return tmp_path / "celeba"

    return write


def test_of_celebas_attributes_the_usual_five_are_chosen(celeba) -> None:
    root = celeba("Bald Black_Hair Blond_Hair Brown_Hair Male Smiling Young")
    dataset = open_it(root)
    assert dataset.spec().domains == FIVE
    assert dataset.spec().num_labels == 5
    assert dataset.spec().extra == {"labels": "attributes"}
    assert sorted({tuple(label(dataset, index)) for index in range(len(dataset))}) == [
        (0, 0, 0, 0, 0),
        (0, 0, 0, 0, 1),
        (0, 0, 0, 1, 0),
        (0, 0, 1, 0, 0),
        (0, 1, 0, 0, 0),
        (1, 0, 0, 0, 0),
    ]
    assert "Of 7 attributes the usual are used; --domains chooses." in dataset.notes
    assert open_it(root, domains="smiling, Bald").spec().domains == ("Smiling", "Bald")
    assert not [note for note in open_it(root, domains="Bald").notes if "usual" in note]


def test_of_another_list_all_are_chosen(celeba, listing) -> None:
    assert open_it(celeba("Bald Smiling Young")).spec().domains == ("Bald", "Smiling", "Young")
    rows = [f"{index}.png," + ",".join("01"[(index + n) % 2] for n in range(6)) for index in range(6)]
    assert open_it(listing("file," + ",".join((*FIVE, "Happy")), *rows)).spec().domains == (*FIVE, "Happy")


@pytest.mark.parametrize("values", ["1 0", "1 -1", "true false", "Yes No", "1.0 0.0"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_ways_to_write_attributes(listing, values: str, separator: str) -> None:
    yes, no = values.split()
    rows = [["image_id", "Young", "Bald"], *([f"{n}.png", [yes, no][n % 2], [no, yes][n % 2]] for n in range(8))]
    root = listing(*(separator.join(row) for row in rows), name="list.tsv" if separator == "\t" else "list.csv")
    dataset = open_it(root)
    assert dataset.spec().domains == ("Young", "Bald")
    assert all(label(dataset, n) == [1 - int(f.stem) % 2, int(f.stem) % 2] for n, f in enumerate(dataset.files()))


def test_names_that_are_not_there(listing) -> None:
    root = listing("file,Young,Bald", "0.png,1,0", "1.png,0,1", "2.png,0,1")
    with pytest.raises(LookupError, match='set has no class or attribute "Yung"; did you mean "Young"'):
        open_it(root, domains="Yung")
    with pytest.raises(ValueError, match="--domains names Young twice; name it once"):
        open_it(root, domains="Young,young")
    assert open_it(root, domains="young,BALD").spec().domains == ("Young", "Bald")


def test_a_column_with_cells_that_are_no_attribute_is_named(listing) -> None:
    root = listing("file,Young,Bald,age", "0.png,1,0,31", "1.png,maybe,1,64", "2.png,0,1,7", "3.png,,1,18")
    dataset = open_it(root)
    assert dataset.spec().domains == ("Bald",)
    told = 'Left out Young: in Young, attrs.csv says "maybe" of 1.png (one of 2 such cells); write 1 or 0 (or -1).'
    assert told in dataset.notes
    with pytest.raises(LookupError, match=r'"Young" is no attribute: attrs\.csv says "maybe" of 1\.png'):
        open_it(root, domains="Young,Bald")
    with pytest.raises(LookupError, match='no class or attribute "age"'):
        open_it(root, domains="age")


def test_a_list_with_no_column_of_attributes_says_why(listing) -> None:
    root = listing("file,Young", "0.png,1", "1.png,0", "2.png,")
    with pytest.raises(ValueError, match=r"holds attributes: in Young, attrs\.csv says nothing of 2\.png; write"):
        open_it(root)
    (root / "attrs.csv").write_text("file,age\n0.png,3\n1.png,4\n2.png,5\n")
    with pytest.raises(ValueError, match="does not hold labelled data"):
        open_it(root)


def test_attributes_that_cannot_be_learnt_are_named(listing) -> None:
    rows = [f"{n}.png,1,0,{n % 2},0" for n in range(9)]
    notes = open_it(listing("file,Young,Bald,Smiling,Old", *rows)).notes
    assert "Every picture to train on has Young: that cannot be learnt." in notes
    assert "No picture to train on has Bald, Old: that cannot be learnt." in notes


def test_pictures_that_are_listed_twice(listing) -> None:
    root = listing("file,Young", "0.png,1", "1.png,0", "2.png,1", "0.png,1", "1.png,1", pictures=3)
    (told,) = (note for note in open_it(root).notes if "twice" in note)
    assert told == "1 picture is listed twice, with different attributes: 1.png."


def test_a_class_without_a_picture_to_train_on_is_named(tmp_path: Path, draw) -> None:
    for index in range(6):
        draw(tmp_path / "train" / "rain" / f"{index}.png")
        draw(tmp_path / "test" / ("rain" if index % 2 else "snow") / f"t{index}.png")
    dataset = open_it(tmp_path)
    assert dataset.spec().domains == ("rain", "snow")
    assert "There is no picture to train on of snow." in dataset.notes
    assert not [note for note in open_it(tmp_path, domains="rain").notes if "train on" in note]


def test_examples_go_from_each_class_to_the_next(tmp_path: Path, draw) -> None:
    for name in ("rain", "snow", "sun"):
        for index in range(8):
            draw(tmp_path / name / f"{index}.png")
    dataset = open_it(tmp_path, "test", domains="sun,rain,snow")
    rows = dataset.examples(eval_transform(Settings(image_size=8), 8, (0.0, 255.0)), 4)
    names = dataset.spec().domains
    assert [request.to for _, request in rows] == [names[(int(inputs["label"]) + 1) % 3] for inputs, _ in rows]
    assert {int(inputs["label"]) for inputs, _ in rows} == {0, 1, 2}
    assert all(inputs["source"].shape == (1, 3, 8, 8) for inputs, _ in rows)
