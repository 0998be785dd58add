"""Looking for a latent: what is asked for, what is found and kept, and what is no latent."""

from __future__ import annotations

from pathlib import Path

import filters
import numpy as np
import PIL.Image
import pytest
import torch

from i2i.images import read
from i2i.sampling import draw_one
from i2i.search import fit, read_latent, read_wanted, search, write

RED, BLUE, GRAY = (255, 0, 0), (0, 0, 255), (51, 51, 51)


def colours(**spec: object) -> filters.Colours:
    return filters.make(filters.Colours, domains=(), channels={"image": 3}, image_size=(4, 8), **spec)


def picture(path: Path, colour: tuple[int, ...], size: tuple[int, int] = (16, 16)) -> Path:
    """A picture (height, width) of one colour."""
    PIL.Image.fromarray(np.full((*size, len(colour)), colour, np.uint8)).save(path)
    return path


def test_the_photo_is_cut_in_its_middle_and_brought_to_size(tmp_path):
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[4:12] = np.arange(16)[:, None] * 10  # a model of 4 x 8 sees the middle half of its height
    PIL.Image.fromarray(pixels).save(tmp_path / "photo.png")
    wanted = read_wanted(colours(), tmp_path / "photo.png")
    assert list(wanted) == ["like"]
    assert wanted["like"].shape == (1, 3, 4, 8)
    inner = (wanted["like"][0, 0, :, 1:-1] + 1) * 127.5  # a filter over four pixels, two of them at full weight
    assert inner[0].tolist() == pytest.approx([25 + 20 * column for column in range(6)], abs=0.1)
    torch.testing.assert_close(wanted["like"], wanted["like"][:, :, :1].expand(1, 3, 4, 8))
    # the whole of a picture of that shape, larger or smaller
    assert fit(torch.ones(1, 3, 2, 4), (4, 8)).shape == (1, 3, 4, 8)
    gray = filters.make(filters.Colours, domains=(), channels={"image": 1}, image_size=(4, 4))
    assert read_wanted(gray, picture(tmp_path / "gray.png", GRAY))["like"].unique().tolist() == pytest.approx([-0.6])


def test_what_is_found_is_the_mean_colour(tmp_path):
    model = colours()
    photo = picture(tmp_path / "photo.png", GRAY)
    heard = []
    result = search(model, read_wanted(model, photo), filters.Colours.Request(), lambda *said: heard.append(said))
    assert result.latent.tolist()[0] == pytest.approx([0.6, 0.6, 0.6], abs=1e-4)  # the weight is -1, 51 is -0.6
    assert (result.steps, result.stopped) == (60, False)
    assert [step for step, _, _ in heard] == list(range(1, 61))
    assert heard[-1][2] == result.distance < 1e-8
    assert model.state == (True, False, False)  # gradients, eval mode, frozen
    assert model.training
    assert model.weight.requires_grad
    assert model.weight.grad is None


def test_a_stroke_is_what_is_painted_on_a_transparent_picture_or_on_a_copy(tmp_path):
    photo = picture(tmp_path / "photo.png", GRAY)
    over = np.zeros((16, 16, 4), np.uint8)
    over[:, :8] = (*RED, 255)
    PIL.Image.fromarray(over).save(tmp_path / "over.png")
    copied = np.full((16, 16, 3), GRAY, np.uint8)
    copied[:, :8] = RED
    PIL.Image.fromarray(copied).save(tmp_path / "copied.png")
    for name in ("over.png", "copied.png"):
        wanted = read_wanted(colours(), photo, tmp_path / name)
        assert wanted["mask"][0, 0, 0].tolist() == pytest.approx([1, 1, 1, 0.875, 0.125, 0, 0, 0], abs=1e-6)
        assert wanted["mask"].mean().item() == pytest.approx(0.5, abs=1e-6)
        painted = wanted["stroke"][0, :, :, :4]
        torch.testing.assert_close(painted, torch.tensor([1.0, -1, -1]).view(3, 1, 1).expand_as(painted))
        result = search(colours(), wanted, filters.Colours.Request())
        assert result.latent.tolist()[0] == pytest.approx([-0.2, 0.8, 0.8], abs=1e-3)  # half of gray, half of red


