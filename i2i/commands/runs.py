"""`i2i runs`: the runs in a folder, with size, state and figure; `i2i runs delete NAME...` removes some."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from i2i import log
from i2i.options import nearest
from i2i.run import STATE, read_state
from i2i.tables import size, table

Out = Annotated[Path, typer.Option(help="Folder that runs are kept in.")]


@dataclass(frozen=True)
class Listed:
    """A run as it lies on disk."""

    folder: Path
    state: dict[str, Any]
    size: int  # bytes

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def updated(self) -> float:
        """When the run was last heard of, in seconds since 1970."""
        value = self.state.get("updated", self.state.get("started", 0))
        return float(value) if isinstance(value, (int, float)) and 0 < value < 1e11 else 0.0

    @property
    def condition(self) -> str:
        """Its state in words."""
        return {"killed": "stopped (killed)"}.get(self.state["state"], self.state["state"])


def register(app: typer.Typer) -> None:
    """Add `runs` and `runs delete`."""
    runs = typer.Typer(help="List runs with state, size and figure; delete some.", pretty_exceptions_enable=False)
    app.add_typer(runs, name="runs")

    @runs.callback(invoke_without_command=True)
    def list_runs(
        ctx: typer.Context,
        out: Out = Path("runs"),
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    ) -> None:
        ctx.obj = out
        if ctx.invoked_subcommand is None:
            found = find(out)
            print(json.dumps([facts(run) for run in found], indent=1) if as_json else listing(out, found))

    @runs.command("delete", help="Delete runs, with their checkpoints and pictures.")
    def delete_runs(
        ctx: typer.Context,
        names: Annotated[list[str], typer.Argument(metavar="NAME", help="Names or folders of runs.")],
        out: Annotated[Optional[Path], typer.Option(help="Folder that runs are kept in.")] = None,  # noqa: UP045
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    ) -> None:
        delete(names, out or ctx.obj, yes)


def find(out: Path) -> list[Listed]:
    """The runs in a folder, the newest first."""
    if not out.is_dir():
        return []
    folders = [folder for folder in out.iterdir() if (folder / STATE).is_file() and not folder.name.startswith(".")]
    return sorted(map(look, folders), key=lambda run: (-run.updated, run.name))


def look(folder: Path) -> Listed:
    """Read a run's state and measure its size; a damaged one is a run all the same."""
    try:
        state: dict[str, Any] = {"state": "unknown", "step": 0} | read_state(folder)
        if state["state"] == "running":  # run.json tells the step of its last checkpoint
            state["step"] = max(state["step"], log.last_step(folder))
    except (OSError, ValueError) as error:
        state = {"state": "damaged", "problem": str(error)}
    return Listed(folder, state, disk_use(folder))


def disk_use(folder: Path) -> int:
    """Bytes in a folder; links are not followed, and what vanishes meanwhile is not counted."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return total


def listing(out: Path, found: list[Listed]) -> str:
    """The runs as a table."""
    if not found:
        return f"No runs in {out}. Start one: i2i train MODEL DATA, or look elsewhere: i2i runs --out FOLDER"
    rows = []
    for run in found:
        state = run.state
        steps = f"{state.get('step', 0):,} of {state.get('steps', 0):,}" if "steps" in state else ""
        figures = state.get("figures") or {}
        figure = ", ".join(f"{k} {v:.4g}" if isinstance(v, (int, float)) else f"{k} {v}" for k, v in figures.items())
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.updated)) if run.updated else ""
        data = Path(str(state.get("data", ""))).name
        rows.append((run.name, str(state.get("model", "")), data, run.condition, steps, size(run.size), when, figure))
    head = ("RUN", "MODEL", "DATA", "STATE", "STEPS", "SIZE", "UPDATED", "FIGURE")
    return table(rows, head) + f"\n\n{_runs(len(found))}, {size(sum(run.size for run in found))} in {out}"


def facts(run: Listed) -> dict[str, Any]:
    """A run, for programs: what run.json says, its folder and its size in bytes."""
    return {"name": run.name, "folder": str(run.folder), "size": run.size, **run.state}


def delete(names: list[str], out: Path, yes: bool) -> None:
    """Delete runs, all or none, after asking.

    Raises LookupError for a run that is not there, ValueError for one that may not be deleted.
    """
    doomed = list({run.folder.resolve(): run for run in (pick(name, out) for name in names)}.values())
    total = f"{_runs(len(doomed))}, {size(sum(run.size for run in doomed))}"
    if not yes:
        if not is_terminal():
            raise ValueError("nobody is here to be asked whether to delete; give --yes to delete without asking")
        for run in doomed:
            print(f"{run.folder}: {run.condition}, {size(run.size)}", file=sys.stderr)
        if not typer.confirm(f"Delete {total}, for good?", err=True):
            print("Nothing was deleted.", file=sys.stderr)
            return
    for run in doomed:
        remove(run.folder)
    print(f"Deleted {total}.")


def pick(name: str, out: Path) -> Listed:
    """Find the run that a name or path means, if it may be deleted."""
    folder = next((place for place in (out / name, Path(name)) if (place / STATE).is_file()), None)
    if folder is None:
        if (out / name).is_dir() or Path(name).is_dir():
            raise ValueError(f"{name} is not a run: it holds no {STATE}; nothing was deleted")
        hint = nearest(Path(name).name, [run.name for run in find(out)]) or "; i2i runs lists them"
        raise LookupError(f'there is no run "{name}" in {out}, nothing was deleted{hint}')
    if folder.is_symlink():
        raise ValueError(f"{folder} is a link to {folder.resolve()}; delete that, or remove the link by hand")
    run = look(folder.resolve() if folder.name in ("", "..") else folder)
    if run.state["state"] == "running":
        where = f"process {run.state.get('pid')} on {run.state.get('host')}"
        raise ValueError(f"{folder} is running ({where}); stop it first with Ctrl-C there; nothing was deleted")
    return run


def remove(folder: Path) -> None:
    """Remove a folder: renamed first, so that half a run is never taken for a run. Links in it are not followed."""
    hidden = folder.with_name(f".{folder.name}.deleted")
    if hidden.exists():
        shutil.rmtree(hidden)
    folder.rename(hidden)
    shutil.rmtree(hidden)


def is_terminal() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty()


def _runs(count: int) -> str:
    return f"{count:,} run{'s' * (count != 1)}"
