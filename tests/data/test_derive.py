"""Pairs made of photos alone: what the sources are, that they replay, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import i2i
from i2i.data import Stream, derive, open_dataset
from i2i.data.check import check
from i2i.data.dataset import Dataset
from i2i.data.transforms import eval_transform, train_transform
from i2i.settings import Settings
from i2i.spec import DataSpec
from i2i.translation import to_tensor

NAMES = sorted(derive.DERIVATIONS)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve photos of a bright disc on a dark ground, in folders and sizes of their own."""
    root = tmp_path / "my photos"
    y, x = np.mgrid[:40, :48]
    for number in range(12):
        pixels = np.full((40, 48, 3), (20, 60, 40), np.uint8)
        pixels[(y - 20) ** 2 + (x - 14 - number) ** 2 < 120] = (230, 200, 90)
        (root / "day 1").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / ("day 1" if number % 2 else "") / f"é {number}.png")
    return root


def open_it(root: Path, name: str | None, split: str = "train", **settings: Any) -> Dataset:
    return open_dataset(root, ("paired",), split, Settings(image_size=32, **settings), {"derive": name})


def sample(dataset: Dataset, index: int = 0, seed: int = 0) -> dict[str, Any]:
    transform = train_transform(Settings(image_size=32), 32, dataset.spec().value_range)
    return dataset.sample(index, np.random.default_rng(seed), transform)


