"""Holes of completion: a function of (seed, step), of the sizes asked for; and blending, against closed forms."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from i2i_completion.blending import poisson_blend
from i2i_completion.masks import KINDS, Folder, Holes
from i2i_completion.masks import read as read_mask
from PIL import Image

import i2i

PHASE = i2i.Phase("completion")


def progress(step=3, seed=0, rank=0, ranks=1):
    return i2i.Progress(PHASE, step, 100, run_step=step, seed=seed, rank=rank, ranks=ranks)


@pytest.fixture
def folder(tmp_path):
    """Ten masks of different shares, one of nothing, one of all, and a text."""
    for number in range(1, 11):
        image = Image.new("L", (60, 40))
        image.paste(255, (0, 0, 5 * number, 4 * number))
        image.save(tmp_path / f"{number}.png")
    Image.new("L", (60, 40)).save(tmp_path / "none.png")
    Image.new("1", (60, 40), 1).save(tmp_path / "all.png")
    (tmp_path / "notes.txt").write_text("about these masks")
    return tmp_path


def holes(kind, most=1, size=(64, 64), sides=(16, 32), window=32):
    return Holes(str(kind), size, sides, most, window)


@pytest.mark.parametrize("kind", [*KINDS, "folder"])
def test_masks_are_a_function_of_seed_and_step(kind, folder):
    made = holes(folder if kind == "folder" else kind)
    masks, window = made.draw(4, progress())
    again, same = holes(folder if kind == "folder" else kind).draw(4, progress())
    assert masks.shape == (4, 1, 64, 64)
    assert set(masks.unique().tolist()) == {0, 1}
    assert torch.equal(masks, again)
    assert window == same
    if kind != "center":
        assert not torch.equal(masks, made.draw(4, progress(step=4))[0])
        assert not torch.equal(masks, made.draw(4, progress(seed=1))[0])
        assert len({mask.numpy().tobytes() for mask in masks}) > 1
    assert torch.equal(made.fixed(7), made.fixed(7))
    assert made.fixed(7).shape == (1, 1, 64, 64)


def test_processes_draw_what_one_alone_would():
    whole, window = holes("boxes").draw(6, progress())
    parts = [holes("boxes").draw(2, progress(rank=rank, ranks=3)) for rank in range(3)]
    assert torch.equal(whole, torch.cat([masks for masks, _ in parts]))
    assert {other for _, other in parts} == {window}


@pytest.mark.parametrize("most", [1, 3])
def test_boxes_lie_in_the_window_and_have_the_sizes_asked_for(most):
    made = holes("boxes", most=most)
    windows, sides, shares = set(), set(), []
    for step in range(60):
        masks, window = made.draw(3, progress(step))
        windows.add(window)
        outside = masks.clone()
        window.cut(outside).zero_()
        assert not outside.any()
        for mask in masks[:, 0].bool():
            shares.append(mask.float().mean().item())
            if most == 1:
                sides |= {int(mask.any(dim=axis).sum()) for axis in (0, 1)}
                assert mask.sum() == mask.any(dim=0).sum() * mask.any(dim=1).sum()
    assert len(windows) > 50
    assert all(0 <= place <= 32 for window in windows for place in window[:2])
    assert max(shares) <= (32 / 64) ** 2
    if most == 1:
        assert sides == set(range(16, 33))


def test_real_pictures_are_judged_by_a_window_of_their_own():
    made, now = holes("boxes"), progress()
    _, fake = made.draw(2, now)
    real = made.draw_window(now)
    assert fake != real
    assert real == [made.draw(2, again := progress()), made.draw_window(again)][1]


def test_strokes_hide_between_a_seventh_and_two_thirds():
    for size in ((64, 64), (256, 192)):
        made = holes("strokes", size=size)
        shares = torch.cat([made.draw(8, progress(step))[0].mean(dim=(1, 2, 3)) for step in range(5)])
        assert shares.min() >= 0.15
        assert shares.max() <= 0.65
        assert shares.std() > 0.03


def test_the_middle_is_the_largest_box():
    mask, window = holes("center", size=(64, 80)).draw(1, progress())
    assert mask[0, 0].nonzero().min(dim=0).values.tolist() == [16, 24]
    assert mask[0, 0].nonzero().max(dim=0).values.tolist() == [47, 55]
    assert window == (16, 24, 32, 32)
    assert window.cut(mask).mean() == 1


def test_masks_of_a_folder_come_mirrored_and_turned_at_the_size_asked_for(folder):
    made = Folder(folder, (32, 32))
    assert made.count == 10  # those that hide nothing or all are left out
    masks = [read_mask(folder / f"{number}.png", (32, 32)) for number in range(1, 11)]
    turned = [np.rot90(mask, turns) for mask in masks for turns in range(4)]
    expected = {each.tobytes() for mask in turned for each in (mask, mask[:, ::-1])}
    found = {made.draw(np.random.default_rng(number)).tobytes() for number in range(800)}
    assert found == expected
    wide = Folder(folder, (20, 30))
    assert {wide.draw(np.random.default_rng(n)).shape for n in range(9)} == {(20, 30)}


def test_masks_of_any_depth_are_set_above_the_middle(tmp_path):
    values = np.array([[0, 100, 127, 128, 255]], np.uint8)
    Image.fromarray(values).save(tmp_path / "8.png")
    Image.fromarray(values.astype(np.uint16) * 257).save(tmp_path / "16.png")
    Image.fromarray(np.dstack([values] * 3)).save(tmp_path / "rgb.png")
    for name in ("8.png", "16.png", "rgb.png"):
        assert read_mask(tmp_path / name, (1, 5)).tolist() == [[False, False, False, True, True]], name


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_masks_of_0_and_1_are_set_at_1_as_in_translating(tmp_path, dtype):
    Image.fromarray(np.array([[0, 1, 1]], dtype)).save(tmp_path / "ones.png")
    assert read_mask(tmp_path / "ones.png", (1, 3)).tolist() == [[False, True, True]]
    Image.fromarray(np.array([[0, 1, np.iinfo(dtype).max]], dtype)).save(tmp_path / "dark.png")
    assert read_mask(tmp_path / "dark.png", (1, 3)).tolist() == [[False, False, True]]


def test_hidden_files_are_no_masks(folder):
    (folder / "._1.png").write_bytes(b"what another system keeps about 1.png")
    assert Folder(folder, (8, 8)).count == 10


def test_a_file_that_is_no_mask_is_named(folder):
    (folder / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"broken\.png cannot be read as a mask .*; take it out of the folder"):
        Folder(folder, (8, 8))
    with pytest.raises(ValueError, match=r"--masks boxs: there is no such folder; give a folder of masks .* or choose"):
        holes("boxs").prepare()


def shapes(channels=3, size=(40, 50)):
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.uniform(-0.6, 0.6, (1, channels, 5, 5))).float()
    source = torch.nn.functional.interpolate(coarse, size, mode="bicubic")
    hole = torch.zeros(1, 1, *size)
    hole[:, :, 10:30, 12:31] = 1
    return source, hole


@pytest.mark.parametrize(
    "place", [(slice(10, 30), slice(12, 31)), (slice(0, 15), slice(20, 50)), (slice(0, 40), slice(9))]
)
def test_a_constant_difference_is_taken_away(place):
    """Of flat surroundings what was made comes out shifted to them, also where the hole touches the border."""
    source, hole = torch.full((1, 2, 40, 50), 0.25), torch.zeros(1, 1, 40, 50)
    hole[:, :, place[0], place[1]] = 1
    made = torch.full_like(source, -0.5)
    torch.testing.assert_close(
        poisson_blend(source, made, hole), torch.where(hole.bool(), source, made), atol=2e-3, rtol=0
    )


def test_a_line_between_two_edges_is_found():
    """A strip over the whole height, with other values on its left and right, is filled in a line."""
    source = torch.linspace(-0.8, 0.8, 41).expand(1, 1, 30, 41)
    hole = torch.zeros(1, 1, 30, 41)
    hole[..., 10:25] = 1
    blended = poisson_blend(source, torch.full_like(source, 0.3), hole)
    torch.testing.assert_close(blended[hole == 1], source[hole == 1], atol=2e-3, rtol=0)


def test_several_holes_are_fitted_each_by_itself():
    source, hole = torch.zeros(1, 1, 40, 50), torch.zeros(1, 1, 40, 50)
    source[..., 25:] = 0.5
    hole[:, :, 5:12, 3:15] = hole[:, :, 20:36, 33:47] = 1
    blended = poisson_blend(source, torch.full_like(source, -0.9), hole)
    torch.testing.assert_close(blended[hole == 1], source[hole == 1], atol=2e-3, rtol=0)


def test_the_edge_disappears_and_the_shapes_stay():
    source, hole = shapes()
    rng = np.random.default_rng(1)
    made = torch.from_numpy(rng.uniform(-0.2, 0.2, source.shape)).float() + 0.5
    blended = poisson_blend(source, made, hole)
    step = (blended - source)[..., 10, 12:31].abs().mean()  # against what is known one pixel on
    assert step < 0.6 * (made - source)[..., 10, 12:31].abs().mean()
    inner = (slice(None), slice(None), slice(16, 24), slice(18, 25))
    gradients = [torch.diff(image[inner], dim=3) for image in (blended, made)]
    assert (gradients[0] - gradients[1]).abs().max() < 0.2 * gradients[1].abs().max()
    outside = hole.expand_as(made) == 0
    assert torch.equal(blended[outside], made[outside])  # which is nobody's business


def test_opencv_agrees_where_it_can():
    source, _ = shapes(size=(160, 200))
    hole = torch.zeros(1, 1, 160, 200)
    hole[:, :, 40:120, 50:150] = 1
    made = -source * 0.5 + 0.2
    to_levels = lambda x: ((x[0].permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(np.uint8)  # noqa: E731
    mask = hole[0, 0].numpy().astype(np.uint8) * 255
    target = cv2.inpaint(to_levels(source), mask, 1, cv2.INPAINT_TELEA)
    cloned = cv2.seamlessClone(to_levels(made), target, mask, ((50 + 149) // 2, (40 + 119) // 2), cv2.NORMAL_CLONE)
    blended = to_levels(poisson_blend(source, made, hole).clamp(-1, 1))
    difference = np.abs(cloned.astype(int) - blended)[mask > 0]
    unblended = np.abs(cloned.astype(int) - to_levels(made))[mask > 0]
    assert difference.mean() < 4 < unblended.mean() / 8


def test_where_nothing_or_all_is_known_nothing_happens():
    source, hole = shapes()
    for mask in (hole * 0, hole * 0 + 1):
        assert torch.equal(poisson_blend(source, -source, mask), -source)
