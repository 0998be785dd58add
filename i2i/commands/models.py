"""`i2i models`: what is installed; `i2i models NAME`: the options of one model, with defaults and meanings."""

from __future__ import annotations

import inspect
import json
import re
import sys
from typing import Annotated, Any

import typer

from i2i.cards import ModelCard
from i2i.options import MISSING, OptionField, Options, describe, schema, type_name
from i2i.plugins import load_class, registry
from i2i.tables import table


def register(app: typer.Typer) -> None:
    """Add `models`."""

    @app.command("models", help="List the installed models, or show one model's options with defaults and meanings.")
    def models(
        name: Annotated[str, typer.Argument(help="The model to show.", show_default=False)] = "",
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    ) -> None:
        if name:
            card = registry().model(name)
            print(json.dumps(facts(card), indent=1, default=str) if as_json else page(card))
        elif as_json:
            print(json.dumps([summary(card) for card in registry().models().values()], indent=1))
        else:
            print(listing())
        if not name and (broken := [p for p in registry().plugins if p.problem]):
            print(f"\n{len(broken)} plugin(s) did not load; the reasons: i2i plugins", file=sys.stderr)


def listing() -> str:
    """The installed models as a table."""
    cards = registry().models().values()
    if not cards:
        return "No model is installed. The reason may be here: i2i plugins"
    rows = [(c.name, ", ".join(c.kinds), origin(c), registry().owner(c.name).distribution, c.summary) for c in cards]
    return (
        table(rows, head=("MODEL", "DATA", "PAPER", "PLUGIN", "WHAT IT DOES"))
        + "\n\nOne model's options: i2i models NAME. Train it: i2i train NAME DATA"
    )


def origin(card: ModelCard) -> str:
    """The paper and year, as far as they are known; the year is not said twice."""
    paper = re.sub(r"^https?://arxiv\.org/(?:abs|pdf)/", "arXiv:", card.paper)
    year = str(card.year) if card.year and str(card.year) not in paper else ""
    return ", ".join(part for part in (paper, year) if part)


def summary(card: ModelCard) -> dict[str, Any]:
    """What is known of a model without importing it."""
    plugin = registry().owner(card.name)
    return {
        "name": card.name,
        "summary": card.summary,
        "data": list(card.kinds),
        "paper": card.paper,
        "year": card.year or None,
        "plugin": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
    }


def facts(card: ModelCard) -> dict[str, Any]:
    """Everything about a model, for programs."""
    cls = load_class(card)
    return summary(card) | {
        "options": schema(cls.Options),
        "choices": {field.name: dict(field.choices) for field in describe(cls.Options) if field.choices},
        "request": schema(cls.Request),
        "run_defaults": dict(cls.run_defaults),
        "small": dict(cls.small),
        "inputs": list(cls.inputs),
        "size_multiple": cls.size_multiple if isinstance(cls.size_multiple, int) else None,
        "min_size": cls.min_size if isinstance(cls.min_size, int) else None,
        "scale": cls.scale if isinstance(cls.scale, int) else None,
    }


def page(card: ModelCard) -> str:
    """Everything about a model, for people."""
    cls = load_class(card)
    plugin = registry().owner(card.name)
    text = inspect.cleandoc(cls.__doc__ or "") if cls.__doc__ and not cls.__doc__.startswith(f"{cls.__name__}(") else ""
    about = [("data", ", ".join(card.kinds)), ("paper", origin(card))]
    about.append(("plugin", f"{plugin.name} ({plugin.distribution} {plugin.version})" if plugin.name else ""))
    parts = [f"{card.name}: {card.summary}", *([text] if text and text != card.summary else [])]
    parts.append(table([row for row in about if row[1]]))
    parts.append("Options (i2i train " + card.name + " DATA ...)\n" + flags(cls.Options))
    for field in [field for field in describe(cls.Options) if field.choices]:
        parts.append(f"What {field.flag} may name\n{_indented(table(list((field.choices or {}).items())))}")
    ours = {"Its own defaults of the run's options": cls.run_defaults, "What --small sets": cls.small}
    for title, values in ours.items():
        rows = [("--" + name.replace("_", "-"), spell(value)) for name, value in values.items()]
        parts += [f"{title}\n{_indented(table(rows))}"] if rows else []
    parts.append("Options of a translation (i2i translate ...)\n" + flags(cls.Request))
    return "\n\n".join(parts) + f"\n\nThe run's options: i2i train {card.name} --help"


def flags(cls: type[Options]) -> str:
    """An options class as a table: flag, what it takes, meaning with default and range."""
    rows = [(*usage(field), meaning(field)) for field in describe(cls)]
    return _indented(table(rows)) if rows else "  none"


def usage(field: OptionField) -> tuple[str, str]:
    """How an option is typed: its flag, and what that takes. A switch takes nothing and has an opposite."""
    if field.base is bool:
        return f"{field.flag}, --no-{field.flag[2:]}", ""
    return field.flag, type_name(field.type).replace(",", " ")


def meaning(field: OptionField) -> str:
    """Help, default and range of an option in one line."""
    notes = []
    if field.default is MISSING:
        notes.append("must be given")
    elif field.default is not None and field.default != "":
        notes.append(f"default {spell(field.default)}")
    if field.min is not None and field.max is not None:
        notes.append(f"{field.min:g} to {field.max:g}")
    elif field.min is not None:
        notes.append(f"at least {field.min:g}")
    elif field.max is not None:
        notes.append(f"at most {field.max:g}")
    return f"{field.help} ({', '.join(notes)})" if notes else field.help


def spell(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return " ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
