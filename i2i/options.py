"""Options: frozen dataclasses that become command-line flags, TOML keys and JSON fields.

A model, a dataset kind and a request each declare one. Three layers decide a value and none inherits:
the default, the TOML file, the flag.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

MOST_SEED = 2**63 - 1  # what TOML can hold, and what torch can count on from


def option(
    default: Any = MISSING,
    *,
    help: str,
    min: float | None = None,
    max: float | None = None,
    choices: Mapping[str, str] | None = None,
) -> Any:
    """Declare a field of an Options or Request class, with its help text and its allowed range.

    `choices` are what a text may name, and what that means, for help pages to show: a mapping that may be known late,
    as plugins add to it. Nothing is checked against it.
    """
    return dataclasses.field(default=default, metadata={"help": help, "min": min, "max": max, "choices": choices})


@dataclass(frozen=True)
class OptionField:
    """One option, resolved: its Python name, type, default (MISSING when required), help and range."""

    name: str
    type: Any
    default: Any
    help: str
    min: float | None = None
    max: float | None = None
    choices: Mapping[str, str] | None = dataclasses.field(default=None, compare=False)

    @property
    def flag(self) -> str:
        """The command-line spelling."""
        return "--" + self.name.replace("_", "-")

    @property
    def optional(self) -> bool:
        """Whether None is allowed."""
        return type(None) in get_args(self.type)

    @property
    def base(self) -> Any:
        """The type without None."""
        if not self.optional:
            return self.type
        (base,) = (t for t in get_args(self.type) if t is not type(None))
        return base

    def check(self, value: Any) -> Any:
        """Return the value as this option's type; raise ValueError with one sentence when it does not fit."""
        if value is None and self.optional:
            return None
        value = self._convert(value, self.base)
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, (int, float)) and not isinstance(number, bool):
                self._check_range(number)
        return value

    def _check_range(self, number: float) -> None:
        if isinstance(number, float) and not math.isfinite(number):
            raise ValueError(f"{self.flag} is {number}; give a finite number")
        if (self.min is not None and number < self.min) or (self.max is not None and number > self.max):
            raise ValueError(f"{self.flag} is {number}; {self._allowed()}")

    def _allowed(self) -> str:
        if self.min is not None and self.max is not None:
            return f"give a number from {digits(self.min)} to {digits(self.max)}"
        if self.min is not None:
            return f"give a number of at least {digits(self.min)}"
        return f"give at most {digits(self.max)}"

    def _convert(self, value: Any, kind: Any) -> Any:
        if get_origin(kind) is Literal:
            if value in get_args(kind):
                return value
            raise ValueError(f"{self.flag} is {value!r}; choose {' or '.join(map(str, get_args(kind)))}")
        if get_origin(kind) is tuple:
            parts = get_args(kind)
            if not isinstance(value, (list, tuple)):
                raise ValueError(f"{self.flag} is {value!r}; give {_with_article(kind)}")
            if len(parts) == 2 and parts[1] is Ellipsis:
                return tuple(self._convert(v, parts[0]) for v in value)
            if len(value) != len(parts):
                raise ValueError(f"{self.flag} has {len(value)} values; give {len(parts)}")
            return tuple(self._convert(v, part) for v, part in zip(value, parts, strict=True))
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if kind is Path and isinstance(value, str):
            return Path(value)
        if isinstance(kind, type) and isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
            return value
        raise ValueError(f"{self.flag} is {value!r}; give {_with_article(kind)}")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Base of every options class: a frozen dataclass whose fields are made with `option`.

    Field types are bool, int, float, str, Path, Literal, Optional of these, and tuples of fixed length.
    A value of the wrong type or out of range raises ValueError.
    """

    def __post_init__(self) -> None:
        for field in describe(type(self)):
            object.__setattr__(self, field.name, field.check(getattr(self, field.name)))

    @classmethod
    def over(cls, name: str, value: Any, below: Any) -> Any:
        """What a value of an option means that is given over another: a flag over a file, either over the default.

        Default: that it takes the other's place. A class may let some values add to it.
        """
        return value


@dataclass(frozen=True, kw_only=True)
class Request(Options):
    """One call to translate or sample; a model adds its own fields in a nested `Request` class."""

    to: str | None = option(None, help="Target domain or attribute; the model's only one by default.")
    samples: int = option(1, help="Results for each input, when the model is stochastic.", min=1)
    seed: int = option(0, help="Seed of everything random in the result.", min=0, max=MOST_SEED)

    def __post_init__(self) -> None:
        super().__post_init__()
        most = MOST_SEED - (self.samples - 1)  # each sample has a seed of its own
        if self.seed > most:
            raise ValueError(f"--seed is {self.seed}; give at most {most} where {self.samples:,} are drawn")


OptionsType = TypeVar("OptionsType", bound=Options)


def describe(cls: type[Options]) -> list[OptionField]:
    """List an options class's fields, in order of declaration."""
    hints = typing.get_type_hints(cls)
    fields = []
    for field in dataclasses.fields(cls):
        kind = hints[field.name]
        if isinstance(kind, types.UnionType):  # int | None has no get_origin in common with Optional[int]
            kind = typing.Union[get_args(kind)]  # noqa: UP007
        meta = field.metadata
        said = {name: meta[name] for name in ("min", "max", "choices") if name in meta}
        fields.append(OptionField(field.name, kind, field.default, meta.get("help", ""), **said))
    return fields


