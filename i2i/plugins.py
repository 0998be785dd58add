"""Plugins: the hooks they implement, how they are found, and what is wrong with those that fail to load.

A plugin is a package named by an entry point of the group "i2i". First-party plugins load through the same code as a
stranger's. Loading one imports no torch: its hooks return cards that name classes as strings.
"""

from __future__ import annotations

import os
import types
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from i2i.cards import DatasetCard, MetricCard, ModelCard, import_target
from i2i.options import describe, nearest

if TYPE_CHECKING:
    import typer

GROUP = "i2i"
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


@dataclass(frozen=True)
class Plugin:
    """An entry point: its name, its distribution and, when it did not load, the reason."""

    name: str
    module: str
    distribution: str
    version: str
    problem: str = ""
    disabled: bool = False


def _distribution(entry: EntryPoint) -> tuple[str, str]:
    found: Distribution | None = entry.dist
    return (found.name, found.version) if found is not None else ("unknown", "")


def _register(manager: pluggy.PluginManager, entry: EntryPoint) -> str:
    """Load one entry point into the manager; return what went wrong, or an empty string."""
    try:
        module = entry.load()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"{type(error).__name__}: {error}"
    if manager.is_registered(module):
        return ""
    if isinstance(specs := getattr(module, "hookspecs", None), (type, types.ModuleType)):
        manager.add_hookspecs(specs)
    try:
        manager.register(module, name=entry.name)
    except (ValueError, pluggy.PluginValidationError) as error:
        if manager.is_registered(module):
            manager.unregister(module)
        return str(error)
    return ""


class Registry:
    """All plugins that loaded, and the reasons of those that did not."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(Hooks)
        self.plugins: list[Plugin] = []
        from i2i import builtin

        self.manager.register(builtin, name="core")
        disabled = {name.strip() for name in os.environ.get("I2I_DISABLE_PLUGINS", "").split(",")}
        for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name):
            distribution, version = _distribution(entry)
            off = bool(disabled & {entry.name, distribution})
            problem = "" if off else _register(self.manager, entry)
            self.plugins.append(Plugin(entry.name, entry.value, distribution, version, problem, off))
        self._validate()

    def _validate(self) -> None:
        """Unregister each plugin with a misspelt hook or a failing card hook, keeping the reason."""
        for index, plugin in enumerate(self.plugins):
            module = self.manager.get_plugin(plugin.name)
            if module is None:
                continue
            problem = self._pending(module) or self._failing(module) or self._taken_name(module)
            if problem:
                self.manager.unregister(module)
                self.plugins[index] = Plugin(plugin.name, plugin.module, plugin.distribution, plugin.version, problem)

    def _pending(self, module: Any) -> str:
        """Name a function marked as a hook that no specification knows: a misspelt hook does nothing, silently."""
        known = [name for name, caller in vars(self.manager.hook).items() if caller.has_spec()]
        for caller in self.manager.get_hookcallers(module) or ():
            if not caller.has_spec():
                return f'it implements the unknown hook "{caller.name}"{nearest(caller.name, known)}'
        return ""

    def _failing(self, module: Any) -> str:
        for hook in ("models", "datasets", "catalogue", "metrics"):
            try:
                self.announced(hook, module)
            except Exception as error:
                return f"its {hook}() hook failed: {type(error).__name__}: {error}"
        return ""

    def _taken_name(self, module: Any) -> str:
        mine = {card.name for card in self.announced("models", module)}
        taken = {
            card.name for other in self.manager.get_plugins() - {module} for card in self.announced("models", other)
        }
        if both := mine & taken:
            return f'its model "{min(both)}" is also announced by another plugin; disable one with I2I_DISABLE_PLUGINS'
        return ""

    def call_one(self, hook: str, module: Any, **arguments: Any) -> list[Any]:
        """Call a hook of one plugin alone; return its results."""
        others = [plugin for plugin in self.manager.get_plugins() if plugin is not module]
        results: list[Any] = self.manager.subset_hook_caller(hook, others)(**arguments)
        return results

    def announced(self, hook: str, module: Any) -> list[Any]:
        """The cards that one plugin alone announces."""
        return [item for items in self.call_one(hook, module) for item in items]

    def models(self) -> dict[str, ModelCard]:
        """Every installed model by name, sorted."""
        cards = [card for cards in self.manager.hook.models() for card in cards]
        return {card.name: card for card in sorted(cards, key=lambda card: card.name)}

    def model(self, name: str) -> ModelCard:
        """The card of a model. Raises LookupError with the nearest name and what is installed."""
        known = self.models()
        if name in known:
            return known[name]
        broken = [p for p in self.plugins if p.problem]
        hint = f"; {len(broken)} plugin(s) did not load, see: i2i plugins" if broken else ""
        raise LookupError(
            f'there is no model "{name}"{nearest(name, known)}; installed: {", ".join(known) or "none"}{hint}'
        )

    def datasets(self) -> dict[str, DatasetCard]:
        """Every dataset kind by name."""
        return {card.kind: card for cards in self.manager.hook.datasets() for card in cards}

    def metrics(self) -> dict[str, MetricCard]:
        """Every metric by name."""
        return {card.name: card for cards in self.manager.hook.metrics() for card in cards}

    def catalogue(self) -> list[Path]:
        """Every folder of data-set cards."""
        return [Path(folder) for folders in self.manager.hook.catalogue() for folder in folders]

    def owner(self, name: str) -> Plugin:
        """The plugin that announces a model."""
        for plugin in self.plugins:
            module = self.manager.get_plugin(plugin.name)
            if module is None:
                continue
            if any(card.name == name for card in self.announced("models", module)):
                return plugin
        return Plugin("", "", "", "")


@cache
def registry() -> Registry:
    """The plugins of this process, loaded once."""
    return Registry()


def load_class(card: ModelCard) -> Any:
    """Import a model's class.

    Raises ValueError when the class cannot be imported, or when one of its options takes a run option's name.
    """
    from i2i.settings import Settings

    try:
        cls = import_target(card.target)
    except Exception as error:
        raise ValueError(
            f'the model "{card.name}" cannot be loaded from {card.target}: {type(error).__name__}: {error}'
        ) from error
    taken = {field.name for field in describe(cls.Options)} & {field.name for field in describe(Settings)}
    if taken:
        raise ValueError(f'the model "{card.name}" has an option "{min(taken)}", which is the run\'s own; rename it')
    return cls
