"""`i2i evaluate` from its arguments to its exit, and what it measures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from typer.testing import CliRunner

import i2i
from i2i import catalogue, evaluation, preparing, probe, training
from i2i.cli import exit_code, make_app, message

QUICK: dict[str, Any] = {"precision": "fp32", "workers": 0, "device": "cpu", "steps": 3, "name": "run"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toys: Any) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trained(model: str, data: str, **options: Any) -> Path:
    run = preparing.prepare(model, data, QUICK | options)
    training.start(run, quiet=True)
    return run.folder


def evaluate(*arguments: str) -> tuple[int, str]:
    """Exit code, and what was printed or the error's sentence."""
    result = CliRunner().invoke(make_app(), ["evaluate", *arguments])
    if isinstance(result.exception, Exception) and not isinstance(result.exception, SystemExit):
        code = exit_code(result.exception)
        if code is None:
            raise result.exception
        return code, message(result.exception)
    return result.exit_code, result.output


def told(*arguments: str) -> dict[str, Any]:
    code, text = evaluate(*arguments, "--json", "--quiet")
    assert code == 0, text
    found: dict[str, Any] = json.loads(text)
    return found


def read(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "evaluation.json").read_text())
    return found


def test_the_figure_is_that_of_the_run_s_end(here: Path, pairs: Path) -> None:
    folder = trained("toy", str(pairs))
    figures = json.loads((folder / "run.json").read_text())["figures"]
    code, text = evaluate("run")
    assert code == 0
    assert "Measuring runs/run (step 3)" in text
    assert f"psnr  {figures['psnr']:.4g}" in text
    assert f"On 4 held-back pictures of {pairs}" in text
    (kept,) = read(folder)
    assert kept["figures"]["psnr"] == pytest.approx(figures["psnr"], abs=5e-5)
    assert {name: kept[name] for name in ("model", "step", "data", "pictures", "which")} == {
        "model": "runs/run",
        "step": 3,
        "data": str(pairs),
        "pictures": 4,
        "which": "held-back pictures",
    }


def test_the_bundle_alone_knows_its_data_and_size(here: Path, pairs: Path) -> None:
    folder = trained("toy", str(pairs))
    bundle = shutil.copytree(folder / "checkpoints" / "last", here / "alone")
    assert told("alone")["figures"] == told(str(folder))["figures"] == told(str(folder / "checkpoints/last"))["figures"]
    assert len(read(bundle)) == len(read(folder)) == 1
    assert not (folder / "checkpoints/last/evaluation.json").exists()
    values = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps(values | {"data": {}}))
    assert evaluate("alone")[1] == "The data of alone is not said in it; name it: i2i evaluate alone DATA"
    assert told("alone", str(pairs))["pictures"] == 12  # which were trained on, for all that it says


def test_a_run_without_its_data_asks_for_it(here: Path, pairs: Path) -> None:
    trained("toy", str(pairs), name="my run")
    pairs.rename(here / "moved")
    said = f"The data of runs/my run is not at {pairs} now; name it: i2i evaluate 'runs/my run' DATA"
    assert evaluate("my run")[1] == said
    assert told("my run", "moved")["which"] == "held-back pictures"


def identity(monkeypatch: pytest.MonkeyPatch, toys: Any) -> None:
    monkeypatch.setattr(toys.Toy, "translate", lambda self, inputs, request: inputs["source"].clone())


def grey_pairs(root: Path, values: dict[str, int]) -> Path:
    """Pairs of flat colours: sources of 0, targets of a value each; names may begin with test/."""
    for name, value in values.items():
        above, _, stem = name.rpartition("/")
        for side, shade in (("source", 0), ("target", value)):
            path = root / above / side / f"{stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(np.full((20, 20, 3), shade, np.uint8)).save(path)
    return root


