"""Going on and starting from earlier runs: what does not fit is said in words, with the way on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from i2i import library, preparing, training

QUICK: dict[str, Any] = {"precision": "fp32", "workers": 0, "device": "cpu"}


def train(data: Path, name: str, **options: Any) -> Path:
    values = {"steps": 4, "out": data.parent / "runs", "name": name} | QUICK | options
    run = preparing.prepare("toy", str(data), values)
    training.start(run)
    return run.folder


def gray(folder: Path) -> Path:
    """Pairs like those of the fixture, of one channel."""
    for side in ("source", "target"):
        (folder / side).mkdir(parents=True)
        for number in range(8):
            PIL.Image.fromarray(np.full((20, 20), 9 * number, np.uint8)).save(folder / side / f"{number:02}.png")
    return folder


def test_data_that_does_not_fit_a_run_is_described_in_words(toys: Any, pairs: Path) -> None:
    folder = train(pairs, "run")
    other = gray(pairs.parent / "gray")
    with pytest.raises(
        ValueError, match=r"channels .*source 1.* instead of .*source 3.*; give data that fits"
    ) as caught:
        preparing.reopen(folder, str(other), 6, None, {})
    assert "DataSpec" not in str(caught.value)
    assert f"i2i train toy {other}" in str(caught.value)


def test_weights_that_do_not_fit_name_the_reason(toys: Any, pairs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first = train(pairs, "first")
    other = preparing.prepare("toy", str(gray(pairs.parent / "gray")), QUICK | {"steps": 3, "init": first})
    with pytest.raises(ValueError, match=r"trained on channels .*source 3.*, this data has .*source 1"):
        training.make_model(other)
    wider = preparing.prepare("toy", str(pairs), QUICK | {"steps": 3, "init": first, "width": 9, "image_size": 32})
    with pytest.raises(ValueError, match=r"with other options; give the same: --image-size 16 --width \d"):
        training.make_model(wider)
    capfd.readouterr()
    train(pairs, "second", init=first)
    assert f"starting from the weights of {first} (step 4" in capfd.readouterr().err


def test_held_back_pictures_are_cut_at_the_scale_of_training_for_a_model_of_pieces(
    toys: Any, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ramp = np.repeat(np.arange(20, dtype=np.uint8)[:, None, None] * 12, 20, 1).repeat(3, 2)  # a row, a value
    for side in ("source", "target"):
        for path in (pairs / side).iterdir():
            PIL.Image.fromarray(ramp).save(path)
    rows = {}
    for pieces in (False, True):
        monkeypatch.setattr(toys.Toy, "sees_pieces", pieces)
        run = preparing.prepare("toy", str(pairs), QUICK | {"steps": 3})  # 16 pixels, of pictures kept with 20
        (inputs, _), *_ = run.shown(1)
        rows[pieces] = (inputs["source"][0, 0, :, 0] + 1) * 127.5 / 12
    assert rows[True].tolist() == pytest.approx(list(range(2, 18)), abs=1e-4)  # the middle, as it is
    assert rows[False][-1] - rows[False][0] > 17.5  # the whole, shrunk


def test_a_small_run_goes_on_without_the_setting(toys: Any, pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toys.Toy, "small", {"width": 2, "image_size": 8})
    folder = train(pairs, "run", small=True)
    monkeypatch.setattr(toys.Toy, "small", {})
    run, _, _ = preparing.reopen(folder, None, 6, None, {})
    assert (run.options.width, run.settings.image_size, run.settings.resize) == (2, 8, 10)  # type: ignore[attr-defined]


def test_steps_beyond_the_plan_are_announced(toys: Any, pairs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = train(pairs, "run")
    for steps, factor in ((6, 0.1), (8, 0.5)):
        training.start(*preparing.reopen(folder, None, steps, factor, {}))
        said = capfd.readouterr().err
        assert f"of {steps}, beyond the 4 planned, at a constant {factor} times the learning rate" in said


@pytest.mark.parametrize(("key", "value"), [("steps", "4"), ("roots", "pairs"), ("lr_factor", None), ("roots", [])])
def test_a_run_whose_record_is_damaged_says_so(toys: Any, pairs: Path, key: str, value: Any) -> None:
    folder = train(pairs, "run")
    whole = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(whole | {key: value}))
    with pytest.raises(ValueError, match=rf"run\.json is damaged: its {key} is .*; put that right by hand"):
        preparing.reopen(folder, None, 6, None, {})
    del whole[key]
    (folder / "run.json").write_text(json.dumps(whole))
    with pytest.raises(ValueError, match=rf"run\.json is damaged: it has no {key}"):
        preparing.reopen(folder, None, 6, None, {})
    assert library.find(str(folder), None).manifest.step == 4  # translating needs no record


def test_photos_that_pairs_are_made_of_are_checked_as_photos(toys: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("train/a", "train/b", "test/c"):
        path = tmp_path / "photos" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(path)
    (tmp_path / "photos/test/again.png").write_bytes((tmp_path / "photos/train/a.png").read_bytes())
    notes = preparing.prepare("toy", str(tmp_path / "photos"), QUICK | {"steps": 1, "derive": "gray"}).dataset.notes
    assert any("both trained on and held back" in note for note in notes)
    assert any(note.startswith("2 training pictures") for note in notes)
    assert not any("partner" in note or "pairs" in note for note in notes)


@pytest.mark.parametrize(
    ("options", "way"),
    [
        ({"labelled_share": 0.5}, "leave out --labelled-share"),
        ({"labels_per_class": 1}, "leave out --labels-per-class"),
        ({}, "move the folder of the unlabelled elsewhere"),
    ],
)
def test_pictures_without_a_label_are_for_models_that_take_them(
    toys: Any, domains: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], way: str
) -> None:
    root = shutil.copytree(domains, tmp_path / "set")
    if not options:
        shutil.copytree(root / "day", root / "unlabelled")
    assert preparing.prepare("toy-classes", str(root), QUICK | options).dataset.unlabelled > 0
    monkeypatch.setattr(toys.Classes, "takes_unlabelled", False)
    with pytest.raises(ValueError, match=f"to train on have no label, and toy-classes needs one of each; {way}"):
        preparing.prepare("toy-classes", str(root), QUICK | options)


def test_only_models_that_train_jointly_take_several_data_sets(toys, pairs):
    with pytest.raises(ValueError, match="toy trains on one data set, 2 are named: "):
        preparing.prepare("toy", [str(pairs), str(pairs)], QUICK)
