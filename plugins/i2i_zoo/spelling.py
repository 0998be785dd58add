"""How options name parts: `gp`, `r1:gamma=10,every=16`, `uniform:100,low=0`, and several with a plus between them.

A part's numbers are the arguments of its class (or function); those without a name come in their order.
"""

from __future__ import annotations

import difflib
import inspect
import math
import typing
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

import i2i
from i2i_zoo import Axis, Part
from i2i_zoo.bounds import Bounded, kind_of

NONE = "none"


@cache
def parts() -> dict[tuple[str, str], Part]:
    """All parts that plugins announce, by axis and name; the first to announce a name has it."""
    found: dict[tuple[str, str], Part] = {}
    for part in i2i.announced("zoo_parts"):
        if not isinstance(part, Part):
            warnings.warn(
                f"a plugin announces {part!r} as a part, which is no i2i_zoo.Part; it is left out", stacklevel=2
            )
        elif part.axis not in (axes := typing.get_args(Axis)):
            warnings.warn(
                f'{part.target} is left out: there is no axis "{part.axis}"; choose {", ".join(axes)}', stacklevel=2
            )
        elif (part.axis, part.name) in found:
            other = found[part.axis, part.name].target
            warnings.warn(f'{part.target} is left out: the {part.axis} "{part.name}" is {other} already', stacklevel=2)
        else:
            found[part.axis, part.name] = part
    return found


class Known(Mapping[str, str]):
    """The parts of an axis as help pages show them: name to meaning, with the numbers that it takes."""

    def __init__(self, axis: Axis) -> None:
        self.axis = axis

    def __iter__(self) -> Iterator[str]:
        return iter(_known(self.axis))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> str:
        part = parts()[self.axis, name]
        try:
            taken = _taken(_load(part)).values()
        except Exception as error:  # a stranger's module may raise anything
            return f"{part.summary} It cannot be loaded: {type(error).__name__}: {error}"
        return f"{part.summary} ({', '.join(map(_usual, taken))})" if taken else part.summary


def _usual(number: inspect.Parameter) -> str:
    """A number of a part and what it is by default, as they are spelt."""
    usual = number.default
    if usual is inspect.Parameter.empty:
        return f"{number.name}=..."
    if usual is None or isinstance(usual, bool):
        spelt = NONE if usual is None else str(usual).lower()
    else:
        spelt = f"{usual:g}" if isinstance(usual, float) else str(usual)
    others = [word for word in _words(number.annotation) if word != usual]
    return f"{number.name}={'|'.join([spelt, *others])}"


def _words(kind: Any) -> list[str]:
    """The words that a number may be: all of a Literal, or those beside numbers, as in attention=auto."""
    inside = [each for one in typing.get_args(kind) for each in (one, *typing.get_args(one))]
    return [each for each in inside if isinstance(each, str)]


def names(text: str) -> list[str]:
    """The parts that a list with pluses names, without their numbers."""
    return [one.partition(":")[0] for one in listed(text)]


def listed(text: str) -> list[str]:
    """The parts of a list with pluses, as they are spelt."""
    return [] if text == NONE else [one.strip() for one in text.split("+")]


def over(value: str, below: str) -> str:
    """A list that is given over another: one that begins with a plus adds to it, any other takes its place.

    A part that is there already takes the numbers that are added.
    """
    if not value.startswith("+"):
        return value
    more = value[1:]
    first = below.removeprefix("+")
    kept = [one for one in listed(first) if one.partition(":")[0] not in names(more)]
    return below[: len(below) - len(first)] + "+".join([*kept, *listed(more)])


def make_all(axis: str, text: str, flag: str) -> dict[str, Any]:
    """Make the parts of a list with pluses, each once, by how they were asked for; none of `none`."""
    named = names(text)
    if "" in named:
        raise LookupError(f"{_unnamed(axis, text, flag)}, or none")
    if twice := [name for name in named if named.count(name) > 1]:
        raise ValueError(f"{flag} names {twice[0]} twice; name it once")
    return {f"{flag} {one}": make(axis, one, flag) for one in listed(text)}


