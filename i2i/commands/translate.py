"""`i2i translate --to winter photos/`: files and folders in, the same tree and names out."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from i2i.batch import Summary
    from i2i.library import Found
    from i2i.request import How

_FLAGS = "--model --to --out --image-size --format --overwrite --channels --range --device --quiet --json --help"
OWN_FLAGS = tuple(_FLAGS.split(" "))
CHOICE = (
    "Without --model, the model is the one among ./runs, $I2I_MODELS and your model folder that translates to the "
    "target. A model may have flags of its own: i2i translate --model MODEL --help."
)


def register(app: typer.Typer) -> None:
    """Add `translate`."""

    @app.command(
        help="Translate pictures and folders of pictures: same tree, names, sizes, depth and metadata.",
        epilog=CHOICE,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True},
    )
    def translate(
        ctx: typer.Context,
        arguments: Annotated[
            list[str] | None, typer.Argument(metavar="INPUT...", help="Pictures, and folders with all they hold.")
        ] = None,
        model: Annotated[str | None, typer.Option(help="A run, a bundle, or the name of one.")] = None,
        to: Annotated[
            str | None, typer.Option(help="Target domain, by its name; all makes a result of each and a contact sheet.")
        ] = None,
        out: Annotated[
            Path | None, typer.Option(help="Folder for the results. By default photos-TO beside photos.")
        ] = None,
        image_size: Annotated[
            int | None, typer.Option(help="Short side in pixels that the network sees; scaled back after.", min=1)
        ] = None,
        format: Annotated[
            str, typer.Option(help="Write png, jpg, tif, webp, ... By default each picture's own.", show_default=False)
        ] = "",
        overwrite: Annotated[bool, typer.Option("--overwrite", help="Make results again that are there.")] = False,
        channels: Annotated[
            Literal["same", "luminance"], typer.Option(help="luminance: make gray of colour for a gray model.")
        ] = "same",
        range: Annotated[
            str | None, typer.Option(metavar="LOW-HIGH", help="File values that span black to white: 0-4095.")
        ] = None,
        device: Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="Where to compute.")] = "auto",
        quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
        help: Annotated[
            bool, typer.Option("--help", "-h", help="Show this and, after --model, that model's flags.")
        ] = False,
    ) -> None:
        from i2i import library, request

        if help or not (arguments or model or to):
            return show_help(ctx, model)
        found = look_up(lambda: library.find(model, to, draws=False), arguments or [])
        inputs, values = request.parse(arguments or [], found.manifest.request, OWN_FLAGS)
        if not inputs:
            raise ValueError("no pictures named; give files or folders: i2i translate --to DOMAIN photos/")
        limits = request.parse_range(range) if range is not None else None
        how = request.How(overwrite, format, image_size, request.Forced(channels == "luminance", limits))
        summary = work(found, inputs, out, values | {"to": to}, how, device, quiet)
        print(json.dumps(as_plain(summary, found), ensure_ascii=False) if as_json else summary.line())
        raise typer.Exit(summary.exit_code)


def look_up(find: Callable[[], Found], arguments: list[str]) -> Found:
    """Find the model; where that fails and one of our own flags is misspelt, say that instead."""
    from i2i import request
    from i2i.options import nearest

    try:
        return find()
    except (ValueError, LookupError):
        for argument in arguments:
            flag = argument.partition("=")[0]
            if request.is_flag(argument) and (hint := nearest(flag, OWN_FLAGS)):
                raise LookupError(f"there is no flag {flag}{hint}") from None
        raise


def work(
    found: Found, inputs: list[str], out: Path | None, values: dict[str, Any], how: How, device: str, quiet: bool
) -> Summary:
    """Check all that can be wrong with the command, then load torch and the model, and translate."""
    from i2i.request import ALL, BOX, choose_target, companions, expand, joins
    from i2i.tree import plan

    said = found.manifest
    each = expand(values["to"], said.targets)
    values["to"] = ALL if each else choose_target(values["to"], said.targets, joins(said.request))
    made = plan(list(inputs), out, values["to"], how.format, each)
    along = {key: Path(values.pop(key)) for key in companions(said.request) if key in values}
    if BOX in values:
        how = dataclasses.replace(how, mask_box=values.pop(BOX))
        if "mask" in along:
            raise ValueError("--mask and --mask-box both say where the hole is; give one")
    if not quiet:
        goal = f" to {values['to']}" if values["to"] else ""
        best = "its best, " if found.bundle.name == "best" else ""
        print(f"Translating{goal} with {found.path} ({best}{found.manifest.age})", file=sys.stderr)

    from i2i import bundle
    from i2i.batch import translate_plan
    from i2i.device import choose_device
    from i2i.maps import attach
    from i2i.translation import make_request

    attach(made, along)
    model = bundle.load(found.bundle, device=str(choose_device(device)))
    request = [make_request(model, values | {"to": target}) for target in each] or make_request(model, values)
    with showing(quiet) as progress, stopping() as stop:
        return translate_plan(model, made, request, how, progress, stop)


@contextlib.contextmanager
def stopping() -> Iterator[threading.Event]:
    """Let Ctrl-C and SIGTERM end after the picture at hand; a second Ctrl-C ends at once."""
    stop = threading.Event()

    def handle(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        print("Finishing the pictures at hand; Ctrl-C again to stop at once.", file=sys.stderr)

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def showing(quiet: bool) -> Iterator[Callable[[int, int, str], None]]:
    """Progress on stderr: a bar on a terminal, else a line every ten seconds. Problems are shown in any case."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    if console.is_terminal and not quiet:
        columns = (TextColumn("translating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("translating", total=None)

            def draw(done: int, total: int, problem: str) -> None:
                if problem:
                    bar.console.print(escape(problem))
                bar.update(task, completed=done, total=total)

            yield draw
        return
    said = time.monotonic()

    def say(done: int, total: int, problem: str) -> None:
        nonlocal said
        if problem:
            print(problem, file=sys.stderr)
        if not quiet and time.monotonic() - said > 10:
            said = time.monotonic()
            print(f"{done:,} of {total:,} pictures", file=sys.stderr)

    yield say


def as_plain(summary: Summary, found: Found) -> dict[str, Any]:
    """The summary as JSON-ready values."""
    return {
        "model": str(found.path),
        "total": summary.total,
        "written": summary.written,
        "skipped": summary.skipped,
        "ignored": summary.ignored,
        "failed": [{"file": name, "reason": why} for name, why in summary.failed],
        "notes": dict(summary.notes),
        "seconds": round(summary.seconds, 3),
        "out": summary.place,
        "sheets": list(summary.sheets),
        "stopped": summary.stopped,
    }


def show_help(ctx: typer.Context, model: str | None) -> None:
    """Print the command's help and, where the model is known, its own flags."""
    from i2i import library, request

    if text := ctx.get_help():
        print(text)
    try:
        found = library.find(model, None, draws=False)
    except (ValueError, LookupError):
        if model is not None:
            raise
        return
    rows = request.table(found.manifest.request)
    targets = f"; it translates to {', '.join(found.manifest.targets)}" if found.manifest.targets else ""
    print(f"Flags of the model {found.path} ({found.manifest.model}{targets}):")
    width = max((len(flag) for flag, _ in rows), default=0)
    for flag, meaning in rows:
        print(f"  {flag:<{width}}  {meaning}")
