"""Joint transforms: one draw for all, replayable, in every depth."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from i2i.data.transforms import JointTransform, eval_transform, train_transform
from i2i.settings import Settings


def ramp(height: int, width: int, channels: int = 1, dtype: str = "uint8") -> np.ndarray:
    """Pixels that tell where they come from: 16 * row + column."""
    rows, columns = np.mgrid[:height, :width]
    return np.repeat((16 * rows + columns)[:, :, None], channels, axis=2).astype(dtype)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def make(**changes: object) -> JointTransform:
    values = {"size": (8, 8), "resized": (12, 12), "value_range": (0.0, 255.0)} | changes
    return JointTransform(**values)  # type: ignore[arg-type]


ALL = {"flip": True, "flip_vertical": True, "rotate": True}


@pytest.mark.parametrize(("dtype", "high"), [("uint8", 255.0), ("uint16", 65535.0), ("float32", 1.0)])
@pytest.mark.parametrize("channels", [1, 3, 5, 12])
def test_every_depth_and_channel_count(dtype: str, high: float, channels: int) -> None:
    pixels = (np.random.default_rng(0).random((12, 20, channels)) * high).astype(dtype)
    for jitter in (0.0, 0.3):
        image = make(value_range=(0.0, high), color_jitter=jitter, **ALL)(rng(), image=pixels)["image"]
        assert image.shape == (channels, 8, 8)
        assert image.dtype == torch.float32
        assert -1 <= image.min() < -0.5
        assert 0 < image.max() <= 1


def test_a_draw_replays_and_others_differ() -> None:
    transform = make(color_jitter=0.5, **ALL)
    pixels = ramp(12, 14, 3)
    first = transform(rng(1), image=pixels)["image"]
    assert torch.equal(first, transform(rng(1), image=pixels)["image"])
    assert torch.equal(first, pickle.loads(pickle.dumps(transform))(rng(1), image=pixels)["image"])
    others = [transform(rng(seed), image=pixels)["image"] for seed in range(2, 8)]
    assert not any(torch.equal(first, other) for other in others)


@pytest.mark.parametrize("seed", range(6))
def test_all_pictures_of_a_sample_share_the_draw(seed: int) -> None:
    pixels = ramp(12, 14)
    transform = make(value_range=(0.0, 255.0), **ALL)
    done = transform(rng(seed), source=pixels, target=255 - pixels, label=pixels, instance=pixels.astype(np.uint16))
    torch.testing.assert_close(done["source"], -done["target"])
    expected = ((done["source"] + 1) * 127.5).round().long()
    assert torch.equal(done["label"], expected)
    assert torch.equal(done["instance"], expected)
    assert done["label"].dtype == torch.int64


def test_colour_changes_are_shared_and_spare_the_maps() -> None:
    pixels = ramp(12, 12, 3)
    done = make(color_jitter=0.8)(rng(), source=pixels, target=pixels, label=pixels[:, :, :1])
    assert torch.equal(done["source"], done["target"])
    plain = make()(rng(), source=pixels, label=pixels[:, :, :1])
    assert torch.equal(done["label"], plain["label"])
    assert not torch.equal(done["source"], plain["source"])


def test_flips_can_be_off() -> None:
    pixels = ramp(8, 8)
    expected = torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32)) / 127.5 - 1
    for seed in range(8):
        torch.testing.assert_close(make(resized=(8, 8))(rng(seed), image=pixels)["image"], expected)
    flipped = [make(resized=(8, 8), flip=True)(rng(seed), image=pixels)["image"] for seed in range(20)]
    mirrored = sum(torch.equal(image, flipped[0].flip(-1)) for image in flipped)
    assert 4 <= mirrored <= 16


def test_crops_reach_every_place() -> None:
    pixels = ramp(12, 12)
    corners = {int((make()(rng(seed), image=pixels)["image"][0, 0, 0] + 1) * 127.5 + 0.5) for seed in range(300)}
    assert corners == {16 * row + column for row in range(5) for column in range(5)}


def test_small_pictures_are_enlarged_and_long_ones_cut() -> None:
    for size in ((1, 1), (3, 200), (200, 3), (12, 12)):
        for crop in ("random", "center", "none"):
            pixels = np.full((*size, 3), 128, np.uint8)
            assert make(crop=crop, resized=(8, 8))(rng(), image=pixels)["image"].shape == (3, 8, 8)


def test_pictures_of_other_sizes_join_the_first() -> None:
    done = make(resized=(8, 8))(
        rng(), source=ramp(24, 24), target=ramp(12, 12, 3), mask=np.eye(6, dtype=np.uint8)[:, :, None]
    )
    assert done["source"].shape == (1, 8, 8)
    assert done["target"].shape == (3, 8, 8)
    assert done["mask"].shape == (1, 8, 8)
    assert set(done["mask"].unique().tolist()) == {0, 1}


def test_masks_of_0_and_255_too() -> None:
    mask = np.array([[0, 255], [3, 250]], np.uint8)[:, :, None]
    done = make(size=(2, 2), resized=(2, 2))(rng(), mask=mask)["mask"]
    assert done.tolist() == [[[0, 1], [0, 1]]]
    assert make(size=(2, 2), resized=(2, 2))(rng(), mask=mask * 0)["mask"].sum() == 0


def test_values_outside_the_range_are_cut() -> None:
    pixels = np.array([[-5.0, 0.0], [1.0, 9.0]], np.float32)[:, :, None]
    done = make(size=(2, 2), resized=(2, 2), value_range=(0.0, 1.0))(rng(), image=pixels)["image"]
    assert done.flatten().tolist() == [-1, -1, 1, 1]


def test_eval_takes_the_middle_and_nothing_random() -> None:
    settings = Settings(image_size=8, resize=12, flip_vertical=True, color_jitter=0.5)
    transform = eval_transform(settings, 8, (0.0, 255.0))
    pixels = ramp(8, 12)
    images = [transform(rng(seed), image=pixels)["image"] for seed in range(4)]
    assert all(torch.equal(image, images[0]) for image in images)
    expected = torch.from_numpy(pixels[:, 2:10, 0].astype(np.float32)) / 127.5 - 1
    torch.testing.assert_close(images[0][0], expected)


def test_settings_reach_the_transform() -> None:
    settings = Settings(image_size=256, flip=False, rotate=True, color_jitter=0.1)
    transform = train_transform(settings, 256, (0.0, 255.0))
    assert (transform.size, transform.resized, transform.flip, transform.rotate) == (
        (256, 256),
        (286, 286),
        False,
        True,
    )
    assert train_transform(settings, 64, (0.0, 255.0)).resized == (72, 72)  # a phase of a growing model
    squeezed = train_transform(Settings(image_size=8, crop="none"), 8, (0.0, 255.0))
    assert squeezed(rng(), image=ramp(20, 9))["image"].shape == (1, 8, 8)


def test_pictures_need_not_become_squares() -> None:
    settings = Settings(image_size=8, image_width=16, resize=12)
    assert train_transform(settings, (8, 16), (0.0, 255.0)).resized == (12, 24)
    assert train_transform(settings, (4, 8), (0.0, 255.0)).resized == (6, 12)  # a phase at half size
    transform = eval_transform(settings, (8, 16), (0.0, 255.0))
    whole = transform(rng(), image=ramp(8, 16))["image"][0]
    torch.testing.assert_close(whole, torch.from_numpy(ramp(8, 16)[:, :, 0].astype(np.float32)) / 127.5 - 1)
    middle = transform(rng(), image=ramp(12, 16))["image"][0]  # not enlarged: its width is enough
    torch.testing.assert_close(middle, torch.from_numpy(ramp(12, 16)[2:10, :, 0].astype(np.float32)) / 127.5 - 1)


def test_rotation_needs_squares() -> None:
    with pytest.raises(ValueError, match="--rotate needs square pictures, and the size is 8 x 16"):
        make(size=(8, 16), rotate=True)
