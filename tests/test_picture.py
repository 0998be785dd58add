"""Pixels to tensors and back, orientation, channels."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from i2i.picture import Picture, convert_channels, natural_range, orient, to_pixels, to_tensor


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_value_of_a_type_survives_the_round_trip(dtype):
    limits = natural_range(dtype)
    pixels = np.arange(limits[1] + 1).astype(dtype).reshape(-1, 256, 1)
    tensor = to_tensor(pixels, limits)
    assert tensor.min() == -1
    assert tensor.max() == 1
    assert tensor.shape == (1, *pixels.shape[:2])
    assert (to_pixels(tensor, limits, dtype) == pixels).all()


def test_a_range_of_the_data_is_mapped_and_cut():
    tensor = to_tensor(np.array([[[0, 2047.5, 4095]]], np.float32), (0, 4095))
    assert tensor.flatten().tolist() == [-1, 0, 1]
    assert to_pixels(tensor * 2, (0, 4095), np.uint16).flatten().tolist() == [0, 2048, 4095]
    assert to_pixels(tensor, (-1000, 3000), np.float32).flatten().tolist() == [-1000, 1000, 3000]


def test_to_tensor_leaves_its_argument_alone():
    pixels = np.ones((2, 3, 1), np.float32)
    to_tensor(pixels, (0, 2)).add_(5)
    assert (pixels == 1).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orient_does_what_pillow_does(orientation):
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[274] = orientation
    image.info["exif"] = exif.tobytes()
    assert (orient(pixels, orientation) == np.asarray(ImageOps.exif_transpose(image))).all()


def test_colour_becomes_its_luma_and_gray_is_repeated():
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]]], np.uint8)
    assert convert_channels(pixels, 1).flatten().tolist() == [76, 150, 29, 9]
    assert convert_channels(pixels[..., :1], 3).shape == (1, 4, 3)
    with pytest.raises(ValueError, match="5 channels cannot become one of 3"):
        convert_channels(np.zeros((1, 1, 5), np.uint8), 3)


def test_values_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="int64"):
        Picture(np.zeros((2, 2, 3), np.int64))
    with pytest.raises(ValueError, match="no range of their own"):
        natural_range(np.float32)
    with pytest.raises(ValueError, match="4095-0 is empty"):
        to_tensor(np.zeros((1, 1, 1), np.uint8), (4095, 0))
