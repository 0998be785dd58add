"""`i2i doctor`: versions, devices, memory, places and plugins, to paste into an issue."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `doctor`."""

    @app.command("doctor", help="Print versions, devices, memory, places and plugins: paste it into an issue.")
    def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False) -> None:
        from i2i.doctor import examine, text

        report = examine()
        print(json.dumps(report, indent=1) if as_json else text(report))
