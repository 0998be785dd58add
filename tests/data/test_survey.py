"""Dividing a set, and what stops before anything else happens."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2i.data.layouts import Item
from i2i.data.survey import OtherKind, divide, hold_back, survey

names = st.sets(st.text(min_size=1, max_size=20), max_size=300)


@given(names)
def test_a_tenth_is_held_back_and_something_is_left(keys: set[str]) -> None:
    held = hold_back(keys)
    assert held <= keys
    assert len(held) == (max(4, len(keys) // 10) if len(keys) > 4 else max(0, len(keys) - 1))


def test_at_most_200_are_held_back() -> None:
    assert len(hold_back(str(number) for number in range(5000))) == 200


@given(names, st.randoms())
def test_the_choice_depends_on_the_names_alone(keys: set[str], random) -> None:
    shuffled = sorted(keys)
    random.shuffle(shuffled)
    assert hold_back(shuffled) == hold_back(keys)


def test_the_choice_is_a_hash_and_not_the_end_of_the_list() -> None:
    keys = [f"{number:03}.jpg" for number in range(100)]
    held = hold_back(keys)
    assert held == set(sorted(keys, key=lambda key: hashlib.sha256(key.encode()).hexdigest())[:10])
    assert not held <= set(keys[-20:])
    assert len(held & hold_back([*keys, "new.jpg"])) >= 9


def test_each_domain_is_divided_by_itself() -> None:
    items = [Item({"image": f"{d}/{n}.png"}, domain=d) for d, count in (("a", 50), ("b", 8)) for n in range(count)]
    splits = divide(items)
    assert [sum(item.domain == d for item in splits["test"]) for d in "ab"] == [5, 4]
    assert len(splits["train"]) == 49


@pytest.mark.parametrize(("given", "held"), [("val", "val"), ("test", "test")])
def test_the_datas_own_split_is_held_back(given: str, held: str) -> None:
    items = [Item({"image": f"{split}/{n}.png"}, split) for split in ("train", given) for n in range(30)]
    splits = divide(items)
    assert {item.split for item in splits["test"]} == {held}
    assert len(splits["train"]) == len(splits["test"]) == 30


def test_val_stays_apart_where_there_is_test() -> None:
    items = [Item({"image": f"{split}.png"}, split) for split in ("train", "val", "test", "Set5")]
    assert {split: len(items) for split, items in divide(items).items()} == {"train": 1, "test": 1, "val": 1, "Set5": 1}


def test_broken_pictures_take_their_partners_with_them(tmp_path: Path, draw) -> None:
    for index in range(6):
        draw(tmp_path / "in" / f"{index}.png")
        draw(tmp_path / "out" / f"{index}.png")
    (tmp_path / "in" / "3.png").write_bytes(b"")
    found = survey(tmp_path, "paired")
    assert [item.key for item in found.dropped] == ["in/3.png"]
    assert len(found.items) == 5
    assert found.found.missing == ()


def test_no_pictures_says_what_there_is_and_looks_beside(tmp_path: Path, draw) -> None:
    for name in ("a.xmp", "b.xmp", "c.db"):
        (tmp_path / "winter").mkdir(exist_ok=True)
        (tmp_path / "winter" / name).write_text("")
    with pytest.raises(ValueError, match=r"winter: it holds 3 files, none an image \(\.db \.xmp \.xmp\)\.$"):
        survey(tmp_path / "winter", "images")
    for index in range(3):
        draw(tmp_path / "winter_2024" / f"{index}.png")
    with pytest.raises(ValueError, match=r"Did you mean .*winter_2024 \(3 images\)\?"):
        survey(tmp_path / "winter", "images")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="it is empty"):
        survey(tmp_path / "empty", "images")


def test_only_broken_pictures_are_told_from_none(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"1 are named like one; a.jpg is empty"):
        survey(tmp_path, "images")


def test_another_kind_says_which_and_how_to_arrange(tmp_path: Path, draw) -> None:
    draw(tmp_path / "a.png")
    with pytest.raises(OtherKind, match=r"does not hold unpaired data, it reads as images .*folder named after it"):
        survey(tmp_path, "unpaired")


def test_only_held_back_pictures_are_refused(tmp_path: Path, draw) -> None:
    draw(tmp_path / "test" / "a.png")
    with pytest.raises(ValueError, match="only held-back pictures"):
        survey(tmp_path, "images")


def test_the_fingerprint_is_of_content_and_not_of_place(tmp_path: Path, draw) -> None:
    root = tmp_path / "one"
    for index in range(3):
        draw(root / f"{index}.png")
    first = survey(root, "images").fingerprint()
    root.rename(tmp_path / "two")
    assert survey(tmp_path / "two", "images").fingerprint() == first
    draw(tmp_path / "two" / "2.png", (9, 9))
    assert survey(tmp_path / "two", "images").fingerprint() != first
