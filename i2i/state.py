"""What run.json holds: each value of its kind, so that a file that was damaged or edited is told in a sentence."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_WORDS = {str: "a text", int: "a sensible whole number", float: "a sensible number", list: "folders", dict: "a table"}
_MOST = 1e11  # of a number: more seconds than 3,000 years have, more steps than a run can do
VALUES = {
    **dict.fromkeys(("model", "data", "kind", "fingerprint", "state", "host"), str),
    **dict.fromkeys(("step", "steps", "planned", "pid"), int),
    **dict.fromkeys(("lr_factor", "started", "updated"), float),
    **dict.fromkeys(("data_options", "figures"), dict),
    "roots": list,
}


def check(path: Path, state: Any, whole: bool = False) -> None:
    """Check what was read of a run.json; a `whole` one lacks nothing that a run needs to go on.

    Raises ValueError that names what is wrong.
    """
    if not isinstance(state, Mapping) or not isinstance(model := state.get("model"), str):
        raise ValueError(f"{path} is damaged: it names no model")
    wrong = next((key for key, kind in VALUES.items() if key in state and not _is(state[key], kind)), None)
    lacking = next((key for key in VALUES if whole and key not in state), None)
    if wrong or lacking:
        what = f"its {wrong} is {state[wrong]!r:.60}, not {_WORDS[VALUES[wrong]]}" if wrong else f"it has no {lacking}"
        raise ValueError(
            f"{path} is damaged: {what}; put that right by hand, or start anew with the run's weights: "
            f"i2i train {shlex.quote(model)} DATA --init {shlex.quote(str(path.parent))}"
        )


def _is(value: Any, kind: type) -> bool:
    if kind is list:
        return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)
    if kind in (int, float):
        return type(value) in (int, kind) and 0 <= value < _MOST
    return isinstance(value, kind)