def photo(seed: int = 0, channels: int = 3, size: int = 48) -> torch.Tensor:
    coarse = torch.rand(1, channels, 6, 6, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic").clamp(-1, 1)[0]


def made(name: str, of: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return derive.derive(name, of, np.random.default_rng(seed))["source"]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_of_photos_is_enough(photos: Path, name: str) -> None:
    train, test = open_it(photos, name), open_it(photos, name, "test")
    assert train.kind == "paired"
    assert (len(train), len(test)) == (8, 4)
    gray = name in ("edges", "gray")
    assert train.spec() == DataSpec(
        domains=(name, "photo"),
        channels={"source": 1 if gray else 3, "target": 3} | ({"mask": 1} if name == "mask" else {}),
        depth=8,
        value_range=(0.0, 255.0),
        extra={"derive": name},
    )
    assert DataSpec.from_json(json.loads(json.dumps(train.spec().to_json()))) == train.spec()
    batch = sample(train)
    assert batch.keys() == train.spec().channels.keys()
    assert batch["target"].shape == (3, 32, 32)
    assert batch["source"].shape == (1 if gray else 3, 32, 32)
    assert batch["source"].dtype == torch.float32
    assert -1 <= batch["source"].min() < batch["source"].max() <= 1
    assert "The model will translate" in train.notes[0]
    assert not {*train.files()} & {*test.files()}


@pytest.mark.parametrize("name", NAMES)
def test_sources_replay_whoever_loads_them(photos: Path, name: str) -> None:
    dataset = open_it(photos, name)
    transform = train_transform(Settings(image_size=32), 32, dataset.spec().value_range)

    def batches(first: int, workers: int) -> list[dict[str, torch.Tensor]]:
        stream = Stream(dataset, transform, seed=3, batch_size=4, first=first, workers=workers)
        found = [next(stream) for _ in range(2)]
        stream.close()
        return found

    (_, second), (again, _), (_, apart) = batches(0, 0), batches(4, 0), batches(0, 1)
    for key in ("source", "target"):
        assert torch.equal(second[key], again[key])
        assert torch.equal(second[key], apart[key])


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_the_same_each_time(photos: Path, name: str) -> None:
    rows = []
    for _ in range(2):
        dataset = open_it(photos, name, "test")
        rows.append(dataset.examples(eval_transform(Settings(image_size=32), 32, dataset.spec().value_range), 3))
    assert len(rows[0]) == 3
    for (inputs, request), (other, asked) in zip(*rows, strict=True):
        assert request == asked
        assert {"source", "target"} <= inputs.keys() == other.keys()
        assert all(torch.equal(inputs[key], other[key]) for key in inputs)
        assert inputs["source"].shape[0] == 1


@pytest.mark.parametrize(("name", "varies"), [(n, n in ("edges", "noise", "mask")) for n in NAMES])
def test_what_is_random_varies_with_the_step(name: str, varies: bool) -> None:
    sources = [made(name, photo(), seed) for seed in range(4)]
    assert all(torch.equal(sources[0], source) != varies for source in sources[1:])


def test_gray_is_what_luminance_makes_of_a_picture() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    from i2i.images import convert_channels

    expected = to_tensor(convert_channels(pixels, 1), (0, 255))
    found = made("gray", to_tensor(pixels, (0, 255)))
    assert (found - expected).abs().max() <= 1.01 / 255  # the picture's is rounded to a grey level
    assert found.shape == (1, 8, 8)


def test_edges_are_black_lines_on_white_where_the_photo_changes() -> None:
    half = torch.full((3, 40, 40), -0.8)
    half[:, :, 20:] = 0.8
    lines = made("edges", half)[0]
    assert set(lines.unique().tolist()) == {-1.0, 1.0}
    rows, columns = (lines < 0).nonzero(as_tuple=True)
    assert set(columns.tolist()) <= {19, 20}
    assert len(set(rows.tolist())) >= 36
    assert torch.equal(made("edges", torch.zeros(3, 40, 40)), torch.ones(1, 40, 40))


def test_lowres_keeps_the_mean_and_loses_the_detail() -> None:
    board = torch.ones(3, 32, 32)
    board[:, ::2, ::2] = board[:, 1::2, 1::2] = -1.0
    blurred = made("lowres", board)
    assert blurred.abs().max() < 0.1
    smooth = torch.linspace(-0.5, 0.5, 32).expand(3, 32, 32)
    torch.testing.assert_close(made("lowres", smooth), smooth, atol=0.05, rtol=0)


def test_noise_is_as_strong_as_is_said() -> None:
    strengths = [(made("noise", torch.zeros(3, 64, 64), seed)).std().item() for seed in range(40)]
    low, high = derive.NOISE
    assert low * 0.9 < min(strengths) < low * 2.5
    assert high * 0.7 < max(strengths) < high * 1.1


def test_masks_paint_holes_white_and_spare_the_rest() -> None:
    shares = []
    for seed in range(30):
        dark = photo(seed) * 0.5
        both = derive.derive("mask", dark, np.random.default_rng(seed))
        holed, hole = both["source"], both["mask"][0].bool()
        assert both["mask"].shape == (1, 48, 48)
        assert set(both["mask"].unique().tolist()) == {0.0, 1.0}
        assert torch.equal(holed[:, ~hole], dark[:, ~hole])
        assert torch.equal(holed[:, hole], torch.ones_like(holed[:, hole]))
        shares.append(hole.float().mean().item())
    assert min(shares) > 0.005
    assert 0.1 < np.mean(shares) < 0.4
    assert max(shares) < 0.9


def test_gray_photos_and_many_channels(tmp_path: Path, draw) -> None:
    for index in range(6):
        draw(tmp_path / "gray" / f"{index}.png", channels=1)
        draw(tmp_path / "bands" / f"{index}.tif", channels=5, dtype="uint16")
    assert open_it(tmp_path / "gray", "noise").spec().channels == {"source": 1, "target": 1}
    assert open_it(tmp_path / "gray", "edges").spec().channels == {"source": 1, "target": 1}
    bands = open_it(tmp_path / "bands", "mask")
    assert bands.spec().channels == {"source": 5, "target": 5, "mask": 1}
    assert bands.spec().depth == 16
    assert sample(open_it(tmp_path / "bands", "edges"))["source"].shape == (1, 32, 32)
    with pytest.raises(ValueError, match="these photos are gray already; give photos in colour"):
        open_it(tmp_path / "gray", "gray")
    with pytest.raises(ValueError, match="these photos have 5 channels; give photos in colour"):
        open_it(tmp_path / "bands", "gray")
    (tmp_path / "gray" / "0.png").unlink()
    draw(tmp_path / "gray" / "0.png")
    assert open_it(tmp_path / "gray", "gray").notes[1].startswith("5 of the photos are gray themselves")


def test_pairs_are_not_taken_for_photos(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds pairs already \(two folders with equal names.*leave --derive gray"):
        open_it(pairs, "gray")
    (pairs / "dataset.toml").write_text('kind = "images"')
    assert len(open_it(pairs, "gray")) == 20
    beside = tmp_path / "beside"
    beside.mkdir()
    for index in range(6):
        Image.fromarray(np.full((8, 16, 3), index * 20, np.uint8)).save(beside / f"{index}.png")
    with pytest.raises(ValueError, match=r"holds pairs already \(pairs side by side"):
        open_it(beside, "edges")


def test_photos_of_label_maps_are_photos(tmp_path: Path, draw) -> None:
    for index in range(6):
        draw(tmp_path / "train_img" / f"{index}.jpg")
        (tmp_path / "train_label").mkdir(exist_ok=True)
        Image.fromarray(np.full((12, 16), index, np.uint8)).save(tmp_path / "train_label" / f"{index}.png")
    dataset = open_it(tmp_path, "edges")
    assert dataset.spec().channels == {"source": 1, "target": 3}
    assert dataset.spec().num_labels == 0
    assert {path.parts[0] for path in dataset.files()} == {"train_img"}


def test_refusals_say_what_to_type(photos: Path) -> None:
    with pytest.raises(ValueError, match="which have no domains; leave --domains out"):
        open_it(photos, "gray", domains="gray,photo")
    with pytest.raises(ValueError, match=r"does not hold paired data.*with --derive \(edges, gray, "):
        open_it(photos, None)
    with pytest.raises(ValueError, match="--derive is 'grey'; choose edges or gray or lowres or noise or mask"):
        open_it(photos, "grey")
    (photos.parent / "none").mkdir()
    with pytest.raises(ValueError, match="No pictures in"):
        open_it(photos.parent / "none", "gray")


def test_the_direction_of_pairs_is_said_where_nobody_chose_it(pairs: Path) -> None:
    said = "The model will make target of source; for the other way add --domains target,source."
    assert open_it(pairs, None).notes[0] == said
    assert open_it(pairs, None, domains="target,source").notes == []


def test_the_sheet_names_what_is_made(photos: Path) -> None:
    transform = eval_transform(Settings(image_size=32), 32, (0, 255))
    assert [request.to for _, request in open_it(photos, "gray", "test").examples(transform, 2)] == ["photo", "photo"]


def test_data_check_reads_the_folder_as_photos(photos: Path) -> None:
    report = check(photos)
    assert report.kind == "images"
    assert (report.trained_on, report.held_back) == (8, 4)


def test_a_run_remembers_it(photos: Path, toys: Any) -> None:
    run = i2i.train("toy", photos, out=photos.parent / "runs", image_size=16, steps=4, workers=0, derive="gray")
    manifest = i2i.load(run).manifest
    assert manifest is not None
    assert manifest.spec.extra == {"derive": "gray"}
    assert manifest.spec.channels == {"source": 1, "target": 3}
    assert manifest.targets == ("photo",)
    config = (Path(run) / "config.toml").read_text()
    assert 'derive = "gray"' in config
    more = i2i.resume(run, steps=6)
    assert json.loads((Path(more) / "run.json").read_text())["step"] == 6
    picture = i2i.load(run).translate_image(Image.new("L", (30, 20), 90))
    assert (picture.mode, picture.size) == ("RGB", (30, 20))
