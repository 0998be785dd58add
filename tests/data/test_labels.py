"""Label maps: the values they hold, exchanging them by dataset.toml, and what cannot be trained on."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from i2i.data import facts, labels, open_dataset
from i2i.data.scan import scan
from i2i.data.survey import survey
from i2i.settings import Settings
from i2i.spec import DataSpec


@pytest.fixture
def maps(tmp_path):
    """Six photos with maps of the labels 0-3, the last of 7 and 255 as well, and instance maps that are the same."""
    root = tmp_path / "street"
    rng = np.random.default_rng(0)
    for name in ("train_img", "train_label", "train_inst"):
        (root / name).mkdir(parents=True)
    for index in range(6):
        labelled = rng.integers(0, 4, (12, 16), dtype=np.uint8)
        if index == 5:
            labelled[:6, :8], labelled[6:, :8] = 7, 255
        Image.fromarray(labelled).save(root / "train_label" / f"{index}.png")
        Image.fromarray(labelled).save(root / "train_inst" / f"{index}.png")
        Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)).save(root / "train_img" / f"{index}.png")
    return root


def tell(root, text):
    (root / "dataset.toml").write_text(text)
    return root


def opened(root, split="train"):
    return open_dataset(root, ("paired",), split, Settings(image_size=8, crop="none"))


def test_exchanging_is_one_step_for_all():
    pixels = np.array([[0, 1, 2, 255]], np.uint8)
    assert labels.exchange(pixels, {1: 2, 2: 1, 255: 0}).tolist() == [[0, 2, 1, 0]]
    assert labels.exchange(pixels, {255: 300, 9: 4}).tolist() == [[0, 1, 2, 300]]
    assert labels.exchange(pixels, {}) is pixels


LABELS = st.integers(0, 400)


@given(st.lists(LABELS, min_size=1, max_size=30), st.dictionaries(LABELS, LABELS))
def test_exchanging_is_looking_up(values, pairs):
    pixels = np.array(values, np.uint16).reshape(1, -1, 1)
    assert labels.exchange(pixels, pairs).ravel().tolist() == [pairs.get(value, value) for value in values]


def test_a_value_outside_names_file_value_range_and_two_ways_out(maps):
    message = (
        "Label 255 in train_label/5.png is outside 0-3 (labels = 4 in dataset.toml); 1 file is affected. "
        "Write labels = 256 there, or make another label of it: map_labels = {255 = 0}."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        opened(tell(maps, "labels = 4"))
    with pytest.raises(ValueError, match=re.escape("Label 7 in train_label/5.png is outside 0-3")):
        opened(tell(maps, "labels = 4\nmap_labels = {255 = 0}"))
    message = "map_labels makes labels 4, which is outside 0-3 (labels = 4); give a label in that range"
    with pytest.raises(ValueError, match=re.escape(message)):
        opened(tell(maps, "labels = 4\nmap_labels = {255 = 4, 7 = 1}"))


def test_a_mark_for_nothing_makes_no_labels_unasked(maps):
    message = "Label map train_label/5.png holds 0-3, 7 and 255, which makes 256 labels. If 255 stands for nothing"
    with pytest.raises(ValueError, match=re.escape(message)):
        opened(maps)
    assert opened(tell(maps, "labels = 256")).spec().num_labels == 256
    assert opened(tell(maps, "map_labels = {255 = 0}")).spec().num_labels == 8
    assert opened(tell(maps, "map_labels = {255 = 9, 7 = 0}")).spec().num_labels == 10
    assert opened(tell(maps, "map_labels = {255 = 0, 7 = 3}\nlabels = 4")).spec().num_labels == 4


def test_samples_are_exchanged_and_instance_maps_are_not(maps):
    data = opened(tell(maps, "map_labels = {255 = 0, 7 = 2}"), "train")
    held = opened(maps, "test")
    read = {str(path): values for one in (data, held) for path, values in loaded(one).items()}
    assert set(np.unique(read["train_label/5.png"])) <= {0, 1, 2, 3}
    assert (read["train_label/5.png"][:6, :8] == 2).all()
    assert (read["train_label/5.png"][6:, :8] == 0).all()
    assert {7, 255} <= set(np.unique(read["train_inst/5.png"]))
    assert data.spec().num_labels == 4
    assert data.spec().extra["map_labels"] == {"255": 0, "7": 2}
    again = DataSpec.from_json(data.spec().to_json())
    assert again == data.spec()
    assert labels.mapping(again.extra) == {255: 0, 7: 2}


def loaded(data):
    data.pictures.squeeze = data.pictures.folder = None  # as the files have them
    names = {"label": "label", "instance": "inst"}
    return {
        path: data.load(key, str(path))
        for path in data.files()
        for key, word in names.items()
        if path.parts[0] == f"train_{word}"
    }


def test_the_fingerprint_notices_the_mapping(maps):
    def fingerprint(text):
        tell(maps, text)
        return survey(maps, "paired").fingerprint()

    plain = fingerprint("labels = 256")
    one, other = (fingerprint(f"labels = 256\nmap_labels = {{255 = {new}}}") for new in (0, 1))
    assert len({plain, one, other}) == 3
    assert fingerprint("labels = 300\nmap_labels = { }") == plain


def test_values_are_read_once(maps, monkeypatch):
    tree = scan(maps)
    assert labels.values(tree, ["train_label/5.png"]) == {"train_label/5.png": [0, 1, 2, 3, 7, 255]}
    monkeypatch.setattr(labels, "_values", None)
    assert labels.values(tree, ["train_label/5.png"])["train_label/5.png"][-1] == 255
    tree.pictures["train_label/5.png"] = dataclasses.replace(tree.pictures["train_label/5.png"], sha256="other")
    with pytest.raises(TypeError):
        labels.values(tree, ["train_label/5.png"])


def test_maps_of_sixteen_bits_and_palettes_are_read(tmp_path):
    Image.fromarray(np.array([[0, 700]], np.uint16)).save(tmp_path / "deep.png")
    indexed = Image.fromarray(np.array([[0, 3]], np.uint8), mode="P")
    indexed.putpalette([255, 0, 0] * 256)
    indexed.save(tmp_path / "palette.png")
    tree = scan(tmp_path)
    assert labels.values(tree, tree.pictures) == {"deep.png": [0, 700], "palette.png": [0, 3]}
    assert facts.num_labels(tree, ["palette.png"]) == 4


@pytest.mark.parametrize("value", ["3", '{255 = "x"}', "{a = 1}", "{1 = -1}", "{70000 = 1}", "{1 = true}"])
def test_a_mapping_that_is_none_is_refused(maps, value):
    message = r"map_labels is .*; say what becomes what, as map_labels = \{255 = 0, 34 = 7\}"
    with pytest.raises(ValueError, match=message):
        scan(tell(maps, f"map_labels = {value}"))


def test_values_in_words():
    assert labels.in_words([3]) == "3"
    assert labels.in_words([0, 1, 2, 255]) == "0-2 and 255"
    assert labels.in_words([0, 2, 4, 6, 8, 10, 12]) == "0, 2, 4, 6, 8 and more"
