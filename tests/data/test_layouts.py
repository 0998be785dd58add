"""Every layout, on a tiny folder of its own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from i2i.data.folders import common_folder
from i2i.data.layouts import Found
from i2i.data.scan import scan
from i2i.data.survey import detect, kinds_of


def found(root: Path, kind: str) -> Found:
    result = detect(scan(root), kind)
    assert result is not None
    return result


def counts(result: Found) -> dict[tuple[str, str], int]:
    return dict(Counter((item.split, item.domain) for item in result.items))


def fill(draw, root: Path, folders: str, count: int = 2) -> None:
    for folder in folders.split():
        for index in range(count):
            draw(root / folder / f"{folder.replace('/', '-')}-{index}.png")


@pytest.mark.parametrize(
    "folders", ["trainA trainB testA testB", "TrainA TrainB", "train/A train/B test/A test/B", "A/train B/train"]
)
def test_lettered_domains_are_named_by_the_set(tmp_path: Path, draw, folders: str) -> None:
    root = tmp_path / "summer2winter_of_mine"
    fill(draw, root, folders)
    result = found(root, "unpaired")
    assert result.domains == ("summer", "winter")
    assert counts(result)["train", "winter"] == 2
    assert kinds_of(scan(root))[0] == "unpaired"


def test_dataset_toml_names_the_domains_first(tmp_path: Path, draw) -> None:
    root = tmp_path / "summer2winter"
    fill(draw, root, "trainA trainB")
    (root / "dataset.toml").write_text('domains = ["été", "hiver"]')
    assert found(root, "unpaired").domains == ("été", "hiver")
    (root / "dataset.toml").write_text('domains = ["a", "b", "c"]')
    with pytest.raises(ValueError, match="names 3 domains, but the folder holds two"):
        found(root, "unpaired")


def test_letters_stay_when_nothing_better_is_known(tmp_path: Path, draw) -> None:
    fill(draw, tmp_path / "mine", "trainA trainB")
    assert found(tmp_path / "mine", "unpaired").domains == ("A", "B")


def test_the_catalogue_names_the_domains_of_its_sets(tmp_path: Path, draw) -> None:
    root = tmp_path / "iphone2dslr_flower"
    fill(draw, root, "trainA trainB")
    assert found(root, "unpaired").domains == ("iphone", "dslr")


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        ("summer winter", {""}),
        ("train/summer train/winter test/summer test/winter", {"train", "test"}),
        ("summer/train winter/train summer/val winter/val", {"train", "val"}),
        ("wrapped/summer wrapped/winter", {""}),
    ],
)
def test_domain_folders(tmp_path: Path, draw, folders: str, splits: set[str]) -> None:
    fill(draw, tmp_path / "set", folders)
    result = found(tmp_path / "set", "unpaired")
    assert result.domains == ("summer", "winter")
    assert {item.split for item in result.items} == splits


def test_more_than_two_folders_are_classes_first(tmp_path: Path, draw) -> None:
    fill(draw, tmp_path, "train/rain train/shine train/snow")
    assert kinds_of(scan(tmp_path)) == ["labelled", "unpaired", "images"]
    result = found(tmp_path, "labelled")
    assert result.domains == ("rain", "shine", "snow")
    assert {item.domain: item.label for item in result.items} == {"rain": 0, "shine": 1, "snow": 2}


def test_a_picture_beside_the_folders_is_outside(tmp_path: Path, draw) -> None:
    fill(draw, tmp_path, "summer winter", count=12)
    draw(tmp_path / "overview.png")
    assert found(tmp_path, "unpaired").outside == ("overview.png",)
    for index in range(4):
        draw(tmp_path / f"{index}.png")
    assert detect(scan(tmp_path), "unpaired") is None


def test_pictures_above_a_folder_of_its_own_are_outside(tmp_path: Path, draw) -> None:
    for folder in ("trainA", "trainB"):
        for index in range(20):
            draw(tmp_path / "set" / "horse2zebra" / folder / f"{index}.png")
    draw(tmp_path / "set" / "preview.png")
    draw(tmp_path / "set" / "horse2zebra" / "logo.png")
    for kind in ("unpaired", "paired"):
        result = found(tmp_path / "set", kind)
        assert result.domains == ("horse", "zebra")
        assert sorted(result.outside) == ["horse2zebra/logo.png", "preview.png"]
        assert not result.missing


@pytest.mark.parametrize(("size", "fits"), [((8, 16), True), ((8, 12), False)])
def test_side_by_side_pairs(tmp_path: Path, draw, size: tuple[int, int], fits: bool) -> None:
    root = tmp_path / "edges2shoes"
    for split in ("train", "val"):
        draw(root / split / "1.png", size)
    result = detect(scan(root), "paired")
    assert (result is not None) is fits
    if result is not None:
        assert result.domains == ("edges", "shoes")
        assert [item.files for item in result.items] == [{"pair": "train/1.png"}, {"pair": "val/1.png"}]
    (root / "dataset.toml").write_text('kind = "paired"')
    assert detect(scan(root), "paired") is not None


def test_two_folders_with_equal_stems(tmp_path: Path, draw) -> None:
    for index in range(5):
        draw(tmp_path / "maps" / f"{index}.png")
        draw(tmp_path / "photos" / f"{index}.jpg")
    draw(tmp_path / "photos" / "lonely.jpg")
    result = found(tmp_path, "paired")
    assert result.domains == ("maps", "photos")
    assert result.missing == ("photos/lonely.jpg",)
    assert result.items[0].files == {"source": "maps/0.png", "target": "photos/0.jpg"}
    assert kinds_of(scan(tmp_path))[:2] == ["paired", "unpaired"]


def test_stems_may_end_with_their_folder(tmp_path: Path, draw) -> None:
    for side in "AB":
        for split in ("train", "test"):
            draw(tmp_path / f"{split}{side}" / f"7_{side}.png")
    assert [item.split for item in found(tmp_path, "paired").items] == ["test", "train"]


def test_equal_names_of_other_shapes_are_no_pairs(tmp_path: Path, draw) -> None:
    for index in range(4):
        draw(tmp_path / "cat" / f"{index}.png", (8, 10 + index))
        draw(tmp_path / "dog" / f"{index}.png", (10 + index, 8))
    assert detect(scan(tmp_path), "paired") is None


def test_photos_with_label_maps(tmp_path: Path, draw) -> None:
    for split in ("train", "test"):
        for role in ("img", "label", "inst"):
            draw(tmp_path / f"{split}_{role}" / "1.png", channels=3 if role == "img" else 1)
    draw(tmp_path / "train_img" / "2.png")
    result = found(tmp_path, "paired")
    assert result.missing == ("train_img/2.png",)
    assert [set(item.files) for item in result.items] == [{"target", "label", "instance"}] * 2
    assert kinds_of(scan(tmp_path)) == ["paired", "images"]
    assert [item.key for item in found(tmp_path, "images").items] == ["test_img/1.png", "train_img/1.png"]


def test_hr_folders(tmp_path: Path, draw) -> None:
    fill(draw, tmp_path, "train/HR val/HR Set5/HR", count=1)
    draw(tmp_path / "train" / "LR" / "small.png")
    result = found(tmp_path, "images")
    assert {item.split for item in result.items} == {"train", "val", "Set5"}
    assert result.outside == ("train/LR/small.png",)
    assert kinds_of(scan(tmp_path))[0] == "images"


def test_any_folder_is_images(tmp_path: Path, draw) -> None:
    fill(draw, tmp_path, "train/a/deep test/a", count=1)
    assert {item.split for item in found(tmp_path, "images").items} == {"train", "test"}


def test_the_folder_that_all_share() -> None:
    assert common_folder(["x/y/1.png", "x/y/z/2.png"]) == "x/y/"
    assert common_folder(["x/train/1.png", "x/train/2.png"]) == "x/"
    assert common_folder(["trainA/1.png"]) == ""
    assert common_folder(["0.png", *(f"x/{n}.png" for n in range(19))]) == "x/"
    assert common_folder(["0.png", *(f"x/{n}.png" for n in range(18))]) == ""
    assert common_folder(["a/0.png", *(f"x/{n}.png" for n in range(99))]) == ""
    assert common_folder([]) == ""


def test_dataset_toml_may_say_the_kind(tmp_path: Path, draw) -> None:
    fill(draw, tmp_path, "rain shine snow")
    (tmp_path / "dataset.toml").write_text('kind = "unpaired"')
    assert kinds_of(scan(tmp_path))[0] == "unpaired"


def test_of_two_pictures_with_one_stem_the_second_has_no_partner(tmp_path: Path, draw) -> None:
    for name in ("in/1.jpg", "in/1.png", "in/2.png", "out/1.png", "out/2.png"):
        draw(tmp_path / name)
    result = found(tmp_path, "paired")
    assert [item.files["source"] for item in result.items] == ["in/1.jpg", "in/2.png"]
    assert result.missing == ("in/1.png",)
    for name in ("img/1.jpg", "img/1.png", "label/1.png"):
        draw(tmp_path / "maps" / name, channels=1)
    maps = found(tmp_path / "maps", "paired")
    assert [item.files["target"] for item in maps.items] == ["img/1.jpg"]
    assert maps.missing == ("img/1.png",)


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        ("set/HR", {""}),
        ("Set5/HR Set14/HR", {""}),
        ("Set5/HR val/HR", {"", "val"}),
        ("train/HR Set5/HR", {"train", "Set5"}),
    ],
)
def test_hr_folders_without_a_train_split_are_to_train_on(tmp_path: Path, draw, folders: str, splits: set[str]) -> None:
    fill(draw, tmp_path, folders)
    draw(tmp_path / folders.split("/")[0] / "LR" / "small.png")
    assert {item.split for item in found(tmp_path, "images").items} == splits
