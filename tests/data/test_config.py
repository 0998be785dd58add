"""dataset.toml: what is understood and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from i2i.data import config


def test_an_absent_file_says_nothing(tmp_path: Path) -> None:
    assert config.read(tmp_path) == {}


def test_every_key_is_understood(tmp_path: Path) -> None:
    values = {
        "name": "fields2maps",
        "kind": "paired",
        "domains": ["field", "map"],
        "range": [0, 4095.5],
        "labels": 35,
        "map_labels": {"255": 0},
        "licence": "CC BY 4.0",
        "license": "CC BY 4.0",
        "authors": ["A. Surveyor"],
        "source": "Flights",
        "summary": "Fields.",
    }
    import tomli_w

    (tmp_path / "dataset.toml").write_text(tomli_w.dumps(values))
    assert config.read(tmp_path) == values


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("range = [4095, 0]", "give the lowest and highest value"),
        ("range = 3", "give the lowest and highest value"),
        ("range = [0, inf]", "give the lowest and highest value"),
        ('domains = ["one"]', "give their names"),
        ('domains = ["one", "one"]', "give their names"),
        ('domains = ["one", 2]', "give their names"),
        ("labels = 0", "give how many there are"),
        ('name = ["a"]', "give text"),
        ("authors = [1]", "give their names, as authors"),
        ("map_labels = 3", "map_labels is 3"),
        ('kind = "pared"', 'there is no kind "pared"; did you mean "paired"? Choose images, paired'),
        ("rnage = [0, 1]", 'unknown key "rnage"; did you mean "range"'),
        ("range = [0,", "is not valid TOML"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, text: str, error: str) -> None:
    (tmp_path / "dataset.toml").write_text(text)
    with pytest.raises((ValueError, LookupError), match=error.replace("[", r"\[").replace("?", r"\?")) as caught:
        config.read(tmp_path)
    assert str(tmp_path / "dataset.toml") in str(caught.value)
