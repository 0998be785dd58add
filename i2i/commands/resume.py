"""`i2i resume RUN`: go on with a run from the very step, or extend a finished one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from i2i.commands.train import finish


def register(app: typer.Typer) -> None:
    """Add `resume`."""

    @app.command(help="Go on with a run exactly where it stood; with --steps, train a finished one further.")
    def resume(
        run: Annotated[Path, typer.Argument(help="The run's folder: runs/NAME.")],
        data: Annotated[
            list[str] | None,
            typer.Option(help="Where the data is now, or accept that it changed; once for each set of joint training."),
        ] = None,
        steps: Annotated[int | None, typer.Option(help="New total of steps, of a finished run.", min=1)] = None,
        lr_factor: Annotated[
            float | None,
            typer.Option(help="Learning rate of the added steps, as a share of the first one. By default 0.1.", min=0),
        ] = None,
        device: Annotated[str | None, typer.Option(help="Compute somewhere else: auto, cpu, cuda, mps.")] = None,
        precision: Annotated[str | None, typer.Option(help="Change the arithmetic: fp32, bf16, fp16.")] = None,
        threads: Annotated[int | None, typer.Option(help="CPU threads that compute.", min=1)] = None,
        workers: Annotated[int | None, typer.Option(help="Processes that load data.", min=0)] = None,
        time_limit: Annotated[str | None, typer.Option(help="Stop and save after this time: 30m, 8h.")] = None,
        checkpoint_every: Annotated[str | None, typer.Option(help="Save after this time or steps.")] = None,
        preview_every: Annotated[str | None, typer.Option(help="Draw samples after this time or steps.")] = None,
        quiet: Annotated[bool, typer.Option(help="Say nothing but warnings.")] = False,
    ) -> None:
        from i2i.preparing import reopen
        from i2i.training import start

        named = {
            "device": device,
            "precision": precision,
            "threads": threads,
            "workers": workers,
            "time_limit": time_limit,
            "checkpoint_every": checkpoint_every,
            "preview_every": preview_every,
        }
        changes: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        opened, state, place = reopen(run, data, steps, lr_factor, changes)
        finish(lambda: start(opened, state, place, quiet), opened)
