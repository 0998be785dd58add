"""One picture through a network: sizes, modes, depths, ranges; and Pillow images from Python."""

from __future__ import annotations

from dataclasses import replace

import filters
import numpy as np
import pytest
import torch
from PIL import Image

import i2i
from i2i.fitting import source_channels
from i2i.picture import Metadata, Picture
from i2i.request import Forced
from i2i.translation import make_request, pad, reflected, translate_picture


def picture(height: int = 13, width: int = 21, channels: int = 3, dtype: type = np.uint8) -> Picture:
    high = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    values = np.random.default_rng(0).random((height, width, channels)) * high
    return Picture(values.round().astype(dtype) if high > 1 else values.astype(dtype), None, "PNG")


def ask(model: filters.Invert, **values: object):
    return make_request(model, {"to": "winter"} | values)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3), (8, 8), (13, 21), (64, 5)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_any_size_gives_the_same_size_and_the_exact_negative(size, dtype):
    model = filters.make()
    made = translate_picture(model, picture(*size, dtype=dtype), ask(model))
    assert (made.pixels == np.iinfo(dtype).max - picture(*size, dtype=dtype).pixels).all()
    assert made.pixels.dtype == dtype


def test_padding_is_a_repeated_mirror_image():
    for length, padded in ((1, 5), (2, 9), (3, 20), (5, 8)):
        before = (padded - length) // 2
        values = np.arange(length)
        mirrored = np.pad(values, (before, padded - length - before), mode="reflect" if length > 1 else "edge")
        assert reflected(length, padded).tolist() == mirrored.tolist()
    assert pad(torch.zeros(1, 3, 5, 16), 4, 8).shape == (1, 3, 8, 16)
    assert pad(torch.zeros(1, 3, 13, 300), 256, 1).shape == (1, 3, 256, 512)


def test_modes_are_put_back_and_weights_stay():
    model = filters.make()
    model.dropout.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    translate_picture(model, picture(), ask(model))
    assert model.training
    assert not model.dropout.training
    assert all((value == before[name]).all() for name, value in model.state_dict().items())
    assert model.weight.grad is None


def test_a_model_of_twice_the_size_and_its_alpha():
    model = filters.make(filters.Double)
    source = replace(picture(5, 7), alpha=np.full((5, 7), 200, np.uint8))
    made = translate_picture(model, source, ask(model))
    assert (made.pixels == source.pixels.repeat(2, 0).repeat(2, 1)).all()
    assert made.alpha.shape == (10, 14)
    assert (made.alpha == 200).all()


def test_alpha_is_carried_over():
    alpha = np.random.default_rng(1).integers(0, 256, (13, 21)).astype(np.uint8)
    model = filters.make()
    assert (translate_picture(model, replace(picture(), alpha=alpha), ask(model)).alpha == alpha).all()


def test_image_size_is_what_the_network_sees():
    model = filters.make()
    flat = Picture(np.full((40, 60, 3), 200, np.uint8))
    made = translate_picture(model, flat, ask(model), image_size=16)
    assert model.seen == [(1, 3, 16, 24)]
    assert (made.pixels == 55).all()
    assert made.pixels.shape == flat.pixels.shape


def test_gray_through_a_colour_model_becomes_colour_and_loses_its_gray_profile():
    model = filters.make()
    gray = Picture(picture(channels=1).pixels, metadata=Metadata(icc=bytes(16) + b"GRAY"))
    made = translate_picture(model, gray, ask(model))
    assert (made.pixels == 255 - gray.pixels).all()
    assert made.channels == 3
    assert made.metadata.icc is None


def test_many_channels():
    model = filters.make(channels={"a": 5, "b": 5}, depth=16, value_range=(0, 65535))
    source = picture(channels=5, dtype=np.uint16)
    assert (translate_picture(model, source, ask(model)).pixels == 65535 - source.pixels).all()
    with pytest.raises(ValueError, match=r"expects 5 channels, 16 bit, range 0-65535; x.png has 3 channels, 16 bit"):
        translate_picture(model, picture(dtype=np.uint16), ask(model), name="x.png")


def test_a_range_of_its_own_holds_for_its_depth_only():
    model = filters.make(channels={"a": 1, "b": 1}, depth=16, value_range=(0.0, 4095.0))
    scan = Picture(np.array([[[0], [4095], [1000]]], np.uint16))
    assert translate_picture(model, scan, ask(model)).pixels.flatten().tolist() == [4095, 0, 3095]
    message = (
        r"expects 1 channel, 16 bit, range 0-4095; IMG_0031.jpg has 3 channels, 8 bit. Nothing was written. "
        r"Convert the input, or force it with --channels luminance --range 0-255."
    )
    with pytest.raises(ValueError, match=message):
        translate_picture(model, picture(), ask(model), name="IMG_0031.jpg")
    forced = Forced(luminance=True, value_range=(0, 255))
    white = Picture(np.full((1, 2, 3), 255, np.uint8))
    assert translate_picture(model, white, ask(model), forced=forced).pixels.tolist() == [[[0], [0]]]


def test_fractions_need_a_range():
    with pytest.raises(ValueError, match=r"x has 3 channels, floating point.*--range 0-1"):
        translate_picture(filters.make(), picture(dtype=np.float32), ask(filters.make()), name="x")
    model = filters.make(depth=32, value_range=(-1000.0, 3000.0))
    source = Picture(np.array([[[-1000, 0, 3000]]], np.float32))
    assert translate_picture(model, source, ask(model)).pixels.tolist() == [[[3000, 2000, -1000]]]


