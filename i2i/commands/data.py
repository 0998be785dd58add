"""`i2i data`: list the catalogue, get a set of it, check any folder before training."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from i2i import catalogue
from i2i.catalogue import Card
from i2i.tables import table

if TYPE_CHECKING:
    from i2i.data.check import Report

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def register(app: typer.Typer) -> None:
    """Add `data list`, `data get` and `data check`."""
    data = typer.Typer(no_args_is_help=True, help="List, get and check data sets.")
    app.add_typer(data, name="data")

    @data.command("list", help="List the catalogue: what there is, under which terms, and where it is.")
    def list_(as_json: Json = False) -> None:
        cards = catalogue.cards().values()
        print(json.dumps([facts(card) for card in cards], indent=1) if as_json else listing(list(cards)))
        for problem in catalogue.problems():
            print(f"Card left out: {problem}", file=sys.stderr)

    @data.command("get", help="Bring a set of the catalogue to this machine and print its folder.")
    def get(
        name: Annotated[str, typer.Argument(help="A name of: i2i data list.", show_default=False)],
        file: Annotated[
            Path | None,
            typer.Option("--from", metavar="FILE", help="Archive or folder to take it from, instead of a download."),
        ] = None,
        offline: Annotated[
            bool | None, typer.Option("--offline", help="Never download; so does I2I_OFFLINE=1.", show_default=False)
        ] = None,
    ) -> None:
        there = catalogue.locate(name)
        folder = catalogue.get(name, offline=offline, from_file=file)
        if there is not None:
            print(f"{name} is already here. Licence: {catalogue.cards()[name].licence}.", file=sys.stderr)
        print(folder)
        print(f"What is in it: i2i data check {name}", file=sys.stderr)

    @data.command("check", help="Print what a folder is understood as, what would be trained on and what is wrong.")
    def check(
        data: Annotated[str, typer.Argument(help="A folder, or a name of: i2i data list.", show_default=False)],
        as_json: Json = False,
        strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when a file is wrong.")] = False,
    ) -> None:
        report = examine(here(data))
        print(json.dumps(report.json(), indent=1) if as_json else report.text())
        if strict and (wrong := problems(report)):
            print(f"Not clean: {wrong}.", file=sys.stderr)
            raise typer.Exit(1)


def listing(cards: list[Card]) -> str:
    """The catalogue as a table."""
    rows = [
        (card.name, card.kind, ", ".join(card.domains), place(card), card.licence.partition(";")[0]) for card in cards
    ]
    return (
        table(rows, head=("NAME", "KIND", "DOMAINS", "WHERE", "LICENCE"))
        + "\n\nBring one here: i2i data get NAME (it shows the whole licence). Train on it: i2i train MODEL NAME"
    )


def place(card: Card) -> str:
    """Where a set is: here already, or how it would come."""
    if catalogue.locate(card.name) is not None:
        return "here"
    return {"embedded": "embedded", "download": "to download", "by hand": "by hand"}[card.way]


def facts(card: Card) -> dict[str, Any]:
    """A card, for programs."""
    from i2i.options import to_plain

    folder = catalogue.locate(card.name)
    return to_plain(card) | {"where": place(card), "folder": str(folder.absolute()) if folder else None}


def here(data: str) -> Path:
    """The folder that a name means; an embedded set is made, a download is not begun.

    Raises LookupError for a set that is not here, or a name that leads nowhere.
    """
    card = catalogue.card(data)
    if card is not None and not card.generator and not Path(data).exists() and catalogue.locate(data) is None:
        raise LookupError(f"the data set {data} is not on this machine yet; get it first: i2i data get {data}")
    return catalogue.resolve(data)


def examine(root: Path) -> Report:
    """Check a folder, as the kind that its card says where it has one and can be read so."""
    from i2i.data.check import check

    report = check(root)
    card = catalogue.card_of(root)
    return check(root, (card.kind,)) if card is not None and card.kind in report.other_kinds else report


def problems(report: Report) -> str:
    """Count what is wrong with a folder's files, in words; empty when nothing is."""
    counts = {
        "unreadable": len(report.unreadable),
        "stray": len(report.stray),
        "without partner": len(report.missing),
        "outside the layout": len(report.outside),
        "both trained on and held back": len(report.duplicates_across),
    }
    return ", ".join(f"{count:,} {words}" for words, count in counts.items() if count)
