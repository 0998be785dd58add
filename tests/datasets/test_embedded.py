from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from i2i_datasets import embedded
from PIL import Image


@pytest.fixture(scope="module")
def textures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("textures")
    embedded.textures(folder)
    return folder


def read(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        return np.asarray(opened)


def test_three_domains_with_a_held_back_part(textures: Path) -> None:
    counts = {str(p.relative_to(textures)): len(list(p.iterdir())) for p in textures.glob("*/*")}
    names = ("grass", "gravel", "brick")
    assert counts == {f"train/{name}": 150 for name in names} | {f"test/{name}": 20 for name in names}
    for path in textures.rglob("*.png"):
        with Image.open(path) as opened:
            assert (opened.mode, opened.size) == ("L", (96, 96))


def test_the_same_pixels_on_every_machine(textures: Path) -> None:
    pixels = hashlib.sha256()
    for path in sorted(textures.rglob("*.png")):
        pixels.update(str(path.relative_to(textures)).encode())
        pixels.update(read(path).tobytes())
    assert pixels.hexdigest() == "e59f3aa81ea0a3aac90ab1897869b55c58c49ece0d857d0168500901d406b56f"


@pytest.mark.parametrize("name", ["grass", "gravel", "brick"])
def test_held_back_pixels_are_never_trained_on(name: str, textures: Path) -> None:
    picture = getattr(skimage.data, name)()  # (512, 512)
    corners = {picture[y, x : x + 96].tobytes(): (x, y) for y in range(417) for x in range(417)}  # first rows differ
    for split, low, high in (("train", 0, 384), ("test", 384, 512)):
        seen = set()
        for path in (textures / split / name).iterdir():
            crop = read(path)
            x, y = corners[crop[0].tobytes()]
            assert (picture[y : y + 96, x : x + 96] == crop).all()
            assert low <= x <= high - 96
            seen.add((x, y))
        assert len(seen) == len(list((textures / split / name).iterdir()))


def test_photographs_are_copied_as_they_are(tmp_path: Path) -> None:
    embedded.photos(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == set(embedded.PHOTOS)
    assert (read(tmp_path / "chelsea.png") == skimage.data.chelsea()).all()
    modes = set()
    for path in tmp_path.iterdir():
        with Image.open(path) as opened:
            modes.add(opened.mode)
    assert modes == {"L", "RGB"}


def test_a_stripped_installation_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(embedded, "PHOTOS", ("no_such.png",))
    with pytest.raises(FileNotFoundError, match=r"does not carry no_such\.png.*pip install --force-reinstall"):
        embedded.photos(tmp_path)
