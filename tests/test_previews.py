import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFont

from i2i import previews
from i2i.previews import BLOCK_GAP, GAP, INK, MARGIN, SMALLEST

FONT = ImageFont.load_default(previews.TEXT_SIZE)


def test_pixels_stand_where_they_should_with_their_values():
    rows = [
        {"summer": torch.full((3, 256, 256), -1.0), "to winter": torch.full((3, 256, 256), 1.0)},
        {
            "summer": torch.full((1, 256, 256), 0.0),
            "to winter": torch.zeros(3, 256, 256).index_fill(0, torch.tensor(0), 1.0),
        },
    ]
    page = np.asarray(previews.sheet(rows))
    assert page.shape[1] == 2 * 256 + GAP + 2 * MARGIN
    left, right = MARGIN, MARGIN + 256 + GAP
    bottom = page.shape[0] - MARGIN - 256
    assert (page[bottom : bottom + 256, left : left + 256] == 128).all()
    assert (page[bottom : bottom + 256, right : right + 256] == (255, 128, 128)).all()
    above = bottom - GAP - 256  # titles stand once, on top
    assert (page[above : above + 256, left : left + 256] == 0).all()
    assert (page[above : above + 256, right : right + 256] == 255).all()
    assert (page[MARGIN:above] == INK).any()


def test_rows_of_other_titles_make_blocks_side_by_side_unless_the_sheet_is_wide():
    image = torch.zeros(3, 256, 256)
    one = previews.sheet([{"a": image}] * 3)
    two = previews.sheet([{"a": image}, {"a": image}, {"a": image}, {"b": image}, {"b": image}])
    assert two.size == (2 * one.width - 2 * MARGIN + BLOCK_GAP, one.height)
    wide = {f"column {i}": image for i in range(4)}
    over = previews.sheet([wide, {"other": image}])
    block = previews.sheet([wide])
    assert over.size == (block.width, 2 * block.height - 2 * MARGIN + GAP)


def test_a_heading_stands_above_and_moves_the_rest_down():
    rows = [{"seed 1": torch.zeros(3, 256, 256), "seed 2": torch.ones(3, 256, 256)}]
    plain = np.asarray(previews.sheet(rows))
    for words, lines in (("a red bird", 1), ("a bird of many colours on a branch " * 9, 2), ("one " + "w" * 99, 2)):
        page = np.asarray(previews.sheet(rows, words))
        top = lines * previews.LINE + GAP
        assert page.shape == (plain.shape[0] + top, plain.shape[1], 3)
        assert (page[MARGIN + top :] == plain[MARGIN:]).all()
        for i in range(lines):
            line = page[MARGIN + i * previews.LINE :][: previews.LINE]
            assert (line[:, MARGIN:-MARGIN] == INK).all(-1).any()
            assert (line[:, -MARGIN:] == previews.PAPER).all()
    assert (np.asarray(previews.sheet(rows, "  ")) == plain).all()


def test_letters_that_the_font_lacks_are_drawn_as_plainer_ones():
    told = {
        "Große Bäume": "Grosse Baume",
        "café, Łódź": "cafe, Lodz",
        "ba\u0308r": "bar",
        "3°, 20 µm": "3°, 20 µm",
        "日が": "日が",
    }
    assert {title: previews.plain(title) for title in told} == told
    image = torch.zeros(3, 256, 256)
    one, other = (
        np.asarray(previews.sheet([{title: image}], title)) for title in ("Bäume à la Æsop", "Baume a la Aesop")
    )
    assert (one == other).all()


def test_small_pictures_grow_by_whole_pixels():
    checks = torch.tensor([[[1.0, -1.0], [-1.0, 1.0]]]).repeat(1, 32, 32)  # (1, 64, 64)
    page = np.asarray(previews.sheet([{"a": checks}]))
    times = SMALLEST // 64
    cell = page[-MARGIN - 64 * times : -MARGIN, MARGIN : MARGIN + 64 * times, 0]
    wanted = np.kron(np.where(checks[0].numpy() > 0, 255, 0), np.ones((times, times)))
    assert (cell == wanted).all()


def test_titles_say_which_channels_are_drawn():
    assert previews.note(torch.zeros(1, 2, 2)) == previews.note(torch.zeros(3, 2, 2)) == ""
    assert previews.note(torch.zeros(2, 2, 2)) == " (channel 1 of 2)"
    assert previews.note(torch.zeros(5, 2, 2)) == " (channels 1-3 of 5)"


@given(st.text("abc defgh", max_size=60), st.integers(40, 300))
def test_titles_take_two_lines_at_most_and_never_stick_out(title, width):
    lines = previews.wrap(title, width, FONT)
    assert 1 <= len(lines) <= 2
    assert all(FONT.getlength(line) <= width for line in lines)
    if not any(line.endswith("...") for line in lines):
        assert " ".join(lines).split() == title.split()


@given(
    st.lists(
        st.lists(st.tuples(*[st.integers(1, n) for n in (6, 700, 700)]), min_size=1, max_size=3), min_size=1, max_size=3
    )
)
@settings(max_examples=15, deadline=None)
def test_any_shapes_make_a_sheet(shapes):
    rows = [{f"column {i}": torch.zeros(shape) for i, shape in enumerate(row)} for row in shapes]
    page = previews.sheet(rows)
    assert page.mode == "RGB"
    assert page.width <= previews.WIDEST


def test_values_that_are_no_numbers_or_out_of_range_are_drawn():
    image = torch.tensor([float("nan"), float("inf"), -7.0, 9.0], dtype=torch.bfloat16).reshape(1, 2, 2)
    page = np.asarray(previews.sheet([{"a": image.requires_grad_()}]))
    times = SMALLEST // 2
    drawn = page[-MARGIN - 2 * times : -MARGIN : times, MARGIN : MARGIN + 2 * times : times, 0]
    assert drawn.tolist() == [[0, 255], [0, 255]]


def test_nothing_to_draw_is_an_error():
    with pytest.raises(ValueError, match="at least one row"):
        previews.sheet([{}])
    with pytest.raises(ValueError, match=r"has the shape \(2, 2\); give \(C, H, W\)"):
        previews.sheet([{"a": torch.zeros(2, 2)}])


def test_sheets_are_saved_by_step_and_listed_in_order(tmp_path):
    folder = tmp_path / "previews"
    assert previews.listed(folder) == []
    picture = Image.new("RGB", (4, 4))
    paths = [previews.save(folder, step, picture) for step in (123456789, 20, 3)]
    (folder / "notes.png").touch()
    assert previews.listed(folder) == paths[::-1]
    assert paths[1].name == "step-00000020.png"
    assert [previews.step_of(path) for path in previews.listed(folder)] == [3, 20, 123456789]
    assert Image.open(paths[0]).size == (4, 4)
    assert not list(folder.glob("*.new"))
