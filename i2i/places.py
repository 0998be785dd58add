"""Where i2i keeps what is not in the working folder. `I2I_HOME` moves all of it; asking creates nothing."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def _home() -> Path | None:
    """The folder that the environment names, absolute, so that a later chdir does not move it."""
    return Path(named).expanduser().absolute() if (named := os.environ.get("I2I_HOME", "").strip()) else None


def cache() -> Path:
    """The folder of what can be made or fetched again: decoded pictures, data sets."""
    return home / "cache" if (home := _home()) else platformdirs.user_cache_path("i2i", appauthor=False)


def data() -> Path:
    """The folder of downloaded and generated data sets, inside the cache."""
    return cache() / "data"


def models() -> Path:
    """The folder of the user's own models, which nothing can make again."""
    return home / "models" if (home := _home()) else platformdirs.user_data_path("i2i", appauthor=False) / "models"
