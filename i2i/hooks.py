"""The hooks that a plugin may implement, and the marker that says it does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from i2i.cards import DatasetCard, MetricCard, ModelCard

if TYPE_CHECKING:
    import typer

GROUP = "i2i"  # pluggy's project name, and the group of entry points
hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


class Hooks:
    """The hooks a plugin may implement, as functions of its package marked with `i2i.hookimpl`."""

    @hookspec
    def models(self) -> list[ModelCard]:
        """Announce models: `i2i train NAME` and `i2i models` know them from then on."""

    @hookspec
    def datasets(self) -> list[DatasetCard]:
        """Announce dataset kinds."""

    @hookspec
    def catalogue(self) -> list[Path]:
        """Name folders that hold data-set cards (TOML)."""

    @hookspec
    def metrics(self) -> list[MetricCard]:
        """Announce figures that can be measured on held-back pictures."""

    @hookspec
    def commands(self, app: typer.Typer) -> None:
        """Add commands to the `i2i` command line."""

    @hookspec
    def step_finished(self, run: Any, progress: Any, losses: dict[str, float]) -> None:
        """Observe a step after its updates, whenever losses are logged. An observer may not change training."""

    @hookspec
    def checkpoint_saved(self, run: Any, bundle: Path) -> None:
        """Observe a checkpoint that has just been written."""
