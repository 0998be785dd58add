"""Plugins: a broken one is listed with its reason and breaks nothing else; names are never taken by chance."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

import i2i
from i2i import plugins
from i2i.plugins import Plugin, Registry, load_class

Add = Callable[..., None]


@pytest.fixture
def add(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Add:
    """Install a plugin: a module of that source, and an entry point in a distribution."""
    entries: list[EntryPoint] = []
    monkeypatch.setattr(plugins, "entry_points", lambda group: entries)
    monkeypatch.syspath_prepend(str(tmp_path))

    def add(name: str, source: str, distribution: str | None = None, module: str | None = None) -> None:
        module = module or f"plugin_{name.replace('-', '_')}_of_tests"
        (tmp_path / f"{module}.py").write_text("import i2i\n" + source)
        monkeypatch.delitem(sys.modules, module, raising=False)
        entry = EntryPoint(name, module, plugins.GROUP)
        vars(entry)["dist"] = SimpleNamespace(name=distribution or f"i2i-{name}", version="1.0")
        entries.append(entry)

    return add


def models(*names: str) -> str:
    cards = ", ".join(f'i2i.ModelCard("{name}", "nowhere:X", "images", "A model.")' for name in names)
    return f"@i2i.hookimpl\ndef models(): return [{cards}]\n"


def state(registry: Registry) -> dict[str, str]:
    return {plugin.name: plugin.problem for plugin in registry.plugins}


def test_first_party_plugins_load() -> None:
    found = plugins.registry()
    assert not [plugin for plugin in found.plugins if plugin.problem]
    assert "cyclegan" in found.models()
    assert found.owner("cyclegan").distribution == plugins.OWN
    assert {"images", "paired", "unpaired", "labelled", "captioned"} <= found.datasets().keys()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("from i2i import no_such_name", "ImportError: cannot import name 'no_such_name'"),
        ("def broken(:", "SyntaxError: "),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def f(): f()\nf()", "RecursionError: "),
        ("hookspecs = type('Empty', (), {})", "ValueError: did not find any 'i2i' hooks"),
        ("@i2i.hookimpl\ndef modles(): return []", 'it implements the unknown hook "modles"; did you mean "models"?'),
        ("@i2i.hookimpl\ndef zzz(): return []", 'it implements the unknown hook "zzz"'),
        ("@i2i.hookimpl\ndef models(wrong): return []", "Argument(s) {'wrong'} are declared in the hookimpl"),
        ("@i2i.hookimpl\ndef models(): 1 / 0", "its models() hook failed: ZeroDivisionError: division by zero"),
        ("@i2i.hookimpl\ndef models(): raise SystemExit", "its models() hook failed: SystemExit"),
        ("@i2i.hookimpl\ndef models(): return 3", "its models() hook returned int; it must return a list of ModelCard"),
        (
            "@i2i.hookimpl\ndef models(): return i2i.ModelCard('x', 'a:B', 'images', 's')",
            "its models() hook returned ModelCard; it must return a list of ModelCard",
        ),
        (
            "@i2i.hookimpl\ndef models(): return ['x']",
            "its models() hook returned a list that holds str; it must return a list of ModelCard",
        ),
        ("@i2i.hookimpl\ndef models(): return 'x'", "its models() hook returned str"),
        ("@i2i.hookimpl\ndef datasets(): return [{}]", "its datasets() hook returned a list that holds dict"),
        ("@i2i.hookimpl\ndef catalogue(): return [3]", "its catalogue() hook returned a list that holds int"),
        ("@i2i.hookimpl\ndef catalogue(): return 'folder'", "its catalogue() hook returned str"),
        (models("--help"), "whose name or target cannot be"),
        (models(""), "whose name or target cannot be"),
        (models("good").replace("nowhere:X", "nowhere"), "whose name or target cannot be"),
        ("@i2i.hookimpl\ndef models(): return [i2i.ModelCard(1, 'a:B', 'images', 's')]", "whose name or target cannot"),
    ],
)
def test_a_broken_plugin_is_listed_and_breaks_nothing(add: Add, source: str, reason: str) -> None:
    add("broken", source)
    add("works", models("swirl"))
    found = Registry()
    assert state(found)["broken"].startswith(reason) or reason in state(found)["broken"]
    assert state(found)["works"] == ""
    assert list(found.models()) == ["swirl"]
    assert found.owner("swirl").name == "works"
    with pytest.raises(
        LookupError, match=r'there is no model "swril"; did you mean "swirl"\? Installed: swirl\. 1 plug'
    ):
        found.model("swril")


def test_a_hook_that_gives_none_announces_nothing(add: Add) -> None:
    add("none", "@i2i.hookimpl\ndef models(): return None\n@i2i.hookimpl\ndef catalogue(): return ('folder',)")
    found = Registry()
    assert state(found) == {"none": ""}
    assert found.models() == {}
    assert found.catalogue() == [Path("folder")]


def test_what_plugins_print_stays_out_of_results(add: Add, capsys: pytest.CaptureFixture[str]) -> None:
    add("loud", "print('hello')\n" + models("swirl").replace("return", "print('again'); return"))
    assert list(Registry().models()) == ["swirl"]
    assert capsys.readouterr().out.count("hello") == 0


def test_our_own_distribution_keeps_its_names(add: Add) -> None:
    add("aaa", models("swirl", "other"), "i2i-stranger")
    add("zzz", models("swirl"), "I2I_Translate")
    found = Registry()
    assert found.owner("swirl").name == "zzz"
    assert state(found)["aaa"].startswith('its ModelCard "swirl" is already announced by the plugin "zzz"')
    assert "other" not in found.models()


@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "b", "a")])
def test_of_two_models_with_one_name_the_same_one_stays(add: Add, order: tuple[str, ...]) -> None:
    for name in order:
        add(name, models("swirl"))
    found = Registry()
    assert [name for name, problem in state(found).items() if not problem] == ["a"]
    assert found.owner("swirl").name == "a"


def test_a_stranger_cannot_replace_a_kind_of_core(add: Add) -> None:
    add("thief", "@i2i.hookimpl\ndef datasets(): return [i2i.DatasetCard('paired', 'thief:Paired', 'Mine.')]")
    found = Registry()
    assert 'its DatasetCard "paired" is already announced by the plugin "core"' in state(found)["thief"]
    assert found.datasets()["paired"].target == "i2i.data.paired:Paired"


def test_entry_points_that_repeat(add: Add) -> None:
    add("swirl", models("swirl"), "i2i-a", module="shared_module_of_tests")
    add("swirl", models("swirl"), "i2i-a", module="shared_module_of_tests")  # on the path twice
    add("swirl-too", models("swirl"), "i2i-a", module="shared_module_of_tests")  # one module, two names
    found = Registry()
    assert state(found) == {"swirl": "", "swirl-too": ""}
    assert list(found.models()) == ["swirl"]


def test_two_plugins_of_one_name(add: Add) -> None:
    add("swirl", models("one"), "i2i-a", module="first_of_tests")
    add("swirl", models("two"), "i2i-b", module="second_of_tests")
    found = Registry()
    assert [plugin.problem for plugin in found.plugins] == [
        "",
        'another plugin is called "swirl", too; disable one with I2I_DISABLE_PLUGINS=DISTRIBUTION',
    ]
    assert list(found.models()) == ["one"]


@pytest.mark.parametrize("value", ["broken", "i2i-broken", "I2I_Broken", " x, broken ,"])
def test_plugins_can_be_disabled_by_name_and_by_distribution(
    add: Add, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    add("broken", "import sys; sys.modules['executed_in_tests'] = sys")
    add("works", models("swirl"))
    monkeypatch.setenv("I2I_DISABLE_PLUGINS", value)
    found = Registry()
    assert [(plugin.name, plugin.disabled, plugin.problem) for plugin in found.plugins] == [
        ("broken", True, ""),
        ("works", False, ""),
    ]
    assert "executed_in_tests" not in sys.modules


ANIMALS = """
class hookspecs:
    @i2i.hookspec
    def animals(self) -> list[str]: 'Name animals.'
    @i2i.hookspec
    def feeding_time(self): 'Observe it.'
