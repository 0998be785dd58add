"""What a bundle says of itself: bundle.json, read without torch and without trust."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from i2i.errors import BadBundle
from i2i.spec import DataSpec

FORMAT = 1
MANIFEST = "bundle.json"
_MAX_BYTES = 16_000_000  # an honest one has thousands
_NEEDED = {"model": str, "options": dict, "spec": dict}
_OTHERS = {
    **{"targets": list, "inputs": list, "held": list, "request": list, "data": dict, "files": dict, "figures": dict},
    **{"step": int, "licence": str, "phase": str, "plugin": str, "distribution": str, "version": str, "i2i": str},
}
_NAMES = {"targets", "inputs", "held"}  # tuples of texts
_SHOWN = ("model", "phase", "plugin", "distribution", "version", "i2i")


@dataclass(frozen=True)
class Manifest:
    """What bundle.json says."""

    model: str
    options: dict[str, Any]
    spec: DataSpec
    targets: tuple[str, ...] = ()
    inputs: tuple[str, ...] | None = None  # of translate(); () where it draws, None where an older bundle does not say
    held: tuple[str, ...] = ()  # submodules that the weights are of, where they are not of all
    request: list[dict[str, Any]] = field(default_factory=list)  # options.schema of the model's Request
    data: dict[str, Any] = field(default_factory=dict)  # name, kind, resize, crop
    licence: str = ""
    phase: str = ""
    step: int = 0
    figures: dict[str, float] = field(default_factory=dict)
    plugin: str = ""  # entry point, distribution and version that the model came from
    distribution: str = ""
    version: str = ""
    i2i: str = ""
    format: int = FORMAT
    files: dict[str, dict[str, Any]] = field(default_factory=dict)  # name -> bytes and sha256

    @property
    def age(self) -> str:
        """How far it was trained, in words."""
        return "imported" if self.data.get("imported") else f"step {self.step:,}"

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        values = asdict(self) | {"spec": self.spec.to_json()}
        values |= {key: list(values[key]) for key in _NAMES if values[key] is not None}
        return {key: value for key, value in values.items() if value is not None}


def read(folder: Path) -> Manifest:
    """Read bundle.json. Raises BadBundle with one sentence when it is not one we can use."""
    path = folder / MANIFEST
    text = _text(path)
    try:
        return _parse(json.loads(text))
    except _Newer as error:
        raise BadBundle(f"{path} {error}; update with: pip install -U i2i-translate") from None
    except RecursionError:
        raise BadBundle(f"{path} is damaged: it is nested too deeply") from None
    except ValueError as error:
        raise BadBundle(f"{path} is damaged: {error}") from None


class _Newer(ValueError):
    """A format that this program does not know yet."""


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise BadBundle(f"{path} is no file")
        if path.stat().st_size > _MAX_BYTES:
            raise BadBundle(f"{path} is damaged: {path.stat().st_size:,} bytes is no bundle description")
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise BadBundle(f"{path.parent} is not a bundle: it holds no {MANIFEST}") from None
    except OSError as error:
        raise BadBundle(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise BadBundle(f"{path} is damaged: {error}") from None


def _parse(raw: Any) -> Manifest:
    """Make a manifest of JSON values. Raises ValueError at the first that cannot be."""
    if not isinstance(raw, dict) or type(raw.get("format")) is not int or raw["format"] < 1:
        raise ValueError("it names no format")
    if raw["format"] > FORMAT:
        raise _Newer(f"has format {raw['format']}, this i2i reads up to {FORMAT}")
    values: dict[str, Any] = {"format": raw["format"]}
    for key, kind in (_NEEDED | _OTHERS).items():
        if key in raw or key in _NEEDED:
            if type(raw.get(key)) is not kind:
                raise ValueError(f'its "{key}" is missing or of the wrong type')
            values[key] = raw[key]
    for key in _NAMES & values.keys():
        values[key] = tuple(values[key])
    for text in [values.get(name, "") for name in _SHOWN] + [name for key in _NAMES for name in values.get(key, ())]:
        if not isinstance(text, str) or re.search(r"[\x00-\x1f\x7f-\x9f]", text):  # they would steer the terminal
            raise ValueError(f"{text!r} is no text that can be shown")
    if values.get("step", 0) < 0:
        raise ValueError('its "step" is negative')
    for figure in values.get("figures", {}).values():
        if type(figure) not in (int, float) or not math.isfinite(figure):
            raise ValueError('its "figures" are not all numbers')
    for row in values.get("request", []):
        if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("name", "type", "help")):
            raise ValueError('its "request" is no list of options')
    for name, facts in values.get("files", {}).items():
        if name in ("", ".", "..") or not name.isprintable() or any(mark in name for mark in "/\\:"):
            raise ValueError(f"it names the file {name!r}, which lies outside")
        if not isinstance(facts, dict) or type(facts.get("bytes")) is not int or type(facts.get("sha256")) is not str:
            raise ValueError(f"it does not say what {name} should be")
    values["spec"] = DataSpec.from_json(values["spec"])
    return Manifest(**values)
