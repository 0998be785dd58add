"""`i2i sample RUN -n 8`: pictures of a model that takes none."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from i2i.library import Found

_FLAGS = "--samples --to --out --format --device --quiet --json --help"


def register(app: typer.Typer) -> None:
    """Add `sample`."""

    @app.command(
        help="Draw pictures of a model that makes them of noise or words: a file each, and a sheet.",
        epilog="A model may have flags of its own: i2i sample RUN --help.",
        add_help_option=False,
        context_settings={"ignore_unknown_options": True},
    )
    def sample(
        ctx: typer.Context,
        arguments: Annotated[
            list[str] | None, typer.Argument(metavar="RUN", help="A run, a bundle, or the name of one.")
        ] = None,
        samples: Annotated[int, typer.Option("--samples", "-n", help="How many pictures.", min=1)] = 8,
        to: Annotated[str | None, typer.Option(help="Class, by its name. By default each seed draws one.")] = None,
        out: Annotated[Path | None, typer.Option(help="Folder for the pictures. By default RUN-samples here.")] = None,
        format: Annotated[str, typer.Option(help="Write png, jpg, tif, webp, ...", show_default=False)] = "",
        device: Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="Where to compute.")] = "auto",
        quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but the result.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
        help: Annotated[bool, typer.Option("--help", "-h", help="Show this and the flags of RUN's model.")] = False,
    ) -> None:
        from i2i import library, request

        model, *rest = arguments or [""]
        if request.is_flag(model):
            raise ValueError(f"name the model before its flags: i2i sample RUN {model} ...")
        if help or not model:
            return show_help(ctx, model)
        found = library.find(model, None)
        schema = [row for row in found.manifest.request if row["name"] != "samples"]
        others, values = request.parse(rest, schema, _FLAGS.split(" "))
        if others:
            raise ValueError(f"one model at a time; beside {model} there is {others[0]}")
        place = out if out is not None else free(f"{found.name}-samples")
        written = work(found, values | {"samples": samples, "to": to}, place, format, device, quiet)
        told = {"model": str(found.path), "files": [str(path) for path in written]}
        line = f"Wrote {len(written) - 1:,} picture{'s' * (len(written) > 2)} and {written[-1]}"
        print(json.dumps(told, ensure_ascii=False) if as_json else line)


def free(name: str) -> Path:
    """A folder of that name here that is not there yet, with a number if need be."""
    number = 1
    while (path := Path(name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return path


def work(found: Found, values: dict[str, Any], place: Path, format: str, device: str, quiet: bool) -> list[Path]:
    """Check all that can be wrong with the command, then load torch and the model, and draw."""
    from i2i.encoding import format_of
    from i2i.request import choose_target, joins

    if format:
        format_of(format)
    if values["to"] is not None:
        values["to"] = choose_target(values["to"], found.manifest.targets, joins(found.manifest.request))

    from i2i import bundle
    from i2i.device import choose_device
    from i2i.options import build
    from i2i.sampling import rows_of, write

    model = bundle.load(found.bundle, device=str(choose_device(device)))
    request = build(type(model).Request, values)
    if not quiet:
        count = sum(len(row) for row in rows_of(model, request))
        what = "1 picture" if count == 1 else f"{count:,} pictures"
        print(f"Drawing {what} with {found.path} ({found.manifest.age})", file=sys.stderr)
    return write(model, request, place, format)


def show_help(ctx: typer.Context, model: str) -> None:
    """Print the command's help and, where a model is named, its own flags."""
    from i2i import library, request

    if text := ctx.get_help():
        print(text)
    if model:
        found = library.find(model, None)
        print(f"Flags of the model {found.path} ({found.manifest.model}):")
        for flag, meaning in request.table(row for row in found.manifest.request if row["name"] != "samples"):
            print(f"  {flag}  {meaning}")
