"""What a translate command asks for: its target, its own flags and the model's, read from the schema in its bundle.

No torch, and no flag is ever taken for an input.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from i2i.options import Options, digits, nearest
from i2i.options import schema as fields_of

if TYPE_CHECKING:
    from i2i.model import Model

OWN = ("to",)  # fields that `translate` has a flag of its own for
BOX = "mask_box"
_HELP = {"mask": "Masks, white is the hole: a file, or a folder searched by name. By default what is transparent."}
ALL = "all"  # what --to takes for every target
ALIKE = 0.75  # of 1: from here on a flag is taken for another one misspelt
NEGATIONS = ("not-", "not_", "no-", "no_")  # in front of an attribute that is asked to go


@dataclass(frozen=True)
class Forced:
    """What the user insists on where a picture is not what the model was trained on."""

    luminance: bool = False  # make gray of colour for a model of one channel
    value_range: tuple[float, float] | None = None  # file values that map to -1 and 1


@dataclass(frozen=True)
class How:
    """What a command says besides pictures, target and the model's own flags."""

    overwrite: bool = False
    format: str = ""  # "png"; empty: each picture's own
    image_size: int | None = None  # short side in pixels that the network sees
    forced: Forced = field(default_factory=Forced)
    mask_box: tuple[int, int, int, int] | None = None  # the hole of every picture: x, y, width, height


def schema_of(model: Model) -> list[dict[str, Any]]:
    """What a bundle says of the requests its model takes: the Request's fields, and the inputs that may go along."""
    rows = fields_of(type(model).Request)
    for row in rows:
        if row["name"] == "to" and model.joins_targets:
            row["joins"] = True
    for key, help in further_inputs(model).items():
        rows.append({"name": key, "type": "path", "help": help, "companion": True})
    if "mask" in model.inputs:
        rows.append(
            {"name": BOX, "type": ",".join(["whole number"] * 4), "help": "Hole as X,Y,WIDTH,HEIGHT in pixels."}
        )
    return rows


def further_inputs(model: Model) -> dict[str, str]:
    """What goes along with a model's main input, as key and help: what it needs, then what it may be given."""
    return {key: _HELP.get(key, f"The {key} of each picture.") for key in model.inputs[1:]} | dict(model.companions)


def joins(schema: Iterable[dict[str, Any]]) -> bool:
    """Whether a bundle's requests may name several targets at once."""
    return any(row["name"] == "to" and row.get("joins") is True for row in schema)