def test_other_data_is_measured_whole_unless_it_is_divided(
    here: Path, pairs: Path, toys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = trained("toy", str(pairs))
    identity(monkeypatch, toys)

    def psnr(values: list[int]) -> float:
        return float(np.mean([10 * np.log10(255**2 / value**2) for value in values]))

    shades = [10, 20, 40, 80, 160]
    whole = grey_pairs(here / "whole", {str(number): shade for number, shade in enumerate(shades)})
    found = told("run", str(whole))
    assert (found["pictures"], found["which"]) == (5, "pictures")
    assert found["figures"]["psnr"] == pytest.approx(psnr(shades), rel=1e-5)
    divided = grey_pairs(here / "divided", {"train/1": 10, "train/2": 20, "test/3": 40, "test/4": 80})
    found = told("run", str(divided))
    assert (found["pictures"], found["which"]) == (2, "held-back pictures")
    assert found["figures"]["psnr"] == pytest.approx(psnr([40, 80]), rel=1e-5)
    copy = shutil.copytree(pairs, here / "copy")  # what was trained on is never measured, wherever it lies
    assert told("run", str(copy))["figures"] == told("run")["figures"]
    assert [each["data"] for each in read(folder)] == [str(path) for path in (whole, divided, copy, pairs)]


def test_metrics_are_chosen_by_name(here: Path, pairs: Path) -> None:
    trained("toy", str(pairs))
    found = told("run", "--metric", "psnr_y", "--metric", "psnr", "-n", "2")
    assert (list(found["figures"]), found["pictures"]) == (["psnr_y", "psnr"], 2)
    assert "there is no metric" in evaluate("run", "--metric", "psrn")[1].lower()
    code, text = evaluate("run", "--metric", "domain_progress")
    assert (code, text) == (
        2,
        f"domain_progress tells nothing of 4 held-back pictures of {pairs}; choose others with --metric, measure more "
        "with --samples, or look at features with --probe",
    )


def test_a_model_without_a_figure_says_what_there_is(here: Path, pairs: Path) -> None:
    trained("toy-flat", str(pairs / "source"))
    said = "Nothing is measured of toy-flat on images data; look at what it draws or translates"
    assert evaluate("run") == (2, said)
    assert "--probe needs one set of pictures with classes" in evaluate("run", "--probe")[1]


@pytest.fixture
def digits(here: Path) -> Path:
    """A run on scikit-learn's digits that is told some of the labels."""
    return trained("toy-classes", "digits", labels_per_class=20)


def test_a_probe_of_features_and_the_models_own_diagnosis(digits: Path) -> None:
    found = told("run", "--probe", "-n", "50")["figures"]
    assert found["pictures of training"] == found["pictures of held back"] == 50

    def split(name: str) -> tuple[torch.Tensor, torch.Tensor]:
        from i2i.data.labelled import Labelled

        options = Labelled.Options(labels_per_class=20)
        items = [item for item in Labelled(catalogue.get("digits"), name, options).items if item.label != -1]
        pixels = [np.asarray(PIL.Image.open(catalogue.get("digits") / item.key), float) for item in items]
        means = torch.tensor(np.stack(pixels)).view(-1, 2, 4, 2, 4).mean((2, 4)).flatten(1) / 127.5 - 1
        return means.float(), torch.tensor([item.label for item in items])

    train, test = split("train"), split("test")
    assert (len(train[0]), len(test[0])) == (200, 297)
    classifier = probe.fit(*train, 10)
    assert found["probe on training"] == pytest.approx(classifier.accuracy(*train), abs=1e-9)
    assert found["probe on held-back"] == pytest.approx(classifier.accuracy(*test), abs=1e-9)
    assert 0.3 < found["probe on held-back"] < found["probe on training"]


def test_what_was_not_trained_on_is_not_diagnosed(here: Path, digits: Path, domains: Path) -> None:
    root = here / "other"
    for digit in range(10):
        for number in range(4):
            path = root / str(digit) / f"{digit}{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(np.full((8, 8), 25 * digit, np.uint8)).save(path)
    found = told("run", str(root), "--probe")
    assert set(found["figures"]) == {"probe on training", "probe on held-back"}
    assert found["figures"]["probe on training"] > 0.3
    said = f"toy-classes is measured on the data that it was trained on; leave {root} out"
    assert evaluate("run", str(root)) == (2, said)
    assert 'has no class or attribute "0"' in evaluate("run", str(domains), "--probe")[1]


def test_where_nothing_is_held_back_the_diagnosis_says_so(
    here: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens = evaluation.open_evaluation

    def opened(*given: Any, **named: Any) -> evaluation.Evaluation:
        found = opens(*given, **named)
        found.run.held_back = None
        return found

    monkeypatch.setattr(evaluation, "open_evaluation", opened)
    said = "toy-classes is measured on held-back pictures, and digits has none; put some into test/"
    assert evaluate("run") == (2, said)


def test_a_bundle_of_some_classes_is_measured_on_these(here: Path, toys: Any) -> None:
    folder = trained("toy-classes", "digits", domains="7,3")
    shutil.copytree(folder / "checkpoints" / "last", here / "alone")
    found = told("run", "--probe")["figures"]
    assert found == told("alone", "--probe")["figures"]
    assert found["probe on held-back"] > 0.8


def test_pictures_that_have_changed_are_not_taken_for_held_back(here: Path, pairs: Path) -> None:
    trained("toy", str(pairs))
    for side in ("source", "target"):
        shutil.copy(pairs / side / "00.png", pairs / side / "new.png")
    code, said = evaluate("run")
    assert (code, f"The pictures in {pairs} have changed since runs/run was started" in said) == (2, True)
    assert told("run", str(pairs))["which"] == "held-back pictures"


def test_a_model_without_features_is_not_probed(
    here: Path, digits: Path, toys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toys.Classes, "features", i2i.Model.features)
    assert evaluate("run", "--probe") == (2, "Classes has no features to probe; leave out --probe")


def test_data_that_does_not_fit_is_refused(here: Path, pairs: Path) -> None:
    trained("toy", str(pairs))
    for side in ("source", "target"):
        (here / "gray" / side).mkdir(parents=True)
        for number in range(4):
            PIL.Image.fromarray(np.full((20, 20), 9 * number, np.uint8)).save(here / "gray" / side / f"{number}.png")
    said = evaluate("run", "gray")[1]
    assert "was trained on channels source 3, target 3, gray has source 1, target 1; give data that fits" in said
    assert "was trained on 1 data set; name as many, or none" in evaluate("run", "gray", "gray")[1]


def test_a_place_that_cannot_be_written_costs_the_record_alone(here: Path, pairs: Path) -> None:
    folder = trained("toy", str(pairs))
    (folder / "evaluation.json").mkdir()
    code, text = evaluate("run")
    assert (code, "psnr" in text, "evaluation.json could not be written" in text) == (0, True, True)
