"""`i2i import FILE... --as MODEL` and `i2i export-weights RUN`: published weights in, and out again."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from i2i.manifest import Manifest
    from i2i.model import Model


def register(app: typer.Typer) -> None:
    """Add `import` and `export-weights`."""

    @app.command(
        "import",
        help="Make a bundle of weights that others published (.pth, .safetensors). Nothing in the files is run.",
        epilog="The architecture is told from the weights. Files that belong together are named together.",
    )
    def import_(
        files: Annotated[list[Path] | None, typer.Argument(metavar="FILE...", help="Files of weights.")] = None,
        model: Annotated[
            str, typer.Option("--as", metavar="MODEL", help="Model they are of; without it, those are listed that can.")
        ] = "",
        domains: Annotated[
            str, typer.Option(help="What the domains are called: summer,winter. The first is the source.")
        ] = "",
        out: Annotated[
            Path | None,
            typer.Option(help="Folder that becomes the bundle, or gets it if it is there. By default runs."),
        ] = None,
        name: Annotated[str, typer.Option(help="Name of the bundle. By default MODEL-DOMAINS or MODEL-FILE.")] = "",
        as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    ) -> None:
        from i2i import bundle, importing
        from i2i.spec import words

        if not files or not model:
            known = words(importing.importers())
            what = "it is not said whose weights these are" if files else "no files are named"
            raise ValueError(f"{what}: i2i import FILE... --as MODEL; models that read published weights: {known}")
        made, manifest, found = importing.understand(model, files, _split(domains))
        folder = place(out, name, called(manifest, files))
        bundle.write(folder, made, manifest)
        if as_json:
            facts = {"bundle": str(folder), "model": model, "targets": list(manifest.targets), "found": list(found)}
            print(json.dumps(facts, ensure_ascii=False))
        else:
            print("\n".join([*found, *ending(folder, manifest, made)]))

    @app.command("export-weights", help="Write a model's weights as the files of its reference implementation (.pth).")
    def export_weights(
        model: Annotated[str, typer.Argument(metavar="RUN|BUNDLE", help="A run, a bundle, or the name of one.")],
        out: Annotated[Path | None, typer.Option(help="Folder for the files. By default NAME-weights here.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    ) -> None:
        from i2i import bundle, importing, library

        found = library.find(model, None)
        folder = out or Path(f"{found.name}-weights")
        paths = importing.export(bundle.load(found.bundle), folder)
        if as_json:
            print(json.dumps([str(path) for path in paths], ensure_ascii=False))
            return
        for path in paths:
            print(f"{path} ({path.stat().st_size / 1e6:,.1f} MB)")
        count = f"{len(paths)} files" if paths[1:] else "1 file"
        each = "one" if paths[1:] else "it"
        print(f"Wrote {count} of bare state dicts: torch.load({str(paths[0])!r}) reads {each}")


def _split(domains: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in domains.split(",") if part.strip())


def called(manifest: Manifest, files: list[Path]) -> str:
    """The name of a bundle that nobody named: by its domains where there are two that are no mere letters."""
    from i2i.importing import subject

    domains = manifest.spec.domains
    named = len(domains) == 2 and all(len(domain) > 1 for domain in domains)
    return f"{manifest.model}-{'2'.join(domains) if named else subject(files)}"


def place(out: Path | None, name: str, default: str) -> Path:
    """Where the bundle goes: OUT itself, or a folder in it when it is there already; a default name gets a number.

    Raises ValueError when what was asked for is taken.
    """
    if name and (Path(name).name != name or name in (".", "..")):
        raise ValueError(f"--name {name} is no folder name; use --out for the place and --name for the name")
    if out is not None and not out.exists():
        return out / name if name else out
    if out is not None and ((out / "bundle.json").exists() or not out.is_dir()):
        raise ValueError(f"{out} is there already; choose another --out")
    folder = Path("runs") if out is None else out
    if name:
        if (folder / name).exists():
            raise ValueError(f"{folder / name} is there already; choose another --name")
        return folder / name
    base = re.sub(r"[^\w.-]+", "-", default).strip("-.") or "imported"
    return next(p for n in range(1, 100_000) if not (p := folder / (base if n == 1 else f"{base}-{n}")).exists())


def ending(folder: Path, manifest: Manifest, made: Model) -> list[str]:
    """What was written, and the commands that use it."""
    size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    named = shlex.quote(str(folder))
    lines = [f"Wrote the bundle {folder} ({size:,.1f} MB)"]
    to = f" --to {shlex.quote(manifest.targets[0])}" if manifest.targets else ""
    if not made.inputs:
        lines.append(f"Draw with:      i2i sample {named} (its flags: i2i sample {named} --help)")
    elif manifest.targets or not made.targets():
        lines.append(f"Translate with: i2i translate --model {named}{to} photos/")
    else:
        lines.append("What translates is not in the files; training can begin with what is.")
    return [*lines, f"Train on with:  i2i train {manifest.model} DATA --init {named}"]
