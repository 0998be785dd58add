"""What run.json may hold: a value of the wrong kind is told in a sentence that says what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from i2i.state import VALUES, check

PATH = Path("runs/fox/run.json")
GOOD: dict[str, Any] = {
    "format": 1,
    "model": "cyclegan",
    "data": "foxes",
    "roots": ["/data/foxes"],
    "kind": "unpaired",
    "data_options": {"domains": "fox,wolf"},
    "fingerprint": "0af3",
    "state": "stopped",
    "step": 7,
    "steps": 12,
    "planned": 12,
    "lr_factor": 1,
    "started": 1.7e9,
    "updated": 1.8e9,
    "pid": 12,
    "host": "here",
    "figures": {"kid": 0.25},
}
NUMBERS = ("7", None, True, [7], {}, -1, 1e300, 10**30, float("nan"), float("inf"))
WRONG: dict[type, tuple[Any, ...]] = {
    str: (7, None, ["a"], {}, True),
    int: (*NUMBERS, 7.5),
    float: NUMBERS,
    list: ("/data/foxes", None, [], [3], {"a": 1}),
    dict: ("x", None, [], 1),
}


def test_a_run_as_it_is_written_passes() -> None:
    check(PATH, GOOD, whole=True)
    check(PATH, GOOD | {"lr_factor": 0.1, "step": 0, "figures": {}}, whole=True)
    assert VALUES.keys() == GOOD.keys() - {"format"}


@pytest.mark.parametrize("key", sorted(VALUES.keys() - {"model"}))
def test_a_value_of_another_kind_is_named(key: str) -> None:
    for value in WRONG[VALUES[key]]:
        with pytest.raises(ValueError, match=rf"^runs/fox/run\.json is damaged: its {key} is .*, not ") as caught:
            check(PATH, GOOD | {key: value})
        assert str(caught.value).endswith("i2i train cyclegan DATA --init runs/fox")
        assert "\n" not in str(caught.value)


def test_a_long_value_is_cut() -> None:
    with pytest.raises(ValueError, match=r"its figures is 'x{59}, not a table; put that right by hand"):
        check(PATH, GOOD | {"figures": "x" * 10_000})


@pytest.mark.parametrize("key", sorted(VALUES.keys() - {"model"}))
def test_what_is_missing_matters_where_a_run_shall_go_on(key: str) -> None:
    less = {name: value for name, value in GOOD.items() if name != key}
    check(PATH, less)
    with pytest.raises(ValueError, match=f"is damaged: it has no {key}; put that right"):
        check(PATH, less, whole=True)


@pytest.mark.parametrize("state", [[], "x", None, {}, {"model": 3}])
def test_without_a_model_it_is_no_run(state: Any) -> None:
    with pytest.raises(ValueError, match="is damaged: it names no model"):
        check(PATH, state)
