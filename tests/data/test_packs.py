"""Real pictures, where they are: each pack is understood rightly."""

from __future__ import annotations

from pathlib import Path

import pytest

from i2i.data import Stream, open_dataset
from i2i.data.check import check
from i2i.data.transforms import train_transform
from i2i.settings import Settings

PACKS = Path(__file__).parents[3] / "shared" / "data"


def pack(name: str) -> Path:
    if not (PACKS / name).is_dir():
        pytest.skip(f"the pack {name} is not here")
    return PACKS / name


@pytest.mark.parametrize(
    ("name", "kind", "layout", "domains", "train", "test"),
    [
        ("summer2winter", "unpaired", "A and B", ["summer", "winter"], 180, 40),
        ("facades", "paired", "side by side", ["photo", "labels"], 140, 30),
        ("facade_instances", "paired", "label maps", ["label", "photo"], 48, 8),
        ("weather4", "labelled", "classes", ["cloudy", "rain", "shine", "sunrise"], 304, 68),
        ("captions_dogs", "captioned", "captions.jsonl", [], 240, 40),
        ("mnist_mini", "labelled", "IDX", list("0123456789"), 4000, 1000),
        ("sr_photos", "images", "HR", [], 80, 12),
        ("irregular_masks", "images", "all pictures", [], 108, 12),
    ],
)
def test_a_pack_is_understood(name: str, kind: str, layout: str, domains: list[str], train: int, test: int) -> None:
    report = check(pack(name))
    assert (report.kind, report.domains) == (kind, domains)
    assert layout in report.layout
    assert (report.trained_on, report.held_back) == (train, test)
    assert not report.unreadable
    assert not report.stray
    assert not report.duplicates_across
    settings = Settings(image_size=32)
    dataset = open_dataset(PACKS / name, (kind,), "train", settings)
    batch = next(
        Stream(dataset, train_transform(settings, 32, dataset.spec().value_range), seed=0, batch_size=2, workers=0)
    )
    for key, channels in dataset.spec().channels.items():
        assert batch[key].shape == (2, channels, 32, 32)
