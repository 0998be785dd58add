"""Pictures of models that take none: by seed, as files, from Python."""

from __future__ import annotations

from dataclasses import dataclass

import filters
import numpy as np
import pytest
import torch

import i2i
from i2i import previews
from i2i.images import read
from i2i.options import MOST_SEED
from i2i.sampling import draw, heading, write


def dots(**spec: object) -> filters.Dots:
    return filters.make(filters.Dots, domains=(), channels={"image": 3}, **spec)


def ask(**values: object) -> filters.Dots.Request:
    return filters.Dots.Request(**values)


def test_a_picture_is_a_function_of_its_seed_alone():
    several = dict(draw(dots(), ask(samples=5, seed=3)))
    assert list(several) == [3, 4, 5, 6, 7]
    ((seed, alone),) = draw(dots(), ask(seed=6))
    assert seed == 6
    assert torch.equal(several[6], alone)
    assert not torch.equal(several[6], several[7])
    torch.manual_seed(6)
    assert torch.equal(alone, torch.rand(1, 3, 6, 7)[0] - 0.5)


def test_the_largest_seed_draws_and_none_is_beyond_it():
    drawn = dict(draw(dots(), ask(seed=MOST_SEED - 1, samples=2)))
    assert list(drawn) == [MOST_SEED - 1, MOST_SEED]
    assert not torch.equal(*drawn.values())
    with pytest.raises(ValueError, match=f"^--seed is {MOST_SEED}; give at most {MOST_SEED - 1} where 2 are drawn$"):
        ask(seed=MOST_SEED, samples=2)
    with pytest.raises(ValueError, match=f"^--seed is {2**63}; give a number from 0 to {2**63 - 1}$"):
        ask(seed=MOST_SEED + 1)


def test_drawing_spends_no_chance_of_the_caller():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    list(draw(dots(), ask(samples=2)))
    assert torch.equal(before, torch.get_rng_state())


def test_files_are_named_by_seed_and_a_sheet_shows_them(tmp_path):
    written = write(dots(), ask(samples=10, seed=5), tmp_path / "out")
    assert [path.name for path in written] == [*(f"seed-{seed:06}.png" for seed in range(5, 15)), "sheet.png"]
    ((_, image),) = draw(dots(), ask(seed=9))
    expected = np.rint((image.numpy() + 1) * 127.5).transpose(1, 2, 0)
    assert (read(written[4]).pixels == expected).all()
    with pytest.raises(ValueError, match="is there already; give another folder with --out"):
        write(dots(), ask(seed=5), tmp_path / "out")
    deep = write(dots(depth=16, value_range=(0.0, 65535.0)), ask(), tmp_path / "deep")
    assert read(deep[0]).pixels.dtype == np.uint16
    assert write(dots(), ask(), tmp_path / "jpg", "jpg")[0].suffix == ".jpg"


