"""Plugins: how they are found, and what is wrong with those that fail to load.

A plugin is a package named by an entry point of the group "i2i". First-party plugins load through the same code as a
stranger's. Loading one imports no torch: its hooks return cards that name classes as strings.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import types
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pluggy

from i2i.cards import DatasetCard, MetricCard, ModelCard, import_target
from i2i.hooks import GROUP, Hooks
from i2i.hooks import hookimpl as hookimpl
from i2i.hooks import hookspec as hookspec
from i2i.options import describe, nearest

OWN = "i2i-translate"  # the distribution of core and the first-party plugins
RESERVED = ("model", "data", "config", "dry_run", "quiet", "debug", "help")  # of the command line itself


@dataclass(frozen=True)
class Plugin:
    """An entry point: its name, its distribution and, when it did not load, the reason."""

    name: str
    module: str
    distribution: str
    version: str
    problem: str = ""
    disabled: bool = False


CARDS: dict[str, tuple[type, str]] = {  # hook -> what it returns a list of, and which field names each
    "models": (ModelCard, "name"),
    "datasets": (DatasetCard, "kind"),
    "metrics": (MetricCard, "name"),
    "catalogue": (Path, ""),
}


def canonical(name: str) -> str:
    """A name as packaging compares it: `i2i_Swirl` is `i2i-swirl`."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _distribution(entry: EntryPoint) -> tuple[str, str]:
    found: Distribution | None = entry.dist
    return (found.name or "unknown", found.version or "") if found is not None else ("unknown", "")


def _register(manager: pluggy.PluginManager, entry: EntryPoint) -> str:
    """Load one entry point into the manager; return what went wrong, or an empty string."""
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints may not get into results
            module = entry.load()
        if manager.is_registered(module):
            return ""
        if manager.has_plugin(entry.name):
            return f'another plugin is called "{entry.name}", too; disable one with I2I_DISABLE_PLUGINS=DISTRIBUTION'
        if isinstance(specs := getattr(module, "hookspecs", None), (type, types.ModuleType)):
            manager.add_hookspecs(specs)
        try:
            manager.register(module, name=entry.name)
        except BaseException:
            if manager.is_registered(module):
                manager.unregister(module)
            raise
    except KeyboardInterrupt:
        raise
    except pluggy.PluginValidationError as error:
        return str(error)
    except BaseException as error:  # SystemExit, too: a plugin may not end the program
        return f"{type(error).__name__}: {error}"
    return ""


class Registry:
    """All plugins that loaded, and the reasons of those that did not."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(Hooks)
        self.plugins: list[Plugin] = []
        from i2i import builtin

        self.manager.register(builtin, name="core")
        off = {canonical(name) for name in os.environ.get("I2I_DISABLE_PLUGINS", "").split(",")} - {""}
        for entry in _entries():
            distribution, version = _distribution(entry)
            disabled = bool(off & {canonical(entry.name), canonical(distribution)})
            problem = "" if disabled else _register(self.manager, entry)
            self.plugins.append(Plugin(entry.name, entry.value, distribution, version, problem, disabled))
        self._validate()

    def _validate(self) -> None:
        """Unregister each plugin with a misspelt hook, a failing card hook or a taken name, keeping the reason.

        In the order of loading, so that of two with one name the same one stays whatever is installed beside them.
        """
        accepted: list[Any] = [self.manager.get_plugin("core")]
        for index, plugin in enumerate(self.plugins):
            module = None if plugin.problem or plugin.disabled else self.manager.get_plugin(plugin.name)
            if module is None:
                continue
            problem = self._pending(module) or self._failing(module) or self._taken(module, accepted)
            if problem:
                self.manager.unregister(module)
                self.plugins[index] = replace(plugin, problem=problem)
            else:
                accepted.append(module)

    def _pending(self, module: Any) -> str:
        """Name a function marked as a hook that no specification knows: a misspelt hook does nothing, silently."""
        known = [name for name, caller in vars(self.manager.hook).items() if caller.has_spec()]
        for caller in self.manager.get_hookcallers(module) or ():
            if not caller.has_spec():
                return f'it implements the unknown hook "{caller.name}"{nearest(caller.name, known)}'
        return ""

    def _failing(self, module: Any) -> str:
        """Say which hook that returns cards fails, or returns something else."""
        for hook, (kind, name) in (CARDS | self._announcements()).items():
            try:
                results = self.call_one(hook, module)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                return f"its {hook}() hook failed: {type(error).__name__}: {error}"
            for result in results:
                wrong = [result] if not isinstance(result, (list, tuple)) else result
                wrong = [item for item in wrong if not isinstance(item, (kind, str) if kind is Path else kind)]
                if wrong or not isinstance(result, (list, tuple)):
                    what = "list" if kind is object else f"list of {kind.__name__}"
                    return f"its {hook}() hook returned {_spell(wrong, result)}; it must return a {what}"
                if bad := [card for card in result if name and not _is_sound(card, name)]:
                    return f"its {hook}() hook returned {bad[0]!r}, whose name or target cannot be"
        return ""

    def _announcements(self) -> dict[str, tuple[type, str]]:
        """The hooks of plugins' own that take nothing and return a list, as their annotation says; items are theirs."""
        specs = {name: caller.spec for name, caller in vars(self.manager.hook).items() if caller.spec is not None}
        returns = {name: spec.function.__annotations__.get("return") for name, spec in specs.items()}
        lists = [name for name, kind in returns.items() if str(kind).startswith("list") and not specs[name].argnames]
        return {name: (object, "") for name in lists if name not in CARDS}

    def _taken(self, module: Any, accepted: list[Any]) -> str:
        """Name a model, kind or metric that a plugin loaded before announces already."""
        for hook, (kind, name) in CARDS.items():
            if name:
                mine = {getattr(card, name) for card in self.announced(hook, module)}
                for other in accepted:
                    for card in self.announced(hook, other):
                        if getattr(card, name) in mine:
                            return (
                                f'its {kind.__name__} "{getattr(card, name)}" is already announced by the plugin '
                                f'"{self.manager.get_name(other)}"; disable one with I2I_DISABLE_PLUGINS'
                            )
        return ""

    def call_one(self, hook: str, module: Any, **arguments: Any) -> list[Any]:
        """Call a hook of one plugin alone; return its results."""
        others = [plugin for plugin in self.manager.get_plugins() if plugin is not module]
        with contextlib.redirect_stdout(sys.stderr):
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
        broken = sum(bool(plugin.problem) for plugin in self.plugins)
        hint = f". {broken} plugin(s) did not load; the reasons: i2i plugins" if broken else ""
        near = nearest(name, known)
        installed = f"{near} Installed: " if near else "; installed: "
        raise LookupError(f'there is no model "{name}"{installed}{", ".join(known) or "none"}{hint}')

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
            module = None if plugin.problem or plugin.disabled else self.manager.get_plugin(plugin.name)
            if module is None:
                continue
            if any(card.name == name for card in self.announced("models", module)):
                return plugin
        return Plugin("", "", "", "")


