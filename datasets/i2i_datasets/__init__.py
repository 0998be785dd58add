"""The catalogue of data sets: one TOML card each, and the generators of the small embedded ones."""

from __future__ import annotations

from pathlib import Path

from i2i import hookimpl


@hookimpl
def catalogue() -> list[Path]:
    """The folder of the cards."""
    return [Path(__file__).parent / "cards"]
