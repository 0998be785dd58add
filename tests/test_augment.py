"""Batch augmentation: replayable, differentiable, for any number of channels."""

from __future__ import annotations

import pytest
import torch

from i2i.augment import DRAWS, augment


def draws(count: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, DRAWS, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_the_same_draws_give_the_same_pictures(channels: int) -> None:
    images = torch.rand(4, channels, 16, 24) * 2 - 1
    first = augment(images, draws(4))
    assert first.shape == images.shape
    assert torch.equal(first, augment(images, draws(4)))
    assert not torch.equal(first, augment(images, draws(4, seed=1)))


def test_each_picture_depends_on_its_own_draws_alone() -> None:
    images = torch.rand(4, 3, 16, 16) * 2 - 1
    whole = augment(images, draws(4), ("flip", "color", "translation", "cutout"))
    half = augment(images[2:], draws(4)[2:], ("flip", "color", "translation", "cutout"))
    torch.testing.assert_close(whole[2:], half)


def test_middle_draws_change_nothing() -> None:
    images = torch.rand(2, 3, 8, 8) * 2 - 1
    middle = torch.full((2, DRAWS), 0.5)
    torch.testing.assert_close(augment(images, middle, ("flip", "color", "translation")), images)


def test_a_shift_is_the_one_drawn() -> None:
    images = torch.rand(1, 2, 16, 16) + 1
    drawn = torch.full((1, DRAWS), 0.5)
    drawn[0, 4] = 1.0  # an eighth of 16 to the right: two columns
    shifted = augment(images, drawn, ("translation",))
    torch.testing.assert_close(shifted[..., 2:], images[..., :-2])
    assert (shifted[..., :2] == 0).all()


def test_the_hole_has_half_the_side() -> None:
    images = torch.ones(1, 1, 16, 32)
    holed = augment(images, torch.full((1, DRAWS), 0.5), ("cutout",))
    assert int((holed == 0).sum()) == 8 * 16


def test_brightness_saturation_and_contrast_follow_the_paper() -> None:
    images = torch.rand(1, 3, 4, 4) * 2 - 1
    drawn = torch.tensor([[0.0, 0.9, 0.25, 0.75, 0, 0, 0, 0]])
    expected = images + 0.4
    gray = expected.mean(1, keepdim=True)
    expected = (expected - gray) * 0.5 + gray
    expected = (expected - expected.mean()) * 1.25 + expected.mean()
    torch.testing.assert_close(augment(images, drawn, ("color",)), expected)


def test_gradients_flow() -> None:
    images = (torch.rand(2, 2, 6, 6, dtype=torch.float64) * 2 - 1).requires_grad_()
    where = draws(2).double()
    assert torch.autograd.gradcheck(lambda x: augment(x, where, ("flip", "color", "cutout")), images)
    augment(images, where, ("translation",)).sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_wrong_arguments_are_named() -> None:
    images = torch.zeros(2, 3, 8, 8)
    with pytest.raises(ValueError, match="choose from flip, color"):
        augment(images, draws(2), ("colour",))
    with pytest.raises(ValueError, match=r"give \(2, 8\)"):
        augment(images, draws(3))
    with pytest.raises(ValueError, match=r"give \(N, C, H, W\)"):
        augment(images[0], draws(3))
