from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from i2i import places


def test_one_variable_moves_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "mon dossier é"
    monkeypatch.setenv("I2I_HOME", str(home))
    assert places.cache() == home / "cache"
    assert places.data() == home / "cache" / "data"
    assert places.models() == home / "models"


def test_asking_creates_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I2I_HOME", str(tmp_path / "home"))
    for place in (places.cache, places.data, places.models):
        place()
    assert list(tmp_path.iterdir()) == []


def test_a_relative_home_is_taken_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("I2I_HOME", "here")
    assert places.cache() == tmp_path / "here" / "cache"


def test_a_tilde_is_the_users_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I2I_HOME", "~/i2i-home")
    assert places.models() == Path.home() / "i2i-home" / "models"


@pytest.mark.parametrize("value", [None, "", "  "])
def test_without_the_variable_the_platform_decides(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("I2I_HOME", raising=False)
    if value is not None:
        monkeypatch.setenv("I2I_HOME", value)
    assert places.cache() == platformdirs.user_cache_path("i2i", appauthor=False)
    assert places.models().parent == platformdirs.user_data_path("i2i", appauthor=False)
    assert places.data().parent == places.cache()
