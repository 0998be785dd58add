"""The shape of the program: which way imports point, what may import torch, how long a file may be."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import i2i

ROOT = Path(__file__).parent.parent
CORE_LINES, PLUGIN_LINES = 300, 250
HEAVY = {
    "albumentations",
    "cv2",
    "kornia",
    "numpy",
    "PIL",
    "skimage",
    "tensorboard",
    "tifffile",
    "torch",
    "torchvision",
}
LIGHT = [  # what the command line imports before it knows what is asked of it
    *("i2i", "i2i.cli", "i2i.options", "i2i.plugins", "i2i.cards", "i2i.settings", "i2i.spec", "i2i.builtin"),
    *("i2i.bundle", "i2i.run", "i2i.catalogue", "i2i.download", "i2i.places", "i2i.data"),
]
BUILDING_BLOCKS = ("networks", "losses", "augment", "testing")  # of i2i, for plugins
PLUGIN_API = {"i2i", *(f"i2i.{name}" for name in BUILDING_BLOCKS)}


def modules(folder: Path, base: Path) -> dict[str, Path]:
    """Python files of a folder by module name."""
    names = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(base).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


I2I = modules(ROOT / "i2i", ROOT)
CORE = {name: path for name, path in I2I.items() if name.split(".")[1:2] not in [[block] for block in BUILDING_BLOCKS]}
COMMANDS = [name for name in I2I if name.startswith("i2i.commands.")]
PACKAGES = {  # plugin packages by name: the first-party ones, the data sets, the example
    path.parent.name: path.parent
    for pattern in ("plugins/*/__init__.py", "datasets/*/__init__.py", "examples/*/*/__init__.py")
    for path in sorted(ROOT.glob(pattern))
}
PLUGINS = {name: path for package in PACKAGES.values() for name, path in modules(package, package.parent).items()}


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(tree: ast.Module, lazy: bool = True) -> Iterator[tuple[str, str]]:
    """(module, name) of every import, name empty for `import module`; without `lazy`, only what importing runs."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from ((node.module or "", alias.name) for alias in node.names)
        if not lazy and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if not lazy and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            stack.extend(node.orelse)
            continue
        stack.extend(ast.iter_child_nodes(node))


