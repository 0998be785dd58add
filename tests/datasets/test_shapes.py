from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from i2i_datasets import shapes
from PIL import Image


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("shapes")
    shapes.shapes(made)
    return made


@pytest.fixture(scope="module")
def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "captions.jsonl").read_text().splitlines()]


def read(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        return np.asarray(opened)


def words_of(rows: list[dict]) -> set[str]:
    return {word for row in rows for caption in row["captions"] for word in re.findall(r"\w+", caption)}


def test_pictures_with_four_sentences_each(folder: Path, rows: list[dict]) -> None:
    splits = [row["split"] for row in rows]
    assert (splits.count("train"), splits.count("test")) == (432, 72)
    assert {row["file"] for row in rows} == {path.relative_to(folder).as_posix() for path in folder.glob("images/*")}
    for row in rows:
        assert len(set(row["captions"])) == 4
        pixels = read(folder / row["file"])
        assert (pixels.shape, pixels.dtype) == ((64, 64, 3), np.uint8)


def test_the_same_pixels_and_sentences_on_every_machine(folder: Path, rows: list[dict]) -> None:
    digest = hashlib.sha256((folder / "captions.jsonl").read_bytes())
    for row in rows:
        digest.update(read(folder / row["file"]).tobytes())
    assert digest.hexdigest() == "7a7728c8c783deb675c430acf47e3814056a83f57a96a76e6c8212e693568e84"


def test_sentences_that_are_held_back_are_new_and_their_words_are_not(rows: list[dict]) -> None:
    train, test = ([row for row in rows if row["split"] == split] for split in ("train", "test"))
    said = {caption for row in train for caption in row["captions"]}
    assert not said & {caption for row in test for caption in row["captions"]}
    assert words_of(test) <= words_of(train)
    for row in train:
        for caption in row["captions"]:
            assert not [pair for pair in shapes.HELD_BACK if set(pair) <= set(re.findall(r"\w+", caption))]


def test_sentences_say_what_is_drawn(folder: Path, rows: list[dict]) -> None:
    for row in rows:
        _, size, colour, shape, ground = Path(row["file"]).stem.split("-")
        pixels = read(folder / row["file"])
        assert shapes.colour_of(pixels) == colour
        corner = int(pixels[0, 0, 0])
        assert min(shapes.GROUNDS, key=lambda name: abs(shapes.GROUNDS[name] - corner)) == ground
        others = {*shapes.COLOURS, *shapes.SHAPES, *shapes.GROUNDS} - {colour, shape, ground}
        for caption in row["captions"]:
            found = set(re.findall(r"\w+", caption))
            assert {colour, shape} <= found
            assert not found & others
            assert not found & ({"small", "little"} if size == "large" else {"large", "big"})


def test_the_first_held_back_pictures_differ(rows: list[dict]) -> None:
    held_back = sorted(row["file"] for row in rows if row["split"] == "test")[:6]
    assert len({name.split("-")[2] for name in held_back}) >= 3, "previews show the first six"


@pytest.mark.parametrize(
    ("shape", "area"),
    [("circle", np.pi), ("square", 4 * 0.8**2), ("triangle", 3**1.5 / 4), ("star", 1.12257)],  # of radius 1
)
def test_shapes_have_their_area(shape: str, area: float) -> None:
    line = np.arange(-600, 601)
    within = shapes.inside(shape, line[None], line[:, None], 500)
    assert within.sum() == pytest.approx(area * 500**2, rel=0.01)
    assert (within == within[:, ::-1]).all(), "left is as right, so pictures may be mirrored"


def test_colours_are_told_of_what_others_draw() -> None:
    grey = np.full((32, 32, 3), 125.0)
    assert shapes.colour_of(grey) is None
    for colour, value in shapes.COLOURS.items():
        picture = grey.copy()
        picture[8:20, 8:20] = 0.7 * np.array(value) + 0.3 * 125  # pale
        picture[20:24] += np.random.default_rng(0).normal(0, 8, (4, 32, 3))
        assert shapes.colour_of(picture) == colour


def test_it_is_read_as_pictures_with_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from i2i import catalogue
    from i2i.data.captioned import Captioned

    said: list[str] = []
    root = catalogue.get("shapes", say=said.append)
    assert said == ["Making shapes from geometry alone, 64 pixels wide. Licence: CC0 1.0."]
    train, test = Captioned(root, "train"), Captioned(root, "test")
    assert (len(train), len(test)) == (432, 72)
    assert {"red", "star", "small"} <= set(train.spec().vocabulary)
