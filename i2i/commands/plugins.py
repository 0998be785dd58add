"""`i2i plugins`: every plugin found, what it brings, and why one does not work."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from i2i.plugins import CARDS, Plugin, registry
from i2i.tables import table


def register(app: typer.Typer) -> None:
    """Add `plugins`."""

    @app.command("plugins", help="List the plugins: what each brings, and why one does not work.")
    def plugins(as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False) -> None:
        found = registry().plugins
        print(json.dumps([facts(plugin) for plugin in found], indent=1) if as_json else listing(found))


def listing(found: list[Plugin]) -> str:
    """The plugins as a table, followed by what is wrong and how to mend it."""
    if not found:
        return 'No plugin is installed. A plugin is a package with an entry point of the group "i2i".'
    rows = [(p.name, f"{p.distribution} {p.version}".strip(), state(p), brings(p)) for p in found]
    parts = [table(rows, head=("PLUGIN", "PACKAGE", "STATE", "BRINGS"))]
    parts += [complaint(plugin) for plugin in found if plugin.problem]
    if off := [plugin.name for plugin in found if plugin.disabled]:
        parts.append(f"Disabled by I2I_DISABLE_PLUGINS: {', '.join(off)}. Unset it, or take the name out, to use them.")
    return "\n\n".join(parts)


def facts(plugin: Plugin) -> dict[str, Any]:
    """A plugin, for programs."""
    return {
        "name": plugin.name,
        "module": plugin.module,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "state": state(plugin),
        "problem": plugin.problem,
        "fix": fix(plugin) if plugin.problem else "",
        "brings": announced(plugin),
    }


def state(plugin: Plugin) -> str:
    """`ok`, `disabled` or `broken`."""
    return "disabled" if plugin.disabled else "broken" if plugin.problem else "ok"


def announced(plugin: Plugin) -> dict[str, list[str]]:
    """What a working plugin announces: names by hook; for other hooks an empty list."""
    manager = registry().manager
    module = manager.get_plugin(plugin.name)
    if module is None or state(plugin) != "ok":
        return {}
    result: dict[str, list[str]] = {}
    for caller in manager.get_hookcallers(module) or ():
        _, name = CARDS.get(caller.name, (None, ""))  # which field names the cards that a hook returns, if it does
        cards = registry().announced(caller.name, module) if name else []
        result[caller.name] = [str(getattr(card, name)) for card in cards]
    return dict(sorted(result.items(), key=lambda item: (item[0] != "models", item[0])))


def brings(plugin: Plugin) -> str:
    """What a plugin announces, in words."""
    words = {"catalogue": "data sets by name", "commands": "commands"}
    parts = []
    for hook, names in announced(plugin).items():
        if hook in words:
            parts.append(words[hook])
        else:
            parts.append(f"{hook}: {', '.join(names) or 'none'}" if hook in CARDS else f"hook {hook}")
    return "; ".join(parts)


def complaint(plugin: Plugin) -> str:
    """Say what is wrong with a plugin, what it means and how to mend it."""
    first = plugin.problem.strip().splitlines()[0] if plugin.problem.strip() else "no reason given"
    name = f"{plugin.name} ({plugin.distribution} {plugin.version})" if plugin.version else plugin.name
    return f"Plugin {name} did not load ({first}). All other plugins work. {fix(plugin)}"


def fix(plugin: Plugin) -> str:
    """The commands that mend or remove a broken plugin."""
    off = f"leave it out: I2I_DISABLE_PLUGINS={plugin.name}"
    if plugin.distribution == "unknown":
        return f"Mend {plugin.module}, or {off}"
    again = f"Fix: pip install -U {plugin.distribution}"
    is_core = plugin.distribution == "i2i-translate"  # who uninstalls it has no i2i
    return f"{again}, or {off}" if is_core else f"{again}, or remove it: pip uninstall {plugin.distribution}, or {off}"
