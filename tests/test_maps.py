"""Label maps as inputs, and what goes along with a picture."""

from __future__ import annotations

from pathlib import Path

import filters
import numpy as np
import pytest
import torch
from PIL import Image

from i2i import maps
from i2i.batch import translate_plan
from i2i.images import read
from i2i.request import How
from i2i.translation import make_request, translate_image, translate_picture
from i2i.tree import plan

LABELS = (np.arange(13 * 9) % 5).reshape(13, 9).astype(np.uint8)


@pytest.fixture
def labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """labels/: a gray map, one with a palette in a folder, one with a label too many, one in colours."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "labels"
    (folder / "deep").mkdir(parents=True)
    Image.fromarray(LABELS).save(folder / "gray.png")
    palette = Image.fromarray(LABELS, "P")
    palette.putpalette(list(range(255, 240, -1)))
    palette.save(folder / "deep" / "palette.png")
    Image.fromarray(LABELS + 2).save(folder / "much.png")
    Image.fromarray(np.dstack([LABELS] * 3)).save(folder / "colour.png")
    return folder


def paint(inputs: list[Path], instances: Path | None = None, **how: object):
    model = filters.make(filters.Paint, channels={"label": 1, "target": 3}, domains=("label", "photo"), num_labels=5)
    made = plan(inputs, None, "photo")
    maps.attach(made, {"instance": instances} if instances else {})
    return translate_plan(model, made, make_request(model, {}), How(**how))


def painted(labels: np.ndarray) -> np.ndarray:
    return np.repeat(np.rint(labels / 10 * 255)[..., None], 3, axis=2)


def test_a_map_is_read_as_numbers_and_becomes_a_photo_of_its_size(labels):
    summary = paint([labels])
    for name in ("gray.png", "deep/palette.png"):
        made = read(labels.parent / "labels-photo" / name)
        assert made.pixels.dtype == np.uint8
        assert (made.pixels == painted(LABELS)).all()
    told = dict(summary.failed)
    assert told["labels/colour.png"] == "has 3 channels; a map of labels has one"
    assert told["labels/much.png"] == (
        "label 6 in labels/much.png is outside 0-4, which this model knows; correct the map"
    )


def test_a_map_is_resized_by_the_nearest_pixel(labels):
    big = np.kron(LABELS, np.ones((4, 4), np.uint8))
    Image.fromarray(big).save(labels / "gray.png")
    seen = []
    model = filters.make(filters.Paint, channels={"label": 1, "target": 3}, domains=("label", "photo"), num_labels=5)
    model.translate = lambda inputs, request: seen.append(inputs["label"]) or torch.zeros(1, 3, 16, 12)
    made = translate_picture(model, maps.read(labels / "gray.png", "label"), make_request(model, {}), image_size=9)
    assert made.pixels.shape == (52, 36, 3)
    assert seen[0].shape == (1, 1, 16, 12)  # padded to multiples of 4
    assert (seen[0][0, 0, 1:14, 1:10].numpy() == LABELS).all()  # a quarter: exactly the small map


def test_companions_are_found_by_name(labels, tmp_path):
    instances = np.tile(np.arange(9, dtype=np.uint16), (13, 1))
    (tmp_path / "inst" / "deep").mkdir(parents=True)
    Image.fromarray(instances).save(tmp_path / "inst" / "gray.png")
    Image.fromarray(instances + 1).save(tmp_path / "inst" / "deep" / "palette.png")
    summary = paint([labels], tmp_path / "inst")
    assert (read(tmp_path / "labels-photo/gray.png").pixels[:, 1::2] == 0).all()
    assert (read(tmp_path / "labels-photo/gray.png").pixels[:, ::2] == painted(LABELS)[:, ::2]).all()
    assert (read(tmp_path / "labels-photo/deep/palette.png").pixels[:, ::2] == 0).all()
    assert dict(summary.failed)["labels/much.png"] == (
        "there is no instance of labels/much.png in inst; one of the same name is needed there"
    )


def test_a_companion_of_another_size_and_one_that_is_not_there(labels, tmp_path):
    Image.fromarray(LABELS[:, :4]).save(tmp_path / "one.png")
    summary = paint([labels / "gray.png"], tmp_path / "one.png")
    assert summary.failed[0][1].startswith("the instance of labels/gray.png has 4 x 13 pixels, the picture 9 x 13")
    with pytest.raises(ValueError, match=r"there is no file or folder .*gone \(--instance\)"):
        paint([labels / "gray.png"], tmp_path / "gone")


def test_from_python(labels):
    model = filters.make(filters.Paint, channels={"label": 1, "target": 3}, domains=("label", "photo"), num_labels=5)
    with Image.open(labels / "deep/palette.png") as image:
        assert (np.asarray(translate_image(model, image)) == painted(LABELS)).all()
        odd = Image.fromarray(np.ones_like(LABELS))
        assert (np.asarray(translate_image(model, image, instance=odd)) == 0).all()
    with pytest.raises(ValueError, match="this image has the mode RGB; use mode P, L or I;16"):
        translate_image(model, Image.new("RGB", (8, 8)))


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([0, 255, 3, 128], np.uint8, [0, 1, 0, 1]),  # noise of JPEG is no mask
        ([0, 1], np.uint8, [0, 1]),  # some write masks as 0 and 1
        ([3, 0], np.uint8, [0, 0]),
        ([0, 65535, 300], np.uint16, [0, 1, 0]),
        ([0.0, 0.75], np.float32, [0, 1]),
    ],
)
def test_where_a_mask_is_set(values, dtype, expected):
    assert maps.is_set(np.array([values], dtype)).astype(int).tolist() == [expected]


def test_labels_are_exchanged_as_they_were_in_training(labels):
    spec = {"channels": {"label": 1, "target": 3}, "domains": ("label", "photo"), "num_labels": 5}
    model = filters.make(filters.Paint, **spec, extra={"map_labels": {"6": 0, "5": 1}})
    made = translate_picture(model, maps.read(labels / "much.png", "label"), make_request(model, {}))
    known = LABELS + 2
    assert (made.pixels == painted(np.where(known == 6, 0, np.where(known == 5, 1, known)))).all()
