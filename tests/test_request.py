"""A model's flags, read from its bundle's schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import filters
import pytest

import i2i
from i2i.options import schema
from i2i.request import choose_target, companions, expand, joins, parse, parse_range, schema_of, table, typed


@dataclass(frozen=True, kw_only=True)
class Request(i2i.Request):
    strength: float = i2i.option(1.0, help="How much.", min=0, max=1)
    style: Literal["old", "new"] = i2i.option("new", help="Which.")
    shift: tuple[int, int] = i2i.option((0, 0), help="How far.")
    size: tuple[float, float] = i2i.option((1.0, 1.0), help="How wide and high.")
    keep_sky: bool = i2i.option(False, help="Leave the sky.")


SCHEMA = schema(Request)


def test_flags_stand_before_between_and_after_inputs():
    arguments = ["--strength", "0.5", "a", "--keep-sky", "b", "--style=old", "--shift", "1", "-2", "c", "--seed", "7"]
    inputs, values = parse(arguments, SCHEMA)
    assert inputs == ["a", "b", "c"]
    assert values == {"strength": 0.5, "keep_sky": True, "style": "old", "shift": (1, -2), "seed": 7}
    assert Request(**values).seed == 7
    assert parse(["--no-keep-sky", "--shift=3,4"], SCHEMA)[1] == {"keep_sky": False, "shift": (3, 4)}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--strenth", "1"], LookupError, 'no flag --strenth; did you mean "--strength"'),
        (["a", "--overwite"], LookupError, 'no flag --overwite; did you mean "--overwrite"'),
        (["--strength"], ValueError, "--strength has no value; give number"),
        (["--strength", "--keep-sky"], ValueError, "--strength has no value"),
        (["--strength", "much"], ValueError, "--strength is 'much'; give a number"),
        (["--strength", "2"], ValueError, "--strength is 2; give at most 1"),
        (["--strength", "-2"], ValueError, "--strength is -2; give at least 0"),
        (["--samples", "0"], ValueError, "--samples is 0; give at least 1"),
        (["--seed", "1.5"], ValueError, "give a whole number"),
        (["--seed", f"{2**63}"], ValueError, "--seed is 9223372036854775808; give at most 9223372036854775807"),
        (["--style", "odl"], ValueError, 'choose old or new; did you mean "old"'),
        (["--shift"], ValueError, "--shift has no value; give 2 whole numbers: --shift 3 7"),
        (["--shift", "1"], ValueError, "--shift has too few values; give 2 whole numbers: --shift 3 7"),
        (["--shift=1"], ValueError, "--shift has 1 value; give 2 whole numbers: --shift 3 7"),
        (["--shift", "1,2,3"], ValueError, "--shift has 3 values; give 2 whole numbers: --shift 3 7"),
        (["--size", "3"], ValueError, "--size has too few values; give number,number"),
        (["--keep-sky=yes"], ValueError, "--keep-sky takes no value"),
        (["--style", "old", "a", "--style=new"], ValueError, "--style is given twice; give it once"),
        (["--keep-sky", "--no-keep-sky"], ValueError, "--no-keep-sky is given twice"),
    ],
)
def test_what_is_wrong_is_said(arguments, error, message):
    with pytest.raises(error) as caught:
        parse(arguments, SCHEMA, ["--overwrite"])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"seed": 7, "strength": 0.123456789012345, "style": "old", "keep_sky": True},
        {"shift": (3, 7), "size": (0.5, 2.0)},
        {"shift": (-3, 7)},
    ],
)
def test_what_is_typed_is_read_as_it_was(values):
    assert parse(typed(Request(**values, samples=3)), SCHEMA) == ([], values)


def test_texts_and_switches_are_typed_as_they_are_read():
    @dataclass(frozen=True, kw_only=True)
    class Asked(i2i.Request):
        said: str = i2i.option("", help="A text.")
        clear: bool = i2i.option(True, help="Without noise.")
        layers: tuple[int, ...] = i2i.option((), help="Which.")
        search_steps: int = i2i.option(9, help="Steps of a search.")

    for values in ({"said": "-1 to 1", "clear": False}, {"said": "a cat", "layers": (3,)}, {"layers": (1, 2, 3)}):
        assert parse(typed(Asked(**values, search_steps=3)), schema(Asked)) == ([], values)
    assert typed(Asked(to="a cat")) == ["--to", "a cat"]


def test_a_flag_that_is_like_none_is_told_the_models():
    own = "--to, --samples, --seed, --strength, --style, --shift, --size, --keep-sky"
    for flag in ("--mix", "--mask", "-x", "--steps"):
        with pytest.raises(LookupError) as caught:
            parse([flag, "3"], SCHEMA, ["--quiet", "--max", "--to"])  # of the command
        assert str(caught.value) == f"there is no flag {flag} for this model; its flags: {own}"


def test_help_rows():
    rows = dict(table(SCHEMA))
    assert rows["--strength number"] == "How much. Default: 1.0."
    assert rows["--keep-sky"] == "Leave the sky. Default: False."
    assert not any(flag.startswith("--to") for flag in rows)


def test_choosing_a_target():
    assert choose_target(None, ("winter",)) == "winter"
    assert choose_target(None, ()) is None
    assert choose_target("summer", ("summer", "winter")) == "summer"
    with pytest.raises(ValueError, match="translates to summer, winter; say which with --to summer"):
        choose_target(None, ("summer", "winter"))
    with pytest.raises(LookupError) as caught:
        choose_target("wintr", ("summer", "winter"))
    expected = 'there is no target "wintr"; did you mean "winter"? This model translates to summer, winter'
    assert str(caught.value) == expected
    with pytest.raises(LookupError, match="leave --to out"):
        choose_target("x", ())


def test_what_a_model_draws_are_classes_and_numbers_are_not_misspelt():
    digits = tuple(map(str, range(4)))
    for to in ("cat", "12", "-1"):
        with pytest.raises(LookupError) as caught:
            choose_target(to, digits, draws=True)
        assert str(caught.value) == f'there is no class "{to}"; this model draws 0, 1, 2, 3'
    with pytest.raises(LookupError, match=r'no class "ct"; did you mean "cat"\? This model draws 7, cat$'):
        choose_target("ct", ("7", "cat"), draws=True)
    with pytest.raises(LookupError, match='no class "yung"; did you mean "Young"'):
        choose_target("Male,yung", ("Male", "Young"), several=True, draws=True)
    with pytest.raises(LookupError, match=r'no target "12"; this model translates to 0, 1, 2, 3$'):
        choose_target("12", digits)


def test_ranges():
    assert parse_range("0-4095") == (0, 4095)
    assert parse_range("-1000-3000.5") == (-1000, 3000.5)
    assert parse_range("-5--1") == (-5, -1)
    for text in ("4095", "9-1", "a-b"):
        with pytest.raises(ValueError, match="--range is"):
            parse_range(text)


ATTRIBUTES = ("Black_Hair", "Young", "No_Beard")


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("Young", "Young"),
        ("black_hair, young", "Black_Hair,Young"),
        ("not-young,Black_Hair", "not-Young,Black_Hair"),
        ("no_beard", "No_Beard"),
        ("no_no_beard,NO-YOUNG", "not-No_Beard,not-Young"),
    ],
)
def test_attributes_are_joined_negated_and_spelt_as_the_model_does(asked, meant):
    assert choose_target(asked, ATTRIBUTES, several=True) == meant


def test_an_unknown_attribute_is_named():
    with pytest.raises(LookupError, match='no target "yung"; did you mean "Young"'):
        choose_target("black_hair,yung", ATTRIBUTES, several=True)
    with pytest.raises(LookupError, match='no target "black_hair,young"'):
        choose_target("black_hair,young", ATTRIBUTES)


def test_a_target_differs_by_capitals_only_where_that_is_clear():
    assert choose_target("winter", ("Winter", "summer")) == "Winter"
    with pytest.raises(LookupError, match='no target "WINTER"'):
        choose_target("WINTER", ("Winter", "winter"))


def test_all_stands_for_every_target_unless_it_is_one():
    assert expand("all", ("a", "b")) == ("a", "b")
    assert expand("all", ("a", "all")) == ()
    assert expand("all", ("a",)) == ()
    assert expand("a", ("a", "b")) == ()


def test_a_bundle_says_what_may_go_along_and_whether_targets_join():
    paint = schema_of(filters.make(filters.Paint, channels={"label": 1, "target": 3}, num_labels=3))
    assert companions(paint) == ("instance",)
    assert parse(["a.png", "--instance", "maps"], paint) == (["a.png"], {"instance": "maps"})
    assert joins(schema_of(filters.make(filters.Tint)))
    assert not joins(paint)
    assert ("--instance path", "Map of single objects.") in table(paint)