"""


def test_a_plugin_may_bring_hooks_of_its_own(add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    add("zoo", ANIMALS)
    add("ant", "@i2i.hookimpl\ndef feeding_time(): 1 / 0")  # no announcement: asked by the zoo alone
    add("cat", "@i2i.hookimpl\ndef animals(): return ['cat']")  # loads before the zoo
    add("cow", "@i2i.hookimpl\ndef animals(): return ['cow', 'calf']")
    add("dog", "@i2i.hookimpl\ndef animals(): return [['dog'][1]]")
    add("elk", "@i2i.hookimpl\ndef animals(): return 'elk'")
    found = Registry()
    assert state(found) == {
        "ant": "",
        "cat": "",
        "cow": "",
        "dog": "its animals() hook failed: IndexError: list index out of range",
        "elk": "its animals() hook returned str; it must return a list",
        "zoo": "",
    }
    monkeypatch.setattr(plugins, "registry", lambda: found)
    assert i2i.announced("animals") == ["cat", "cow", "calf"]
    with pytest.raises(LookupError, match='there is no hook "animal"; did you mean "animals"'):
        i2i.announced("animal")


def card(target: str) -> i2i.ModelCard:
    return i2i.ModelCard("swirl", target, "images", "Swirl.")


def fake_module(monkeypatch: pytest.MonkeyPatch, **members: Any) -> None:
    module = types.ModuleType("fake_of_tests")
    vars(module).update(members)
    monkeypatch.setitem(sys.modules, "fake_of_tests", module)


def test_a_class_that_cannot_be_loaded_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_module(monkeypatch, NoModel=3)
    for target, said in [
        ("nowhere_of_tests:X", "nowhere_of_tests:X: ModuleNotFoundError: No module named 'nowhere_of_tests'"),
        ("fake_of_tests:Missing", "AttributeError: module 'fake_of_tests' has no attribute 'Missing'"),
        ("fake_of_tests:NoModel", "AttributeError: 'int' object has no attribute 'Options'"),
    ]:
        with pytest.raises(ValueError, match='the model "swirl" cannot be loaded from ') as caught:
            load_class(card(target))
        assert said in str(caught.value)


@pytest.mark.parametrize("name", ["batch_size", "seed", "config", "dry_run", "data"])
def test_an_option_may_not_take_the_run_s_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Options(i2i.Options):
        pass

    taken = type("Options", (Options,), {name: i2i.option(1, help="Mine."), "__annotations__": {name: int}})
    taken = dataclass(frozen=True, kw_only=True)(taken)
    fake_module(monkeypatch, Swirl=SimpleNamespace(Options=taken, Request=i2i.Request))
    with pytest.raises(ValueError, match=f'"swirl" has an option "{name}", which is the run\'s own; rename it'):
        load_class(card("fake_of_tests:Swirl"))


def test_an_option_of_an_odd_type_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Options(i2i.Options):
        sizes: list[int] = i2i.option(None, help="Sizes.")

        def __post_init__(self) -> None:
            pass

    fake_module(monkeypatch, Swirl=SimpleNamespace(Options=Options, Request=i2i.Request))
    with pytest.raises(ValueError, match=r'"swirl" has an option "sizes" of the type .*; an option is a bool, int'):
        load_class(card("fake_of_tests:Swirl"))


def test_call_one_calls_no_other(add: Add) -> None:
    add("one", "@i2i.hookimpl\ndef commands(app): app.add_typer(None, name='one')")
    add("two", "@i2i.hookimpl\ndef commands(app): app.add_typer(None, name='two')")
    found, app = Registry(), typer.Typer()
    found.call_one("commands", found.manager.get_plugin("two"), app=app)
    assert [group.name for group in app.registered_groups] == ["two"]


def test_the_owner_of_an_unknown_model_is_nobody() -> None:
    assert plugins.registry().owner("no-such-model") == Plugin("", "", "", "")
