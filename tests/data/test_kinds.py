"""The five kinds: batch keys, specs, directions, examples, and what is refused."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from i2i.data import open_dataset
from i2i.data.captioned import words
from i2i.data.dataset import Dataset
from i2i.data.transforms import eval_transform, train_transform
from i2i.settings import Settings


def open_it(root: Path, *kinds: str, split: str = "train", **settings: Any) -> Dataset:
    return open_dataset(root, kinds, split, Settings(image_size=8, **settings))


def sample(dataset: Dataset, index: int = 0, seed: int = 0) -> dict[str, Any]:
    transform = train_transform(Settings(image_size=8), 8, dataset.spec().value_range)
    return dataset.sample(index, np.random.default_rng(seed), transform)


def examples(dataset: Dataset, count: int) -> list[Any]:
    return dataset.examples(eval_transform(Settings(image_size=8), 8, dataset.spec().value_range), count)


@pytest.fixture
def seasons(tmp_path: Path, draw) -> Path:
    for season, count in (("summer", 9), ("winter", 6)):
        for index in range(count):
            draw(tmp_path / "seasons" / season / f"{season} {index}.png")
    return tmp_path / "seasons"


def test_images(tmp_path: Path, draw) -> None:
    for index in range(10):
        draw(tmp_path / f"{index}.png", channels=1)
    train, test = open_it(tmp_path, "images"), open_it(tmp_path, "images", split="test")
    assert (len(train), len(test)) == (6, 4)
    assert not {*train.files()} & {*test.files()}
    assert train.spec().channels == {"image": 1}
    assert sample(train)["image"].shape == (1, 8, 8)
    inputs, request = examples(test, 2)[1]
    assert inputs["source"].shape == (1, 1, 8, 8)
    assert request.to is None


def test_unpaired(seasons: Path) -> None:
    train, test = open_it(seasons, "unpaired"), open_it(seasons, "unpaired", split="test")
    assert (len(train), len(test)) == (5, 4)
    assert train.spec().domains == ("summer", "winter")
    assert train.spec().channels == {"a": 3, "b": 3}
    batches = [sample(train, index=0, seed=seed) for seed in range(12)]
    assert batches[0].keys() == {"a", "b"}
    assert len({tuple(batch["b"].flatten().tolist()) for batch in batches}) > 2
    assert [request.to for _, request in examples(test, 3)] == ["winter", "winter", "summer"]


def test_data_sets_reach_spawned_workers(seasons: Path) -> None:
    dataset = open_it(seasons, "unpaired")
    copy = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(sample(copy)["b"], sample(dataset)["b"])


def test_unpaired_crops_are_independent(tmp_path: Path, draw) -> None:
    for domain in ("a1", "b1"):
        for index in range(2):
            (tmp_path / domain).mkdir(exist_ok=True)
            source = draw(tmp_path / "one.png", (30, 30))
            (tmp_path / domain / f"{domain}{index}.png").write_bytes(source.read_bytes())
            source.unlink()
    dataset = open_it(tmp_path, "unpaired")
    batches = [sample(dataset, seed=seed) for seed in range(5)]
    assert not all(torch.equal(batch["a"], batch["b"]) for batch in batches)


def test_more_than_two_domains_need_a_choice(tmp_path: Path, draw) -> None:
    for domain in ("rain", "shine", "sunrise"):
        for index in range(6):
            draw(tmp_path / "weather" / domain / f"{domain}{index}.png")
    root = tmp_path / "weather"
    message = "3 domains are in weather: rain, shine, sunrise; choose two, as in --domains shine,sunrise"
    with pytest.raises(ValueError, match=message):
        open_it(root, "unpaired")
    assert open_it(root, "unpaired", domains="sunrise, rain").spec().domains == ("sunrise", "rain")
    several = open_dataset(root, ("unpaired", "labelled"), "train", Settings())  # by a model that takes both kinds
    assert (several.kind, several.spec().domains) == ("labelled", ("rain", "shine", "sunrise"))
    two = open_dataset(root, ("unpaired", "labelled"), "train", Settings(domains="shine,rain"))
    assert (two.kind, two.spec().domains) == ("unpaired", ("shine", "rain"))
    with pytest.raises(ValueError, match="3 domains are in weather: rain, shine, sunrise; choose two"):
        open_dataset(root, ("unpaired", "labelled"), "train", Settings(domains="rain"))
    with pytest.raises(LookupError, match='no domain "shin"; did you mean "shine"'):
        open_it(root, "unpaired", domains="shin,rain")


def test_domains_may_differ_in_channels(tmp_path: Path, draw) -> None:
    for index in range(6):
        draw(tmp_path / "grey" / f"g{index}.png", channels=1)
        draw(tmp_path / "colour" / f"c{index}.png")
    dataset = open_it(tmp_path, "unpaired", domains="grey,colour")
    assert dataset.spec().channels == {"a": 1, "b": 3}
    assert sample(dataset)["a"].shape == (1, 8, 8)


def test_pairs_given_to_an_unpaired_model_are_mentioned(pairs: Path) -> None:
    (pairs / "target" / "03.png").unlink()
    (pairs / "target" / "04.png").unlink()
    dataset = open_it(pairs, "unpaired")
    assert "This folder looks paired (10 of 12 names match in source and target)" in dataset.notes[-1]


def test_paired_directions(pairs: Path) -> None:
    forward = open_it(pairs, "paired")
    backward = open_it(pairs, "paired", domains="target,source")
    assert forward.spec().domains == ("source", "target")
    assert backward.spec().domains == ("target", "source")
    one, other = sample(forward), sample(backward)
    torch.testing.assert_close(one["source"], -one["target"])
    torch.testing.assert_close(one["source"], other["target"])
    with pytest.raises(LookupError, match='no domain "tarket"; did you mean "target"'):
        open_it(pairs, "paired", domains="source,tarket")
    with pytest.raises(ValueError, match="name source and target, as in --domains source,target"):
        open_it(pairs, "paired", domains="source")


def test_side_by_side_halves(tmp_path: Path) -> None:
    from PIL import Image

    root = tmp_path / "edges2shoes"
    root.mkdir()
    for index in range(6):
        left = np.random.default_rng(index).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(np.concatenate([left, 255 - left], axis=1)).save(root / f"{index}.png")
    dataset = open_it(root, "paired")
    assert dataset.spec().domains == ("edges", "shoes")
    batch = sample(dataset, 1)
    torch.testing.assert_close(batch["source"], -batch["target"], atol=0.02, rtol=0)
    turned = open_it(root, "paired", domains="shoes,edges")
    torch.testing.assert_close(sample(turned, 1)["source"], batch["target"])


def test_label_maps(tmp_path: Path, draw) -> None:
    from PIL import Image

    for index in range(6):
        draw(tmp_path / "img" / f"{index}.jpg", (8, 8))
        for role, values in (("label", [0, 4]), ("inst", [0, 1000])):
            (tmp_path / role).mkdir(exist_ok=True)
            array = np.tile(np.array(values, np.uint16 if role == "inst" else np.uint8), (8, 4))
            Image.fromarray(array).save(tmp_path / role / f"{index}.png")
    dataset = open_it(tmp_path, "paired")
    assert dataset.spec().num_labels == 5
    assert dataset.spec().channels == {"target": 3, "label": 1, "instance": 1}
    batch = sample(dataset)
    assert set(batch["label"].unique().tolist()) == {0, 4}
    assert set(batch["instance"].unique().tolist()) == {0, 1000}
    assert torch.equal(batch["label"] > 0, batch["instance"] > 0)
    with pytest.raises(ValueError, match="photos are made from label maps"):
        open_it(tmp_path, "paired", domains="photo,label")


def test_labelled_classes(seasons: Path) -> None:
    dataset = open_it(seasons, "labelled")
    assert dataset.spec().num_labels == 2
    labels = {int(sample(dataset, index)["label"]) for index in range(len(dataset))}
    assert labels == {0, 1}
    inputs, request = examples(dataset, 2)[0]
    assert dataset.spec().domains[1 - int(inputs["label"])] == request.to
    chosen = open_it(seasons, "labelled", domains="winter,summer")
    assert chosen.spec().domains == ("winter", "summer")
    assert open_it(seasons, "labelled", domains="winter").spec().num_labels == 1


def test_labelled_attributes(tmp_path: Path, draw) -> None:
    for index in range(6):
        draw(tmp_path / f"{index}.png")
    rows = [f"{index}.png,{index % 2},1,0" for index in range(6)]
    (tmp_path / "list.csv").write_text("\n".join(["file,Young,Bald,Male", *rows]))
    dataset = open_it(tmp_path, "labelled", domains="Bald,Young")
    assert dataset.spec().num_labels == 2
    assert {tuple(sample(dataset, i)["label"].tolist()) for i in range(len(dataset))} <= {(1, 0), (1, 1)}


@pytest.mark.parametrize(
    ("caption", "found"),
    [
        ("The dog\u2019s ball -- it rolls!", ["the", "dog's", "ball", "it", "rolls"]),
        ("un caf\u00e9, 2 m\u00e8tres", ["un", "caf\u00e9", "2", "m\u00e8tres"]),
        ("\u4e00\u53ea\u72d7 runs", ["\u4e00", "\u53ea", "\u72d7", "runs"]),
        ("snake_case \U0001f415 ...", ["snake", "case"]),
    ],
)
def test_words_of_captions(caption: str, found: list[str]) -> None:
    assert words(caption) == found


def test_captioned(tmp_path: Path, draw) -> None:
    rows = []
    for index in range(6):
        draw(tmp_path / f"{index}.png")
        rows.append({"file": f"{index}.png", "split": "train", "captions": ["A dog's ball.", "The dog runs, runs!"]})
    (tmp_path / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    dataset = open_it(tmp_path, "captioned")
    assert dataset.spec().vocabulary[:2] == ("runs", "a")
    assert {sample(dataset, 0, seed)["caption"] for seed in range(20)} == set(rows[0]["captions"])
    assert words("Été — a DOG's 2 balls") == ["été", "a", "dog's", "2", "balls"]


def test_grey_and_colour_pictures_train_together(tmp_path: Path, draw) -> None:
    for index in range(4):
        draw(tmp_path / f"rgb{index}.png", mode="RGBA")
        draw(tmp_path / f"grey{index}.png", channels=1)
    dataset = open_it(tmp_path, "images")
    assert dataset.spec().channels == {"image": 3}
    assert {sample(dataset, index)["image"].shape for index in range(len(dataset))} == {(3, 8, 8)}


@pytest.mark.parametrize(("channels", "dtype", "depth"), [(1, "uint16", 16), (5, "uint16", 16), (12, "float32", 32)])
def test_depth_and_channels_reach_the_spec(tmp_path: Path, draw, channels: int, dtype: str, depth: int) -> None:
    for index in range(5):
        draw(tmp_path / f"{index}.tif", channels=channels, dtype=dtype)
    if depth == 32:
        with pytest.raises(ValueError, match=r"write their lowest and highest value as range = \[0, 1\] into"):
            open_it(tmp_path, "images")
        (tmp_path / "dataset.toml").write_text("range = [0, 1]")
    dataset = open_it(tmp_path, "images")
    assert dataset.spec().depth == depth
    assert dataset.spec().channels == {"image": channels}
    image = sample(dataset)["image"]
    assert image.shape == (channels, 8, 8)
    assert image.min() < -0.5
    assert image.max() > 0.5


def test_broken_and_stray_files_are_noted_or_stop(seasons: Path) -> None:
    (seasons / "summer" / "empty.jpg").write_bytes(b"")
    (seasons / "winter" / "Thumbs.db").write_bytes(b"x")
    notes = open_it(seasons, "unpaired").notes
    assert notes == [
        "Skipped 1 file that cannot be read: summer/empty.jpg.",
        "Ignored 1 file that is no picture: winter/Thumbs.db.",
    ]
    message = "2 files in .* cannot be used: summer/empty.jpg is empty .*; winter/Thumbs.db is no picture. Remove them"
    with pytest.raises(ValueError, match=message):
        open_it(seasons, "unpaired", strict=True)


def test_one_picture_trains_and_holds_nothing_back(tmp_path: Path, draw) -> None:
    draw(tmp_path / "only one.png", (1, 1))
    train, test = open_it(tmp_path, "images"), open_it(tmp_path, "images", split="test")
    assert (len(train), len(test)) == (1, 0)
    assert sample(train)["image"].shape == (3, 8, 8)
    assert len(examples(test, 3)) == 1


def test_held_back_pictures_are_resized_once(seasons: Path) -> None:
    train, test = (open_it(seasons, "unpaired", split=split, resize=12) for split in ("train", "test"))
    assert train.pictures.covered == (12, 12)  # type: ignore[attr-defined]
    assert test.pictures.covered == (8, 8)  # type: ignore[attr-defined]


def test_the_licence_is_carried(seasons: Path) -> None:
    assert open_it(seasons, "unpaired").licence == ""
    (seasons / "dataset.toml").write_text('licence = "CC0"')
    assert open_it(seasons, "unpaired").licence == "CC0"


def test_the_first_kind_that_fits_is_taken(seasons: Path) -> None:
    assert open_it(seasons, "captioned", "labelled", "unpaired").kind == "labelled"
    with pytest.raises(ValueError, match="does not hold captioned data, it reads as unpaired"):
        open_it(seasons, "captioned", "paired")
    with pytest.raises(LookupError, match='no kind of data "unpared"; did you mean "unpaired"'):
        open_it(seasons, "unpared")


def test_other_splits_open_by_name(tmp_path: Path, draw) -> None:
    for folder in ("train", "val", "Set5"):
        draw(tmp_path / folder / "HR" / "1.png")
    assert [str(path) for path in open_it(tmp_path, "images", split="Set5").files()] == ["Set5/HR/1.png"]
    with pytest.raises(LookupError, match='no split "Set14"; it has train, test, Set5'):
        open_it(tmp_path, "images", split="Set14")


def test_fingerprints_notice_labels_and_ignore_the_split(seasons: Path) -> None:
    train, test = open_it(seasons, "unpaired"), open_it(seasons, "unpaired", split="test")
    assert train.fingerprint() == test.fingerprint()