def test_chance_is_the_seed_s_and_none_is_spent(tmp_path):
    wanted = read_wanted(colours(), picture(tmp_path / "photo.png", BLUE))
    before = torch.get_rng_state()
    one, two, other = (
        search(colours(), wanted, filters.Colours.Request(search_steps=2, seed=seed)).latent for seed in (3, 3, 4)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_ctrl_c_keeps_the_best_so_far(tmp_path):
    wanted = read_wanted(colours(), picture(tmp_path / "photo.png", BLUE))
    model = colours()
    result = search(model, wanted, filters.Colours.Request(interrupted=5))
    assert (result.step, result.steps, result.stopped) == (5, 60, True)
    assert model.weight.requires_grad
    whole = search(colours(), wanted, filters.Colours.Request(search_steps=5))
    assert torch.equal(result.latent, whole.latent)

    def at_once(*_: object) -> None:
        raise KeyboardInterrupt

    model.find = at_once  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        search(model, wanted, filters.Colours.Request())


def test_the_best_is_kept_and_what_is_no_number_is_passed_by(tmp_path):
    model, wanted = colours(), read_wanted(colours(), picture(tmp_path / "photo.png", BLUE))
    distances = [0.5, 0.25, float("nan"), 0.75]
    model.find = lambda wanted, request: (  # type: ignore[method-assign]
        (step, 4, distance, torch.full((3,), float(step))) for step, distance in enumerate(distances, 1)
    )
    result = search(model, wanted, filters.Colours.Request())
    assert (result.distance, result.latent.tolist(), result.step) == (0.25, [[2.0, 2.0, 2.0]], 4)
    distances[:] = [float("nan")]
    with pytest.raises(ValueError, match="the search found nothing"):
        search(model, wanted, filters.Colours.Request())


def test_what_is_written_draws_the_same_again(tmp_path):
    model, request = colours(), filters.Colours.Request()
    wanted = read_wanted(model, picture(tmp_path / "photo.png", GRAY))
    result = search(model, wanted, request)
    files = write(model, result, wanted, request, tmp_path / "out")
    assert [path.name for path in files] == ["found.png", "latent.npy", "strip.png"]
    assert (read(files[0]).pixels == 51).all()
    latent = read_latent(model, files[1])
    assert torch.equal(latent, result.latent)
    image = draw_one(model, request, {"latent": latent})
    assert (read(files[0]).pixels == np.rint((image.numpy() + 1) * 127.5).transpose(1, 2, 0)).all()


def test_what_is_no_latent_of_the_model_is_said(tmp_path):
    def refused(said: str, name: str = "x.npy", model: filters.Dots | None = None) -> None:
        with pytest.raises(ValueError, match=said):
            read_latent(model or colours(), tmp_path / name)

    refused("this model draws of no latent", model=filters.make(filters.Dots, domains=(), channels={"image": 3}))
    refused("there is no file .*x.npy; --like writes one")
    (tmp_path / "x.npy").write_bytes(b"")
    refused("holds no array of numbers")
    (tmp_path / "x.npy").write_bytes(b"PK\x03\x04 no archive")
    refused("holds no array of numbers")
    np.save(tmp_path / "x.npy", np.array([{"code": "run"}] * 3), allow_pickle=True)
    refused("holds no array of numbers")
    np.savez(tmp_path / "y.npz", np.zeros(3))
    refused("holds no array of numbers", "y.npz")
    np.save(tmp_path / "x.npy", np.zeros((2, 3)))
    refused(r"has the shape \(2, 3\), and this model's latents have \(3,\)")
    np.save(tmp_path / "x.npy", np.array([0, np.inf, 0]))
    refused("has values that are no numbers")
    whole = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(whole[:-8])
    refused("holds no array of numbers")


def test_pictures_that_do_not_fit_are_said(tmp_path):
    photo = picture(tmp_path / "photo.png", GRAY)
    with pytest.raises(ValueError, match=r"edit.png has 8 x 4 pixels, .*photo.png 16 x 16; paint on a copy"):
        read_wanted(colours(), photo, picture(tmp_path / "edit.png", RED, (4, 8)))
    with pytest.raises(ValueError, match=r"same.png has no stroke"):
        read_wanted(colours(), photo, picture(tmp_path / "same.png", GRAY))
    with pytest.raises(ValueError, match=r"photo.png has 8 bits, and this model draws 32; convert it"):
        read_wanted(colours(depth=32, value_range=(0.0, 1.0)), photo)
    with pytest.raises(ValueError, match=r"photo.png has 3 channels, and this model draws 4; convert it"):
        read_wanted(filters.make(filters.Colours, channels={"image": 4}), photo)
    with pytest.raises(ValueError, match="this model makes pictures of pictures"):
        read_wanted(filters.make(), photo)
    with pytest.raises(ValueError, match="this model cannot search for a picture, only draw; leave --like out"):
        search(filters.make(filters.Dots, domains=(), channels={"image": 3}), {}, filters.Dots.Request())
    deep = read_wanted(colours(depth=16, value_range=(0.0, 65535.0)), photo)
    assert deep["like"].unique().tolist() == pytest.approx([-0.6])
