"""Resizing in every depth."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from i2i.data.sizes import cover, resize, short_side


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_each_channel_is_resized_as_pillow_does(dtype: str, channels: int) -> None:
    pixels = (np.random.default_rng(0).random((40, 30, channels)) * 200).astype(dtype)
    small = resize(pixels, (11, 9))
    assert small.shape == (11, 9, channels)
    assert small.dtype == dtype
    plane = Image.fromarray(pixels[:, :, channels - 1].astype(np.float32))
    expected = np.asarray(plane.resize((9, 11), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(small[:, :, channels - 1], expected, atol=1.01 if dtype != "float32" else 1e-4)


def test_values_stay_in_the_type() -> None:
    edge = np.zeros((8, 8, 1), np.uint16)
    edge[:, 4:] = 65535
    large = resize(edge, (32, 32))
    assert large.min() == 0
    assert large.max() == 65535


def test_maps_keep_their_values() -> None:
    labels = np.random.default_rng(0).choice([0, 7, 300], (9, 13, 1)).astype(np.uint16)
    assert set(np.unique(resize(labels, (31, 5), nearest=True))) <= {0, 7, 300}
    doubled = resize(labels, (18, 26), nearest=True)
    np.testing.assert_array_equal(doubled[::2, ::2], labels)
    np.testing.assert_array_equal(doubled[1::2, 1::2], labels)


def test_what_just_covers_a_size_keeps_the_aspect() -> None:
    assert cover(100, 50, (25, 25)) == (50, 25)
    assert cover(1, 3000, (64, 64)) == (64, 192000)
    assert cover(50, 151, (10, 10)) == (10, 30)
    assert cover(1080, 1920, (64, 128)) == (72, 128)  # narrower than 2:1, so the width decides
    assert cover(500, 1250, (64, 128)) == (64, 160)
    assert cover(50, 100, (64, 128)) == (64, 128)


def test_the_short_side_is_the_references_by_default() -> None:
    assert short_side(None, 256, "random") == 286
    assert short_side(None, 64, "random") == 72
    assert short_side(None, 64, "center") == 64
    assert short_side(100, 64, "random") == 100