def within(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def own_imports(name: str, lazy: bool = True) -> set[str]:
    """The modules of i2i that a module of i2i imports, and the packages they lie in."""
    found = set()
    for module, item in imports(parse(I2I[name]), lazy):
        if within(module, "i2i"):
            full = f"{module}.{item}"
            found.add(full if full in I2I else module)
    return found


def reached(name: str) -> dict[str, str]:
    """Every module that importing one of i2i imports, other packages' included, with the module that does."""
    seen: dict[str, str] = {name: ""}
    queue = [name]
    while queue:
        here = queue.pop()
        if here not in I2I:
            continue
        parents = {here.rpartition(".")[0]} - {""}
        others = {module for module, _ in imports(parse(I2I[here]), lazy=False) if not within(module, "i2i")}
        for other in parents | own_imports(here, lazy=False) | others:
            if other not in seen:
                seen[other] = here
                queue.append(other)
    return seen


def constants(tree: ast.Module) -> Iterator[str]:
    """Every string in the code that is no docstring, and every identifier."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def test_what_is_read_here_is_the_program():
    assert {"i2i.loop", "i2i.networks.unet", "i2i.data.dataset"} <= I2I.keys()
    assert "i2i.loop" in CORE
    assert "i2i.networks.unet" not in CORE
    assert {"i2i_cyclegan", "i2i_datasets", "i2i_warmgan"} <= PACKAGES.keys()
    assert "i2i.keeper" in reached("i2i.loop")
    assert "torch" in reached("i2i.loop")


@pytest.mark.parametrize("name", CORE)
def test_core_imports_no_plugin_and_names_none(name):
    tree = parse(CORE[name])
    imported = {module for module, _ in imports(tree)}
    assert not {module for module in imported if within(module, *PACKAGES)}
    models = [package.removeprefix("i2i_") for package in PACKAGES if package != "i2i_datasets"]
    words = re.compile(rf"\b({'|'.join([*PACKAGES, *models, 'discriminator'])})s?\b", re.IGNORECASE)
    assert not [text for text in constants(tree) if words.search(text)]


@pytest.mark.parametrize("name", CORE)
def test_core_does_not_lean_on_what_is_for_plugins(name):
    allowed = {"i2i"} if name == "i2i" else set()  # which names its public modules
    assert not {m for m in own_imports(name) if within(m, "i2i.testing", "i2i.networks", "i2i.losses")} - allowed
    if name != "i2i.cli":
        assert within(name, "i2i.commands") or not {m for m in own_imports(name) if within(m, "i2i.commands")}


@pytest.mark.parametrize("name", [name for name in I2I if within(name, "i2i.networks", "i2i.losses")])
def test_networks_and_losses_stand_on_torch_alone(name):
    # i2i.options lends them `nearest`; it imports nothing of i2i itself.
    assert all(within(m, "i2i.networks", "i2i.losses", "i2i.options") for m in own_imports(name, lazy=False))
    others = {module.split(".")[0] for module, _ in imports(parse(I2I[name]))} - {"i2i", "torch"}
    assert others <= sys.stdlib_module_names
    assert not own_imports("i2i.options")


def test_no_module_of_i2i_imports_itself_on_the_way():
    tops = {name: own_imports(name, lazy=False) & I2I.keys() for name in I2I}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"imports in a circle: {' -> '.join([*path, name])}"
        if name not in done:
            for other in tops[name]:
                visit(other, (*path, name))
            done.add(name)

    for name in I2I:
        visit(name, ())


@pytest.mark.parametrize("name", PLUGINS)
def test_plugins_import_the_public_api_alone(name):
    tree, own = parse(PLUGINS[name]), name.split(".")[0]
    for module, item in imports(tree):
        root = module.split(".")[0]
        assert root == own or root not in PACKAGES, f"{name} imports the plugin {root}"
        if root != "i2i":
            continue
        assert module in PLUGIN_API, f"{name} imports {module}, which is not public"
        assert not item.startswith("_"), f"{name} imports {module}.{item}"
        if module == "i2i" and item:
            assert item in i2i.__all__, f"{name} imports i2i.{item}, which is not public"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "i2i":
            assert node.attr in i2i.__all__, f"{name} uses i2i.{node.attr}, which is not public"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in BUILDING_BLOCKS:
            assert not node.attr.startswith("_"), f"{name} uses {node.value.id}.{node.attr}"


@pytest.mark.parametrize("package", PACKAGES)
def test_plugins_are_cheap_to_load(package):
    roots = {module.split(".")[0] for module, _ in imports(parse(PACKAGES[package] / "__init__.py"), lazy=False)}
    assert roots <= {"i2i"} | sys.stdlib_module_names


@pytest.mark.parametrize("name", [*LIGHT, *COMMANDS])
def test_light_modules_import_nothing_heavy(name):
    found = reached(name)
    heavy = {module: found[module] for module in found if within(module, *HEAVY)}
    assert not heavy, f"importing {name} imports {', '.join(f'{m} (in {by})' for m, by in heavy.items())}"


@pytest.mark.parametrize("name", I2I)
def test_files_of_core_are_short(name):
    assert len(I2I[name].read_text(encoding="utf-8").splitlines()) < CORE_LINES


@pytest.mark.parametrize("name", PLUGINS)
def test_files_of_plugins_are_short(name):
    assert len(PLUGINS[name].read_text(encoding="utf-8").splitlines()) < PLUGIN_LINES


@pytest.mark.parametrize("name", [*I2I, *PLUGINS])
def test_a_module_says_first_what_it_holds(name):
    path = {**I2I, **PLUGINS}[name]
    if path.read_text(encoding="utf-8"):
        docstring = ast.get_docstring(parse(path)) or ""
        assert re.match(r"\S.*[.:](\n|$)", docstring), f"{name} does not open with one line"


HELP = """
import sys, time
from typer.testing import CliRunner
begun = time.perf_counter()
from i2i.cli import make_app
app = make_app()
for command in (["--help"], ["train", "--help"], ["models"], ["models", "--json"]):
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, (command, result.output, result.exception)
    heavy = sorted({name.split(".")[0] for name in sys.modules} & set(sys.argv[1:]))
    assert not heavy, f"{command} imports {heavy}"
print(f"{time.perf_counter() - begun:.2f} s in the process")
"""


def test_help_and_listings_import_no_torch():
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", HELP, *HEAVY], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    print(f"three helps and listings: {done.stdout.strip()}, {time.perf_counter() - begun:.2f} s with its start")


def test_only_packages_of_this_name_are_installed():
    for name in ("plugins", "datasets", "examples"):
        found = importlib.util.find_spec(name)
        assert found is None or found.origin is None or ROOT not in Path(found.origin).parents