def make(axis: str, text: str, flag: str) -> Any:
    """Make a part of its spelling.

    Raises LookupError for an unknown name of a part or a number, with what there is; ValueError for a bad value.
    `flag` names the option in errors.
    """
    name, _, rest = text.partition(":")
    known = _known(axis)
    if not name:
        raise LookupError(_unnamed(axis, text, flag))
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f'did you mean "{near[0]}"?' if near else f"choose {', '.join(known)}"
        raise LookupError(f'{flag} is {text}, and there is no {axis} "{name}"; {hint}')
    try:
        target = _load(parts()[axis, name])
    except Exception as error:  # a stranger's module may raise anything
        raise ValueError(f"{flag} {name} cannot be loaded: {type(error).__name__}: {error}") from error
    values = _arguments(target, rest, f"{flag} {text}")
    taken, where = _taken(target), f"{flag} {text}"
    for key, value in values.items():
        if isinstance(bound := taken[key].default, Bounded) and isinstance(value, (int, float)):
            bound.check(f"{where}: {key}", value)
    if axis == "architecture":
        _check_counts(taken, values, where)
    return target(**values)


def _unnamed(axis: str, text: str, flag: str) -> str:
    """That a list names nothing, or nothing beside a plus, and what it might."""
    return f'{flag} is "{text}", where a name is missing; choose {", ".join(_known(axis))}'


def _known(axis: str) -> list[str]:
    return sorted(name for part_axis, name in parts() if part_axis == axis)


def _load(part: Part) -> Any:
    module, _, attribute = part.target.partition(":")
    return getattr(import_module(module), attribute)


def _taken(target: Any) -> dict[str, inspect.Parameter]:
    """The numbers that a part takes, by name."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(target, eval_str=True).parameters.values()
    return {each.name: each for each in parameters if each.kind in named}


def _arguments(target: Any, text: str, where: str) -> dict[str, Any]:
    taken = _taken(target)
    values: dict[str, Any] = {}
    for number, item in enumerate(filter(None, text.split(","))):
        key, equals, value = (word.strip() for word in item.partition("="))
        if not equals:
            key, value = list(taken)[number] if number < len(taken) else "", key
        if key not in taken or key in values:
            raise LookupError(f'{where}: there is no place for "{item}"; it takes {", ".join(taken) or "no numbers"}')
        plain = taken[key].annotation is inspect.Parameter.empty
        kind = kind_of(taken[key].default) if plain else taken[key].annotation
        values[key] = _value(value, kind, f"{where}: {key}")
    if missing := [key for key in taken if key not in values and taken[key].default is inspect.Parameter.empty]:
        raise ValueError(f"{where} lacks {missing[0]}; write it as {where.split()[-1]}:{missing[0]}=1")
    return values


def _check_counts(taken: Mapping[str, inspect.Parameter], values: Mapping[str, Any], where: str) -> None:
    """Refuse less than one channel, layer, group: of whole numbers that are 1 or more by default. Raises ValueError."""
    for key, value in values.items():
        usual = taken[key].default
        if type(value) is type(usual) is int and usual >= 1 > value:
            raise ValueError(f"{where}: {key} is {value}; give 1 or more")


def _value(text: str, kind: Any, where: str) -> Any:
    """A number or a word of its text."""
    allowed = [each for each in (typing.get_args(kind) or (kind,)) if each is not type(None)]
    if text == NONE and type(None) in typing.get_args(kind):
        return None
    if text in (words := _words(kind)):
        return text
    if typing.get_origin(kind) is typing.Literal:
        raise ValueError(f"{where} is {text}; choose {' or '.join(map(str, allowed))}")
    if bool in allowed:
        if text in ("true", "false"):
            return text == "true"
        raise ValueError(f"{where} is {text}; give true or false")
    for number, wanted in ((int, "a whole number"), (float, "a number")):
        if number in allowed and str not in allowed:
            try:
                value = number(text)
            except ValueError:
                if float in allowed and number is int:
                    continue
                raise ValueError(f"{where} is {text}; give {' or '.join([wanted, *words])}") from None
            if not math.isfinite(value):
                raise ValueError(f"{where} is {text}; give a finite number")
            return value
    return text