def _entries() -> list[EntryPoint]:
    """The entry points, those of our own distribution first: a stranger cannot take a name from them."""
    found: dict[tuple[bool, str, str], EntryPoint] = {}
    for entry in entry_points(group=GROUP):  # a distribution that is on the path twice lists each of its own twice
        found.setdefault((canonical(_distribution(entry)[0]) != OWN, entry.name, entry.value), entry)
    return [found[key] for key in sorted(found)]


def _spell(wrong: list[Any], result: Any) -> str:
    item = type((wrong or [result])[0]).__name__
    return f"a list that holds {item}" if isinstance(result, (list, tuple)) else item


def _is_sound(card: Any, name: str) -> bool:
    """Whether a card's name can be typed on a command line, and its target imported."""
    texts = (getattr(card, name), card.target, card.summary)
    return (
        all(isinstance(text, str) for text in texts)
        and re.fullmatch(r"[^\W_][\w.+-]*", texts[0]) is not None
        and re.fullmatch(r"[\w.]+:\w+", texts[1]) is not None
    )


@cache
def registry() -> Registry:
    """The plugins of this process, loaded once."""
    return Registry()


def announced(hook: str) -> list[Any]:
    """List what all plugins announce by a hook that returns a list, in the order in which they were loaded.

    For hooks that a plugin brings itself. Raises LookupError for one that no plugin specifies.
    """
    found = registry()
    known = [name for name, caller in vars(found.manager.hook).items() if caller.has_spec()]
    if hook not in known:
        raise LookupError(f'there is no hook "{hook}"{nearest(hook, known)}')
    modules = [found.manager.get_plugin(plugin.name) for plugin in found.plugins if not plugin.problem]
    return [item for module in modules if module is not None for item in found.announced(hook, module)]


def load_class(card: ModelCard) -> Any:
    """Import a model's class.

    Raises ValueError when the class cannot be imported, is no model, has options of a type that is no option's, or one
    that takes a run option's name.
    """
    from i2i.settings import Settings

    try:
        with contextlib.redirect_stdout(sys.stderr):
            cls = import_target(card.target)
        fields = [*describe(cls.Options), *describe(cls.Request)]
    except (Exception, SystemExit) as error:
        raise ValueError(
            f'the model "{card.name}" cannot be loaded from {card.target}: {type(error).__name__}: {error}'
        ) from error
    for field in fields:
        if not is_option_type(field.base):
            raise ValueError(
                f'the model "{card.name}" has an option "{field.name}" of the type {field.base}; an option is a bool, '
                "int, float, str, Path, Literal, one of these or None, or a tuple of fixed length"
            )
    taken = {field.name for field in describe(cls.Options)} & ({f.name for f in describe(Settings)} | set(RESERVED))
    if taken:
        raise ValueError(f'the model "{card.name}" has an option "{min(taken)}", which is the run\'s own; rename it')
    return cls


def is_option_type(kind: Any) -> bool:
    """Whether an option's type, without None, is one that flags, TOML and JSON can hold."""
    if get_origin(kind) is tuple:
        return all(is_option_type(part) for part in get_args(kind)) and bool(get_args(kind))
    return get_origin(kind) is Literal or kind in (bool, int, float, str, Path)
