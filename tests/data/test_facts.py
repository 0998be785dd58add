"""Channels, depth, range and labels of a set, and what cannot be brought together."""

from __future__ import annotations

import re

import pytest

from i2i.data import facts
from i2i.data.scan import Info, Tree


def tree(tmp_path, config=None, **infos: Info) -> Tree:
    return Tree(tmp_path, {f"{name}.png": info for name, info in infos.items()}, config=config or {})


def picture(channels: int = 3, depth: int = 8, highest: int = -1) -> Info:
    return Info(8, 8, channels, {1: "L", 3: "RGB"}.get(channels, "5x16"), depth, "0", highest)


@pytest.mark.parametrize(("counts", "expected"), [((1, 1), 1), ((1, 3), 3), ((3, 3), 3), ((5, 5), 5)])
def test_gray_among_colour_becomes_colour(tmp_path, counts, expected) -> None:
    both = tree(tmp_path, a=picture(counts[0]), b=picture(counts[1]))
    assert facts.channels(both, both.pictures) == expected


def test_other_mixtures_name_two_files(tmp_path) -> None:
    both = tree(tmp_path, a=picture(1), b=picture(5))
    with pytest.raises(ValueError, match=r"a.png has 1 channel and b.png has 5 channels; only gray and colour mix"):
        facts.channels(both, both.pictures)


@pytest.mark.parametrize(("depth", "high"), [(8, 255), (16, 65535)])
def test_the_range_is_the_data_types(tmp_path, depth, high) -> None:
    one = tree(tmp_path, a=picture(depth=depth))
    assert facts.depth_and_range(one, one.pictures) == (depth, (0, high))


def test_dataset_toml_gives_the_range(tmp_path) -> None:
    both = tree(tmp_path, {"range": [0, 4095]}, a=picture(depth=16), b=picture(depth=8))
    assert facts.depth_and_range(both, both.pictures) == (16, (0, 4095))


def test_mixed_depths_and_floats_are_refused_with_the_way_out(tmp_path) -> None:
    both = tree(tmp_path, a=picture(depth=16), b=picture(depth=8))
    message = f"b.png has 8 bits a channel and a.png has 16; .* range = [0, 65535] into {tmp_path}/dataset.toml"
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        facts.depth_and_range(both, both.pictures)
    one = tree(tmp_path, a=picture(depth=32))
    with pytest.raises(ValueError, match=r"float or signed values.*range = \[0, 1\]"):
        facts.depth_and_range(one, one.pictures)


def test_labels_are_counted(tmp_path) -> None:
    maps = tree(tmp_path, a=picture(1, highest=3), b=picture(1, highest=9))
    assert facts.num_labels(maps, maps.pictures) == 10
    assert facts.num_labels(tree(tmp_path, {"labels": 35}, a=picture(1, highest=3)), ["a.png"]) == 35


def test_labels_outside_are_named(tmp_path) -> None:
    maps = tree(tmp_path, {"labels": 34}, a=picture(1, highest=34), b=picture(1, highest=40), c=picture(1, highest=1))
    message = (
        "Label 40 in b.png is outside 0-33 (labels = 34 in dataset.toml); 2 files are affected. "
        "Write labels = 41 there, or make another label of it: map_labels = {40 = 0}."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        facts.num_labels(maps, maps.pictures)
    with pytest.raises(ValueError, match=r"label map a.png is RGB, 8 bit; give maps with one whole number a pixel"):
        facts.num_labels(tree(tmp_path, a=picture(3)), ["a.png"])
    with pytest.raises(ValueError, match=r"label map maps/a.JPG is a JPEG, which changes values; give maps"):
        facts.num_labels(Tree(tmp_path, {"maps/a.JPG": picture(1)}), ["maps/a.JPG"])


def test_instance_maps_hold_numbers_too(tmp_path) -> None:
    pictures = tree(tmp_path, a=picture(3), b=picture(1, highest=70000), c=picture(3))
    assert facts.spec_values(pictures, {"target": ["a.png"], "instance": ["b.png"]})["num_labels"] == 0
    with pytest.raises(ValueError, match=r"instance map c.png is RGB, 8 bit; give maps with one whole number a pixel"):
        facts.spec_values(pictures, {"target": ["a.png"], "instance": ["b.png", "c.png"]})