def digits(number: Any) -> str:
    """A number as it is typed: a whole one with all its digits."""
    return str(number) if isinstance(number, int) else f"{number:g}"


def nearest(word: str, known: Iterable[str], then: str = "") -> str:
    """Say which known word was probably meant: `; did you mean "x"?`, or nothing when none is near.

    `then` is how the sentence goes on in either case: as `; did you mean "x"? Then`, or as `; then`.
    """
    known = list(known)
    match = difflib.get_close_matches(word, known, n=1, cutoff=0.6) or [k for k in known if word and k.startswith(word)]
    if not match:
        return then and f"; {then}"
    return f'; did you mean "{match[0]}"?' + (then and f" {then[0].upper()}{then[1:]}")


def build(cls: type[OptionsType], values: Mapping[str, Any], where: str = "") -> OptionsType:
    """Build options from plain values.

    Raises LookupError for an unknown key (with the nearest one), ValueError for a bad or missing value;
    `where` names the place the values came from.
    """
    fields = {field.name: field for field in describe(cls)}
    prefix = f"{where}: " if where else ""
    for key in values:
        if key not in fields:
            raise LookupError(f'{prefix}unknown option "{key}"{nearest(key, fields)}')
    missing = [field.flag for field in fields.values() if field.default is MISSING and field.name not in values]
    if missing:
        raise ValueError(f"{prefix}{', '.join(missing)} must be given")
    try:
        return cls(**values)
    except ValueError as error:
        raise ValueError(f"{prefix}{error}") from None


def to_plain(options: Options) -> dict[str, Any]:
    """Turn options into what TOML and JSON can hold; None is left out, a path becomes a string."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return str(value)
        return [plain(v) for v in value] if isinstance(value, tuple) else value

    values = ((field.name, getattr(options, field.name)) for field in dataclasses.fields(options))
    return {name: plain(value) for name, value in values if value is not None}


def schema(cls: type[Options]) -> list[dict[str, Any]]:
    """Describe an options class as JSON, so that a bundle can be asked for its flags without its code."""
    rows = []
    for field in describe(cls):
        row: dict[str, Any] = {"name": field.name, "type": type_name(field.type), "help": field.help}
        if field.default is not MISSING and field.default is not None:
            row["default"] = str(field.default) if isinstance(field.default, Path) else field.default
        row |= {key: value for key, value in (("min", field.min), ("max", field.max)) if value is not None}
        rows.append(row)
    return rows


def type_name(kind: Any) -> str:
    """Name a type as help pages do: `int`, `adam|sgd`, `int,int`."""
    if type(None) in get_args(kind):
        return type_name(next(t for t in get_args(kind) if t is not type(None)))
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    if get_origin(kind) is tuple:
        return ",".join("..." if t is Ellipsis else type_name(t) for t in get_args(kind))
    return {bool: "true or false", float: "number", int: "whole number", str: "text", Path: "path"}.get(
        kind, getattr(kind, "__name__", str(kind))
    )


def _with_article(kind: Any) -> str:
    name = type_name(kind)
    return f"a {name}" if name in ("number", "whole number", "path") else name


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; a syntax error becomes a ValueError that names the file and line."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"there is no file {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from None
