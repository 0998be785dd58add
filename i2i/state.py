"""What run.json holds: each value of its kind, so that a file that was damaged or edited is told in a sentence.

And what is there of a run that did not come to its first checkpoint: nothing to go on from, so it is started again.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from i2i.log import LOG
from i2i.options import read_toml

STATE = "run.json"
CONFIG = "config.toml"
_FIRST = {".lock", CONFIG, "environment.json", "data.json", STATE, LOG, "report.html", "tensorboard", "checkpoints"}
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


def is_bare(folder: Path) -> bool:
    """Whether a folder holds nothing, or no more than a run that was killed before its first checkpoint."""
    try:
        names = {path.name for path in folder.iterdir() if not path.name.endswith(".writing")}
        kept = [path for path in folder.glob("checkpoints/*") if not path.name.endswith(".writing")]
    except OSError:
        return False
    return names <= _FIRST and not kept


def anew(folder: Path, init: bool = False) -> str:
    """The command that starts a run again as its config.toml says: in its own folder where nothing is lost by that.

    With `init`, it starts from the run's weights.
    """
    try:
        values = read_toml(folder / CONFIG)
    except (ValueError, OSError):
        values = {}
    model, data = values.get("model"), values.get("data")
    words = ["i2i", "train", "MODEL", "DATA"]
    if isinstance(model, str) and isinstance(data, str):
        words[2:] = [model, *data.split(" + "), "--config", str(folder / CONFIG)]
    if is_bare(folder):
        named = folder if folder.name not in ("", "..") else folder.resolve()
        words += ["--out", str(named.parent), "--name", named.name]
    return shlex.join(words + ["--init", str(folder)] * init)


def _is(value: Any, kind: type) -> bool:
    if kind is list:
        return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)
    if kind in (int, float):
        return type(value) in (int, kind) and 0 <= value < _MOST
    return isinstance(value, kind)
