"""`i2i sample RUN -n 8`: pictures of a model that takes none."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from i2i.library import Found
    from i2i.model import Model

_FLAGS = "--samples --to --like --stroke --latent --out --format --device --quiet --json --help"


@dataclass(frozen=True)
class How:
    """What the command says besides the model and what to draw."""

    place: Path
    format: str
    device: str
    quiet: bool
    as_json: bool


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
        samples: Annotated[
            int | None, typer.Option("--samples", "-n", help="How many pictures. Default: 8.", min=1)
        ] = None,
        to: Annotated[str | None, typer.Option(help="Class, by its name. By default each seed draws one.")] = None,
        like: Annotated[Path | None, typer.Option(help="Search for the latent of a picture like this one.")] = None,
        stroke: Annotated[
            Path | None, typer.Option(help="Paint on a copy of --like, or on a transparent picture: it is edited so.")
        ] = None,
        latent: Annotated[Path | None, typer.Option(help="Draw of a latent that --like found: latent.npy.")] = None,
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
        if stroke is not None and like is None:
            raise ValueError(f"--stroke {stroke} edits a picture; name that with --like")
        if latent is not None and like is not None:
            raise ValueError("--like searches for a latent and --latent draws of one; give one of them")
        found = library.find(model, None, draws=True)
        schema = [row for row in found.manifest.request if row["name"] != "samples"]
        others, values = request.parse(rest, schema, _FLAGS.split(" "))
        if others:
            raise ValueError(f"one model at a time; beside {model} there is {others[0]}")
        values |= {"samples": samples or (1 if like or latent else 8), "to": to}
        how = How(out if out is not None else free(f"{found.name}-samples"), format, device, quiet, as_json)
        if like is not None:
            return look(found, values, like, stroke, how)
        written = work(found, values, latent, how)
        told = {"model": str(found.path), "files": [str(path) for path in written]}
        line = f"Wrote {len(written) - 1:,} picture{'s' * (len(written) > 2)} and {written[-1]}"
        print(json.dumps(told, ensure_ascii=False) if as_json else line)


def free(name: str) -> Path:
    """A folder of that name here that is not there yet, with a number if need be."""
    number = 1
    while (path := Path(name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return path


def check_place(folder: Path) -> None:
    """Make a folder and take it away again. Raises OSError where it cannot be, with what to do."""
    made: list[Path] = []
    try:
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"pictures cannot be kept in {folder} ({reason}); choose a place with --out") from None
    finally:
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()


def load(found: Found, values: dict[str, Any], how: How) -> tuple[Model, Any]:
    """Check all that can be wrong with the command, then load torch and the model; return it and the request."""
    from i2i.encoding import format_of
    from i2i.request import choose_target, joins

    check_place(how.place)
    if how.format:
        format_of(how.format)
    if values["to"] is not None:
        values["to"] = choose_target(values["to"], found.manifest.targets, joins(found.manifest.request), draws=True)

    from i2i import bundle
    from i2i.device import choose_device
    from i2i.options import build

    model = bundle.load(found.bundle, device=str(choose_device(how.device)))
    return model, build(type(model).Request, values)


def work(found: Found, values: dict[str, Any], latent: Path | None, how: How) -> list[Path]:
    """Draw what is asked for; return the files, the sheet last."""
    model, request = load(found, values, how)

    from i2i.sampling import rows_of, write
    from i2i.search import read_latent

    count = sum(len(row) for row in rows_of(model, request))
    inputs = {} if latent is None else {"latent": read_latent(model, latent)}
    if not how.quiet:
        what = "1 picture" if count == 1 else f"{count:,} pictures"
        print(f"Drawing {what} with {found.path} ({found.manifest.age})", file=sys.stderr)
    return write(model, request, how.place, how.format, inputs)


def look(found: Found, values: dict[str, Any], like: Path, stroke: Path | None, how: How) -> None:
    """Search for the latent of a picture like a given one, write both, and say how to draw of it again."""
    model, request = load(found, values, how)

    from i2i import search
    from i2i.request import typed
    from i2i.status import StatusLine

    wanted = search.read_wanted(model, like, stroke)
    search.check_free(how.place, search.NAMES)
    line = StatusLine(sys.stderr, how.quiet)

    def tell(step: int, steps: int, distance: float) -> None:
        if line.due or step == steps:
            line.show([(0, f"step {step:,}/{steps:,}"), (1, f"distance {distance:.4g}")])

    try:
        result = search.search(model, wanted, request, tell)
    finally:
        line.close()
    files = search.write(model, result, wanted, request, how.place, how.format)
    if how.as_json:
        told = {"model": str(found.path), "files": [str(path) for path in files], "distance": result.distance}
        print(json.dumps(told | {"step": result.step, "stopped": result.stopped}, ensure_ascii=False))
    else:
        when = f"stopped at step {result.step:,} of {result.steps:,}" if result.stopped else f"{result.steps:,} steps"
        print(f"Wrote {files[0]} and {files[2]} ({when}, distance {result.distance:.4g})")
        again = ["i2i", "sample", str(found.path), "--latent", str(files[1]), *typed(request)]
        print(f"Draw of it again: {shlex.join(again + ['--format', how.format] * bool(how.format))}")
    if result.stopped:
        sys.exit(130)


def show_help(ctx: typer.Context, model: str) -> None:
    """Print the command's help and, where a model is named, its own flags."""
    from i2i import library, request

    if text := ctx.get_help():
        print(text)
    if model:
        found = library.find(model, None, draws=True)
        print(f"Flags of the model {found.path} ({found.manifest.model}):")
        for flag, meaning in request.table(row for row in found.manifest.request if row["name"] != "samples"):
            print(f"  {flag}  {meaning}")