def companions(schema: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """The further inputs that a bundle's model takes."""
    return tuple(row["name"] for row in schema if row.get("companion") is True)


def expand(to: str | None, targets: tuple[str, ...]) -> tuple[str, ...]:
    """The targets that `--to all` stands for; none where it stands for itself or is not what was asked."""
    return targets if to == ALL and ALL not in targets and len(targets) > 1 else ()


def choose_target(to: str | None, targets: tuple[str, ...], several: bool = False, draws: bool = False) -> str | None:
    """The target that is meant, spelt as the model spells it; `several` may be joined by commas.

    A joined one may have "not-" in front. The targets of a model that `draws` are classes. Raises LookupError for an
    unknown one, ValueError when there is a choice to make.
    """
    if several and to is not None:
        return ",".join(_attribute(part.strip(), targets, draws) for part in to.split(",") if part.strip())
    listed = ", ".join(targets)
    to = to and (_same_but_case(to, targets) or to)
    if to is None:
        if len(targets) > 1:
            raise ValueError(f"this model translates to {listed}; say which with --to {targets[0]}, or to= in Python")
        return targets[0] if targets else None
    if to not in targets:
        if not targets:
            raise LookupError(f'there is no target "{to}"; this model has one kind of result: leave --to out')
        alike = [target for target in targets if re.search(r"[^\W\d_]", target)]  # 2 is no misspelt 12
        then = nearest(to, alike, f"this model {'draws' if draws else 'translates to'} {listed}")
        raise LookupError(f'there is no {"class" if draws else "target"} "{to}"{then}')
    return to


def _same_but_case(name: str, known: tuple[str, ...]) -> str | None:
    """The known name itself, else the one that differs in capitals alone."""
    if name in known:
        return name
    alike = [other for other in known if other.lower() == name.lower()]
    return alike[0] if len(alike) == 1 else None


def _attribute(name: str, known: tuple[str, ...], draws: bool) -> str:
    """An attribute as the model spells it, with "not-" in front where it is asked to go."""
    for negation in ("", *NEGATIONS):
        if name.lower().startswith(negation) and (found := _same_but_case(name[len(negation) :], known)):
            return f"not-{found}" if negation else found
    return str(choose_target(name, known, draws=draws))  # which says what is wrong


def parse_range(text: str) -> tuple[float, float]:
    """Read LOW-HIGH as two numbers. Raises ValueError."""
    number = r"(-?\d+(?:\.\d+)?)"
    match = re.fullmatch(rf"{number}\s*[-:,]\s*{number}", text.strip())
    if match is None or float(match[1]) >= float(match[2]):
        raise ValueError(f"--range is {text!r}; give the lowest and the highest value, such as 0-4095")
    return float(match[1]), float(match[2])


def flags(schema: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The flags of a Request's schema, `--no-x` of a switch included: {flag: row}."""
    found = {}
    for row in schema:
        if row["name"] not in OWN:
            name = str(row["name"]).replace("_", "-")
            found[f"--{name}"] = row
            if row["type"] == "true or false":
                found[f"--no-{name}"] = row
    return found


def parse(
    arguments: Sequence[str], schema: Iterable[dict[str, Any]], others: Iterable[str] = ()
) -> tuple[list[str], dict[str, Any]]:
    """Take a model's flags out of arguments: the inputs, and the values by field name.

    `others` are flags to suggest for a misspelt one. Raises LookupError for an unknown flag, ValueError for one given
    twice, and for a value that is missing or of the wrong type.
    """
    schema = list(schema)
    known = flags(schema)
    inputs: list[str] = []
    values: dict[str, Any] = {}
    rest = iter(arguments)
    for argument in rest:
        if not is_flag(argument):
            inputs.append(argument)
            continue
        flag, given, value = argument.partition("=")
        if flag not in known:
            raise LookupError(f"there is no flag {flag}{_instead(flag, schema, [*known, *others])}")
        row = known[flag]
        if row["name"] in values:
            raise ValueError(f"{flag} is given twice; give it once")
        if row["type"] == "true or false":
            if given:
                raise ValueError(f"{flag} takes no value; it is on by being there, off as --no-{flag[2:]}")
            values[row["name"]] = not flag.startswith("--no-") or row["name"].startswith("no_")
            continue
        parts = [value] if given else [_next(rest, flag, row)]
        if not given and "," in row["type"] and "," not in parts[0]:
            parts += [_next(rest, flag, row, later=True) for _ in range(row["type"].count(","))]
        values[row["name"]] = _convert(flag, parts, row)
    return inputs, values


def table(schema: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """Rows of help for a model's flags: the flag with its type, what it means with its default."""
    rows = []
    for flag, row in flags(schema).items():
        if flag.startswith("--no-") and row["type"] == "true or false":
            continue
        default = f" Default: {row['default']}." if "default" in row else ""
        rows.append((f"{flag} {'' if row['type'] == 'true or false' else row['type']}".strip(), row["help"] + default))
    return rows


def typed(request: Options) -> list[str]:
    """The flags that draw what a request asks for again: all but its defaults, the count and numbers of a search."""
    words = []
    for each in dataclasses.fields(request):
        value = getattr(request, each.name)
        if value == each.default or each.name == "samples" or each.name.startswith("search_"):
            continue
        flag = each.name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
            continue
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        alone = isinstance(value, tuple) and len(value) == 1  # a lone one would wait for another
        words += [f"--{flag}={text}"] if alone or text.startswith("-") else [f"--{flag}", text]
    return words


def is_flag(argument: str) -> bool:
    """Whether an argument is spelt as a flag; a lone hyphen is not."""
    return argument.startswith("-") and argument != "-"


def _instead(flag: str, schema: Sequence[dict[str, Any]], known: Sequence[str]) -> str:
    """How the sentence on an unknown flag ends: with one that is spelt much alike, else with the model's."""
    names = [name.removeprefix("--") for name in known]  # hyphens are alike in all
    if alike := difflib.get_close_matches(flag.removeprefix("--"), names, n=1, cutoff=ALIKE):
        return f'; did you mean "--{alike[0]}"?'
    own = [f"--{row['name'].replace('_', '-')}" for row in schema]
    return f" for this model; its flags: {', '.join(own)}"


def _next(rest: Any, flag: str, row: dict[str, Any], later: bool = False) -> str:
    value = next(rest, None)
    if value is None or (is_flag(value) and not _is_number(value)):
        few = "too few values" if later else "no value"
        raise ValueError(f"{flag} has {few}; give {_wanted(flag, row)}")
    return str(value)


def _wanted(flag: str, row: dict[str, Any]) -> str:
    """What a flag takes, in words; several whole numbers with an example, as they are typed."""
    kinds = str(row["type"]).split(",")
    if len(kinds) == 1 or set(kinds) != {"whole number"}:
        return str(row["type"])
    return f"{len(kinds)} whole numbers: {flag} {' '.join(str(3 + 4 * place) for place in range(len(kinds)))}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _convert(flag: str, parts: list[str], row: dict[str, Any]) -> Any:
    """Turn texts into a field's type; its own class checks the rest when it is built."""
    kinds = str(row["type"]).split(",")
    if len(kinds) > 1:
        texts = parts if len(parts) > 1 else parts[0].split(",")
        kinds = [kinds[0]] * len(texts) if "..." in kinds else kinds
        if len(texts) != len(kinds):
            count = "1 value" if len(texts) == 1 else f"{len(texts)} values"
            raise ValueError(f"{flag} has {count}; give {_wanted(flag, row)}")
        return tuple(_one(flag, text, kind, row) for text, kind in zip(texts, kinds, strict=True))
    return _one(flag, parts[0], kinds[0], row)


def _one(flag: str, text: str, kind: str, row: dict[str, Any]) -> Any:
    if "|" in kind and text not in kind.split("|"):
        raise ValueError(f"{flag} is {text!r}; choose {' or '.join(kind.split('|'))}{nearest(text, kind.split('|'))}")
    if kind not in ("number", "whole number"):
        return text
    try:
        value = float(text) if kind == "number" else int(text)
    except ValueError:
        raise ValueError(f"{flag} is {text!r}; give a {kind}") from None
    if value < row.get("min", value):
        raise ValueError(f"{flag} is {text}; give at least {digits(row['min'])}")
    if value > row.get("max", value):
        raise ValueError(f"{flag} is {text}; give at most {digits(row['max'])}")
    return value
