"""What is read at run time is in the wheel: modules in packages, and files that pyproject.toml names."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
FOUND = SETTINGS["packages"]["find"]
PACKAGES = sorted(
    path.parent
    for where in FOUND["where"]
    for name in FOUND["include"]
    for path in (ROOT / where).glob(f"{name}/__init__.py")
)
LEFT_OUT = {".jpg"}  # pictures of READMEs


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_every_file_is_a_module_or_named_as_data(package: Path) -> None:
    data = SETTINGS["package-data"]
    patterns = [*data.get(package.name, ()), *data["*"]]
    files = [path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    for path in files:
        if path.suffix == ".py":
            inside = [folder for folder in path.parents if folder.is_relative_to(package)]
            assert all((folder / "__init__.py").is_file() for folder in inside), f"{path} is in no package"
        elif path.suffix not in LEFT_OUT:
            name = path.relative_to(package).as_posix()
            assert any(fnmatch(name, pattern) for pattern in patterns), f"{path} is missing in the wheel"


def test_every_plugin_of_the_wheel_is_looked_at() -> None:
    names = {path.name for path in PACKAGES}
    entries = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["i2i"]
    assert names == {"i2i", *entries.values()}