def test_an_error_before_the_first_picture_leaves_nothing_behind(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="JPEG"):
        write(dots(depth=16, value_range=(0.0, 65535.0)), ask(), tmp_path / "deep" / "out", "jpg")

    def failing(self: filters.Dots, inputs: object, request: object) -> torch.Tensor:
        raise ValueError('say what to draw, as in --text "a red bird"')

    monkeypatch.setattr(filters.Dots, "translate", failing)
    with pytest.raises(ValueError, match="say what to draw"):
        write(dots(), ask(), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_the_sheet_says_what_was_asked_for(tmp_path):
    @dataclass(frozen=True, kw_only=True)
    class Asked(filters.Dots.Request):
        text: str | None = i2i.option(None, help="A sentence.")
        style: str = i2i.option("plain", help="A manner.")
        first_layer: int | None = i2i.option(None, help="A layer.")
        between: tuple[int, int] | None = i2i.option(None, help="Two seeds.")
        clear: bool = i2i.option(False, help="Without noise.")
        framed: bool = i2i.option(True, help="With a frame.")
        search_steps: int = i2i.option(9, help="Steps of a search.")

    assert heading(Asked(samples=4, search_steps=3)) == ""
    assert heading(Asked(text="a red bird", style="plain")) == "text a red bird"
    assert heading(Asked(to="cat", text="a red bird", style="bold")) == "cat, text a red bird, style bold"
    assert heading(Asked(light=0.5, first_layer=0, between=(3, 7))) == "light 0.5, first-layer 0, between 3 7"
    assert heading(Asked(clear=True, framed=False)) == "clear, no-framed"
    assert heading(Asked(seed=9)) == "seed 9"
    asked = Asked(seed=9, to="7", first_layer=7)
    assert heading(asked, [("7, seed 9", asked), ("7, seed 10", Asked(seed=10))]) == "first-layer 7"
    assert heading(asked, [("dark", asked), ("bright", asked)]) == "7, seed 9, first-layer 7"
    assert heading(asked, [("mean(1,2)", Asked(seed=1))]) == "7, first-layer 7"
    asked = Asked(text="1-2", style="1")
    assert heading(asked, [("seed 1", asked), ("- seed 2", asked), ("1-2", asked)]) == "style 1"
    *_, plain = write(dots(), ask(samples=2), tmp_path / "plain")
    *_, headed = write(dots(), Asked(samples=2, text="a red bird"), tmp_path / "headed")
    rows = [{f"seed {seed}": image for seed, image in draw(dots(), ask(samples=2))}]
    assert (read(headed).pixels == np.asarray(previews.sheet(rows, "text a red bird"))).all()
    assert (read(plain).pixels == np.asarray(previews.sheet(rows))).all()


def test_from_python():
    pictures = dots().sample_images(2, seed=4, light=0.25)
    assert [picture.size for picture in pictures] == [(7, 6), (7, 6)]
    ((_, image),) = draw(dots(), ask(seed=5, light=0.25))
    assert (np.asarray(pictures[1]) == np.rint((image.numpy() + 1) * 127.5).transpose(1, 2, 0)).all()
    with pytest.raises(LookupError, match='unknown option "lite"; did you mean "light"'):
        dots().sample_images(lite=1)
    with pytest.raises(ValueError, match="this model makes pictures of pictures; use: i2i translate"):
        filters.make().sample_images(to="winter")


def suits() -> filters.Suits:
    return filters.make(filters.Suits, domains=("0", "7"), channels={"image": 3})


def test_without_a_target_the_seed_draws_the_class_and_the_sheet_says_it(tmp_path):
    def bright(image: torch.Tensor) -> bool:
        return image.mean().item() > 0

    drawn = dict(draw(suits(), filters.Suits.Request(samples=4, seed=3)))
    assert {seed: bright(image) for seed, image in drawn.items()} == {3: True, 4: False, 5: True, 6: False}
    ((_, alone),) = draw(suits(), filters.Suits.Request(to="7", seed=4))
    assert bright(alone)
    assert [np.asarray(picture).mean() > 127 for picture in suits().sample_images(2)] == [False, True]
    assert [np.asarray(picture).mean() > 127 for picture in suits().sample_images(2, to="7")] == [True, True]
    *files, sheet = write(suits(), filters.Suits.Request(samples=2, seed=3), tmp_path)
    assert [path.name for path in (*files, sheet)] == ["seed-000003.png", "seed-000004.png", "sheet.png"]
    expected = previews.sheet([{"seed 3: 7": drawn[3], "seed 4: 0": drawn[4]}])
    assert (read(sheet).pixels == np.asarray(expected)).all()


def test_a_grid_is_drawn_as_it_is_given_with_titles_apart(tmp_path):
    *files, strip = write(suits(), filters.Suits.Request(seed=2, steps=3, samples=5), tmp_path)
    names = ["row-01-column-01.png", "row-01-column-02.png", "row-01-column-03.png", "strip.png"]
    assert [path.name for path in (*files, strip)] == names
    single = [dict(draw(suits(), filters.Suits.Request(seed=2, light=step / 3)))[2] for step in range(3)]
    titles = ["brighter", "brighter (2)", "brighter (3)"]
    titled = previews.sheet([dict(zip(titles, single, strict=True))], "seed 2, steps 3")
    assert (read(strip).pixels == np.asarray(titled)).all()
    assert (read(files[2]).pixels == np.rint((single[2].numpy() + 1) * 127.5).transpose(1, 2, 0)).all()
    with pytest.raises(ValueError, match=r"strip.png is there already|row-01.* is there already"):
        write(suits(), filters.Suits.Request(seed=2, steps=2), tmp_path)


def test_several_rows_of_a_grid_are_a_sheet(tmp_path, monkeypatch):
    def two_rows(self: filters.Dots, request: filters.Dots.Request) -> list[list[tuple[str, filters.Dots.Request]]]:
        return [[("dark", ask(light=-0.5)), ("bright", ask(light=0.5))], [("plain", ask())]]

    monkeypatch.setattr(filters.Dots, "grid", two_rows)
    written = write(dots(), ask(), tmp_path)
    assert [path.name for path in written] == [
        *("row-01-column-01.png", "row-01-column-02.png", "row-02-column-01.png", "sheet.png")
    ]
    assert len(dots().sample_images()) == 3