def test_pixels_without_data_stay_without():
    model = filters.make(depth=32, value_range=(0.0, 1.0))
    values = picture(dtype=np.float32).pixels
    values[2, 3] = np.nan
    made = translate_picture(model, Picture(values), ask(model)).pixels
    assert np.isnan(made[2, 3]).all()
    assert np.isfinite(np.delete(made.reshape(-1, 3), 2 * 21 + 3, 0)).all()
    values = picture().pixels
    values[4, 5] = 0
    made = translate_picture(filters.make(), Picture(values, metadata=Metadata(nodata=0)), ask(filters.make())).pixels
    assert (made[4, 5] == 0).all()


def test_chance_is_a_function_of_the_seed_and_leaves_the_callers_alone():
    model = filters.make()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    made = [translate_picture(model, picture(), ask(model, noise=True, seed=seed)).pixels for seed in (1, 1, 2)]
    assert (made[0] == made[1]).all()
    assert (made[0] != made[2]).any()
    assert (torch.rand(3) == expected).all()


def test_source_channels_depend_on_the_direction():
    spec = filters.make(channels={"a": 1, "b": 3}).spec
    assert source_channels(spec, "winter") == 1
    assert source_channels(spec, "summer") == 3
    assert source_channels(i2i.model.DataSpec(channels={"source": 4, "target": 1}), None) == 4
    assert source_channels(i2i.model.DataSpec(channels={"image": 2}), None) == 2


MODES = {"1": "RGB", "L": "RGB", "LA": "RGBA", "P": "RGB", "RGB": "RGB", "RGBA": "RGBA", "CMYK": "RGB", "YCbCr": "RGB"}


@pytest.mark.parametrize("mode", MODES)
def test_translate_image_takes_every_mode(mode):
    image = Image.fromarray(picture().pixels).convert(mode)
    made = filters.make().translate_image(image, to="winter")
    assert made.mode == MODES[mode]
    assert made.size == image.size
    expected = 255 - np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(np.asarray(made.convert("RGB")).astype(int) - expected).max() <= 1
    assert image.mode == mode


def test_translate_image_of_16_bits():
    gray = picture(channels=1, dtype=np.uint16).pixels
    model = filters.make(channels={"a": 1, "b": 1}, depth=16, value_range=(0, 65535))
    made = model.translate_image(Image.fromarray(gray[..., 0]), to="winter")
    assert made.mode == "I;16"
    assert (np.asarray(made) == 65535 - gray[..., 0]).all()
    with pytest.warns(UserWarning, match="16 bits only in gray"):
        assert filters.make().translate_image(Image.fromarray(gray[..., 0]), to="winter").mode == "RGB"


def test_translate_image_is_upright_and_keeps_profile_and_exif(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    exif[271] = "Maker"
    Image.fromarray(picture().pixels).save(tmp_path / "x.png", exif=exif, icc_profile=b"x" * 16 + b"RGB ")
    with Image.open(tmp_path / "x.png") as image:
        made = filters.make().translate_image(image, to="winter", strength=0)
        assert image.size == (21, 13)
    assert made.size == (13, 21)
    assert (np.asarray(made) == np.rot90(picture().pixels, -1)).all()
    made.save(tmp_path / "y.png", exif=made.info["exif"])
    with Image.open(tmp_path / "y.png") as again:
        assert again.info["icc_profile"].endswith(b"RGB ")
        assert (again.getexif()[274], again.getexif()[271]) == (1, "Maker")


def test_translate_image_says_what_it_does_not_know():
    model, image = filters.make(), Image.new("RGB", (4, 4))
    with pytest.raises(
        LookupError, match=r'no target "wintr"; did you mean "winter".* This model translates to summer, winter'
    ):
        model.translate_image(image, to="wintr")
    with pytest.raises(LookupError, match='unknown option "strenth"; did you mean "strength"'):
        model.translate_image(image, to="winter", strenth=1)
    with pytest.raises(ValueError, match=r"--strength is 2.*from 0 to 1"):
        model.translate_image(image, to="winter", strength=2)
    with pytest.raises(ValueError, match="translates to summer, winter; say which"):
        model.translate_image(image)


def test_a_model_that_needs_more_than_a_picture():
    model = filters.make()
    model.inputs = ("source", "depth")
    with pytest.raises(ValueError, match="translates from source, depth; from one picture alone it cannot"):
        translate_picture(model, picture(), ask(model))
    model.inputs = ()
    with pytest.raises(ValueError, match=r"^this model draws pictures and takes none; use: i2i sample RUN, or sample_"):
        translate_picture(model, picture(), ask(model))


def test_a_pixel_with_a_channel_that_is_no_number_is_missing_in_all():
    model = filters.make(depth=32, value_range=(0.0, 1.0))
    source = picture(9, 9, dtype=np.float32)
    source.pixels[2, 3] = np.nan
    source.pixels[4, 5, 1] = np.nan
    made = translate_picture(model, source, ask(model)).pixels
    assert np.isnan(made).sum() == 6
    assert np.isnan(made[[2, 4], [3, 5]]).all()
    marked = translate_picture(model, replace(source, metadata=Metadata(nodata=-9.0)), ask(model)).pixels
    assert (marked[2, 3] == -9).all()


def test_what_is_no_image_is_said():
    model = filters.make()
    for wrong, said in (("photo.jpg", "got 'photo.jpg'"), (Image.new("RGB", (0, 4)), "got 0 x 4 pixels")):
        with pytest.raises(ValueError, match=said):
            model.translate_image(wrong, to="winter")


def test_another_depth_alone_is_no_reason_to_force_a_range():
    model = filters.make(channels={"a": 1, "b": 1})
    with pytest.raises(ValueError, match=r"force it with --channels luminance\.$"):
        translate_picture(model, picture(dtype=np.uint16), ask(model))
