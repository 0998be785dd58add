"""Options: checked values, unknown keys, what TOML and JSON get."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2i.options import Options, build, describe, nearest, option, read_toml, schema, to_plain, type_name


@dataclass(frozen=True, kw_only=True)
class Example(Options):
    lr: float = option(0.1, help="Rate.", min=0, max=1)
    width: int = option(64, help="Width.", min=1)
    mode: Literal["a", "b"] = option("a", help="Mode.")
    place: Path | None = option(None, help="Place.")
    betas: tuple[float, float] = option((0.5, 0.9), help="Betas.")
    bounded: tuple[float, float] = option((0.5, 0.9), help="Both bounded.", min=0, max=1)
    label: Optional[str] = option(None, help="Label.")  # noqa: UP045 - both spellings of optional must work
    flag: bool = option(False, help="Flag.")


@dataclass(frozen=True, kw_only=True)
class Needy(Options):
    must: int = option(help="Must be given.")


def test_values_take_their_type() -> None:
    built = build(Example, {"lr": 1, "place": "x/y", "betas": [0, 1]})
    assert built == Example(lr=1.0, place=Path("x/y"), betas=(0.0, 1.0))
    assert isinstance(built.lr, float)
    assert isinstance(built.betas[0], float)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"lr": 2}, "--lr is 2.0; give a number from 0 to 1"),
        ({"width": 0}, "--width is 0; give a number of at least 1"),
        ({"width": 1.5}, "--width is 1.5; give a whole number"),
        ({"width": True}, "--width is True; give a whole number"),
        ({"lr": float("nan")}, "--lr is nan; give a finite number"),
        ({"lr": float("inf")}, "--lr is inf; give a finite number"),
        ({"mode": "c"}, "--mode is 'c'; choose a or b"),
        ({"betas": [0.5]}, "--betas has 1 values; give 2"),
        ({"bounded": [0.5, 2]}, "--bounded is 2.0; give a number from 0 to 1"),
        ({"bounded": [0.5, float("nan")]}, "--bounded is nan; give a finite number"),
        ({"betas": "x"}, "--betas is 'x'; give number,number"),
        ({"flag": "yes"}, "--flag is 'yes'; give true or false"),
    ],
)
def test_bad_values_say_what_is_allowed(values: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=r"^run\.toml: ") as caught:
        build(Example, values, "run.toml")
    assert str(caught.value) == f"run.toml: {said}"


def test_an_unknown_key_suggests_the_nearest() -> None:
    with pytest.raises(LookupError, match=r'^unknown option "widht"; did you mean "width"\?$'):
        build(Example, {"widht": 3})
    assert nearest("zzz", ["width"]) == ""
    assert nearest("widht", ["width"], "it has one") == '; did you mean "width"? It has one'
    assert nearest("zzz", ["width"], "it has one") == "; it has one"


def test_a_required_option_is_asked_for() -> None:
    with pytest.raises(ValueError, match="--must must be given"):
        build(Needy, {})


@given(
    lr=st.floats(0, 1),
    width=st.integers(1, 10_000),
    mode=st.sampled_from(["a", "b"]),
    betas=st.tuples(st.floats(-5, 5), st.floats(-5, 5)),
    flag=st.booleans(),
)
def test_plain_values_build_the_same_options(**values: object) -> None:
    built = build(Example, values)
    assert build(Example, to_plain(built)) == built


def test_none_is_left_out_and_paths_are_text() -> None:
    assert to_plain(Example(place=Path("p"))) == {
        "lr": 0.1,
        "width": 64,
        "mode": "a",
        "place": "p",
        "betas": [0.5, 0.9],
        "bounded": [0.5, 0.9],
        "flag": False,
    }


def test_the_schema_is_json_ready() -> None:
    rows = {row["name"]: row for row in schema(Example)}
    assert rows["lr"] == {"name": "lr", "type": "number", "help": "Rate.", "default": 0.1, "min": 0, "max": 1}
    assert rows["mode"]["type"] == "a|b"
    assert "default" not in rows["label"]
    assert type_name(describe(Example)[4].type) == "number,number"


def test_toml_errors_name_the_file(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("lr = = 3")
    with pytest.raises(ValueError, match=r"bad.toml is not valid TOML: .*line 1"):
        read_toml(bad)
    with pytest.raises(ValueError, match="there is no file"):
        read_toml(tmp_path / "none.toml")
