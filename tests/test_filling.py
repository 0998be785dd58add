"""Models that fill holes: where masks come from, and that nothing else changes."""

from __future__ import annotations

from pathlib import Path

import filters
import numpy as np
import pytest
from PIL import Image

from i2i import maps
from i2i.batch import Summary, translate_plan
from i2i.images import read
from i2i.picture import Picture
from i2i.request import How, companions, parse, schema_of
from i2i.translation import make_request, translate_image, translate_picture
from i2i.tree import plan

PIXELS = np.random.default_rng(0).integers(0, 200, (11, 14, 3)).astype(np.uint8)
HOLE = np.zeros((11, 14), bool)
HOLE[3:7, 2:9] = True


def plug():
    return filters.make(filters.Plug, domains=(), channels={"image": 3})


def fill(inputs: list[Path], mask: Path | None = None, **how: object) -> Summary:
    made = plan(inputs, None, None)
    maps.attach(made, {"mask": mask} if mask else {})
    return translate_plan(plug(), made, make_request(plug(), {}), How(**how))


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(PIXELS).save("photo.png")
    Image.fromarray((HOLE * 255).astype(np.uint8)).save("mask.png")
    return tmp_path / "photo.png"


def filled(pixels: np.ndarray, hole: np.ndarray = HOLE, white: float = 255) -> np.ndarray:
    return np.where(hole[..., None], np.asarray(white, pixels.dtype), pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_known_stays_bit_for_bit_in_any_depth(dtype, channels):
    pixels = PIXELS[..., :channels].astype(dtype) * (1 if dtype == np.uint8 else 257) + (dtype == np.uint16)
    picture = Picture(pixels, None, "PNG")
    asked = make_request(plug(), {})
    made = translate_picture(plug(), picture, asked, companions={"mask": HOLE.astype(np.uint8)[..., None]})
    assert (made.pixels == filled(pixels, white=np.iinfo(dtype).max)).all()
    assert made.pixels.dtype == dtype


def test_a_mask_file_a_folder_of_masks_and_a_box(photo):
    assert fill([photo], Path("mask.png")).exit_code == 0
    assert (read("photo-translated.png").pixels == filled(PIXELS)).all()
    Path("masks").mkdir()
    Path("mask.png").rename("masks/photo.jpg.png")
    unmasked = fill([photo], Path("masks"), overwrite=True)
    assert unmasked.failed[0][1].startswith("there is no mask of photo.png in masks")
    Path("masks/photo.jpg.png").rename("masks/photo.png")
    assert fill([photo], Path("masks"), overwrite=True).exit_code == 0
    fill([photo], mask_box=(12, -1, 40, 4), overwrite=True)
    box = np.zeros_like(HOLE)
    box[:3, 12:] = True
    assert (read("photo-translated.png").pixels == filled(PIXELS, box)).all()
    outside = fill([photo], mask_box=(14, 0, 2, 2), overwrite=True)
    assert outside.failed[0][1] == "has 14 x 11 pixels, and --mask-box 14,0,2,2 lies outside them"
    assert outside.line().endswith(
        "(1 failed: photo.png has 14 x 11 pixels, and --mask-box 14,0,2,2 lies outside them)."
    )
    flat = fill([photo], mask_box=(2, 2, 0, 5), overwrite=True)
    assert flat.failed[0][1] == "is not filled: --mask-box 2,2,0,5 is a box of no pixel; give X,Y,WIDTH,HEIGHT"


def test_what_is_transparent_is_the_hole_and_the_result_is_opaque(photo):
    alpha = np.where(HOLE, 0, 90).astype(np.uint8)
    Image.fromarray(np.dstack([PIXELS, alpha])).save(photo)
    fill([photo])
    made = read("photo-translated.png")
    assert (made.pixels == filled(PIXELS)).all()
    assert made.alpha is None
    fill([photo], Path("mask.png"), overwrite=True)  # with a mask of its own the picture keeps its alpha
    assert (read("photo-translated.png").alpha == alpha).all()


def test_a_picture_without_a_hole_is_told_how_to_get_one(photo):
    assert fill([photo]).failed[0][1].startswith("there is no hole in photo.png; give its mask with --mask FILE")


def test_masks_of_nothing_and_of_all(photo):
    Image.new("L", (14, 11)).save("none.png")
    none = fill([photo], Path("none.png"))
    assert (read("photo-translated.png").pixels == PIXELS).all()
    assert none.notes == {"nothing masked, copied as it is": 1}
    Image.new("L", (14, 11), 255).save("all.png")
    whole = fill([photo], Path("all.png"), overwrite=True)
    assert (read("photo-translated.png").pixels == 255).all()
    assert whole.notes == {"wholly masked, made of nothing": 1}


def test_a_mask_of_another_size_is_refused(photo):
    Image.new("L", (14, 10), 255).save("low.png")
    why = fill([photo], Path("low.png")).failed[0][1]
    assert why == "the mask of photo.png has 14 x 10 pixels, the picture 14 x 11; give one of the same size"


def test_the_network_may_see_another_size(photo):
    fill([photo], Path("mask.png"), image_size=22)
    made = read("photo-translated.png").pixels
    assert (made[~HOLE] == PIXELS[~HOLE]).all()
    assert (made[4:6, 4:7] == 255).all()


def test_flags_and_python(photo):
    schema = schema_of(plug())
    assert companions(schema) == ("mask",)
    assert parse(["a.png", "--mask-box", "1", "2", "3", "4"], schema)[1] == {"mask_box": (1, 2, 3, 4)}
    assert parse(["a.png", "--mask-box", "1,2,3,4"], schema)[1] == {"mask_box": (1, 2, 3, 4)}
    with Image.open(photo) as image, Image.open("mask.png") as mask:
        assert (np.asarray(translate_image(plug(), image, mask=mask)) == filled(PIXELS)).all()
