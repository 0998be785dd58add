"""Measure a trained model: its figure on held-back pictures, a linear probe of its features, its own diagnosis."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
import torch
from torch import Tensor

from i2i import catalogue, figures, probe
from i2i.data import open_datasets
from i2i.data.dataset import Dataset
from i2i.data.stream import collate, permutation
from i2i.data.transforms import eval_transform
from i2i.device import Engine
from i2i.library import Found
from i2i.model import Batch, Model, evaluating
from i2i.options import Options, build
from i2i.plugins import registry
from i2i.preparing import configured, open_run
from i2i.run import STATE, Run, read_state
from i2i.settings import Settings
from i2i.spec import words

_BATCH = 32  # pictures that features are asked of at once


@dataclass(frozen=True)
class Evaluation:
    """A trained model with the data that it is measured on."""

    model: Model
    engine: Engine
    run: Run
    trained_on: bool  # whether the data is that of training
    pictures: str  # what of it is measured, in words

    def figures(self, metrics: Sequence[str], count: int) -> tuple[dict[str, float], int]:
        """Metrics by name, those that can tell, on so many pictures at most; and on how many that was."""
        made = figures.results(self.model, self.engine, self.run.shown(count)) if metrics else []
        values = {name: figures.measure(name, made) for name in metrics}
        return {name: value for name, value in values.items() if value is not None}, len(made)

    def diagnosis(self, count: int) -> dict[str, float]:
        """What the model says of itself, of as many pictures of training and held-back ones; only of its own data."""
        held_back = self.run.held_back
        if not self.trained_on or held_back is None:
            return {}
        with evaluating(self.model):
            return self.model.diagnose(self._batches(self._training(), count), self._batches(held_back, count))

    def nothing(self, name: str) -> str:
        """Why there is neither a figure nor a diagnosis of a model of that name, and what else can be measured."""
        run = self.run
        diagnosed = type(self.model).diagnose is not Model.diagnose
        if diagnosed and run.held_back is None:
            return f"{name} is measured on held-back pictures, and {run.data} has none; put some into test/"
        if diagnosed and not self.trained_on:
            return f"{name} is measured on the data that it was trained on; leave {run.data} out"
        probes = " but features, with --probe" if run.kind == "labelled" else "; look at what it draws or translates"
        return f"nothing is measured of {name} on {run.kind} data{probes}"

    def probe(self) -> dict[str, float]:
        """Accuracy of a linear classifier of the model's features, on what it was fitted to and on held-back pictures.

        Raises ValueError where the data has no classes or nothing is held back.
        """
        run = self.run
        if run.kind != "labelled" or run.spec.extra.get("labels") != "classes" or run.spec.parts:
            raise ValueError(f"--probe needs one set of pictures with classes, and {run.data} is none; leave it out")
        if run.held_back is None:
            raise ValueError(f"--probe needs held-back pictures, and {run.data} has none; put some into test/")
        training, held_back = self._features(self._training()), self._features(run.held_back)
        classifier = probe.fit(*training, run.spec.num_labels)
        return {
            "probe on training": classifier.accuracy(*training),
            "probe on held-back": classifier.accuracy(*held_back),
        }

    def _training(self) -> Dataset:
        """The pictures of training, resized as the held-back ones are: these are compared with them."""
        run = self.run
        kept = {} if type(self.model).sees_pieces else {"resize": run.settings.image_size}
        return open_datasets(run.roots, (run.kind,), "train", run.settings, run.data_options | kept)

    def _features(self, dataset: Dataset) -> tuple[Tensor, Tensor]:
        """Features (N, F) and labels (N,) of all pictures whose class is told."""
        found, labels = [], []
        with evaluating(self.model):
            for batch in self._batches(dataset, len(dataset)):
                known = batch["label"] >= 0
                found.append(self.model.features(batch["image"][known]).float().flatten(1).cpu())
                labels.append(batch["label"][known].cpu())
        return torch.cat(found), torch.cat(labels)

    def _batches(self, dataset: Dataset, count: int) -> Iterator[Batch]:
        """Some pictures of a split, the same ones each time, as training would see them without augmentation."""
        run = self.run
        pieces = type(self.model).sees_pieces
        transform = eval_transform(run.settings, run.spec.image_size, run.spec.value_range, pieces)
        chosen = permutation(0, 0, len(dataset))[:count]
        for first in range(0, len(chosen), _BATCH):
            some = [dataset.sample(int(i), np.random.default_rng(int(i)), transform) for i in chosen[first:][:_BATCH]]
            batch = collate(some)
            assert isinstance(batch, dict)
            yield self.engine.move(batch)


def choose_metrics(model: Model, kind: str, asked: Sequence[str]) -> list[str]:
    """The metrics to measure: those asked for, else the model's or its kind's. Raises LookupError for unknown ones."""
    names = [figures.choose(name, kind) for name in asked] or [figures.choose(model.metric, kind)]
    return [name for name in dict.fromkeys(names) if name]


@dataclass(frozen=True)
class _Origin:
    """What a model says of its training: as a run everything, as a bundle alone what its manifest holds."""

    options: Options
    settings: Settings
    data_options: dict[str, Any]
    data: str  # as it was typed
    roots: tuple[Path, ...]
    fingerprint: str = ""


def open_evaluation(model: Model, found: Found, data: Sequence[str], device: torch.device, splits: bool) -> Evaluation:
    """Open what a loaded model is measured on: the data that it was trained on, or `data`.

    Of other data without a split of its own every picture is measured, unless both `splits` are needed. Raises
    ValueError where the data is gone or does not fit, LookupError where a name leads nowhere.
    """
    manifest = found.manifest
    card = registry().model(manifest.model)
    origin = _origin(found, type(model))
    sets = len(manifest.spec.parts) or 1
    if data and len(data) != sets:
        raise ValueError(f"{found.path} was trained on {sets} data set{'s' * (sets > 1)}; name as many, or none")
    names = data or ([] if origin.roots or not origin.data else origin.data.split(" + "))
    roots = tuple(catalogue.resolve(name) for name in names) or origin.roots
    typed = f"i2i evaluate {quote(str(found.path))} DATA"
    if gone := ["said in it"] * (not roots) + [f"at {root} now" for root in roots if not root.is_dir()]:
        raise ValueError(f"the data of {found.path} is not {gone[0]}; name it: {typed}")
    name = " + ".join(data) or origin.data
    settings = origin.settings
    if manifest.data.get("kind") in ("unpaired", "labelled"):  # the same classes with the same numbers
        settings = dataclasses.replace(settings, domains=",".join(manifest.spec.domains))

    def opened(held_back: str) -> Run:
        return open_run(card, origin.options, settings, origin.data_options, name, roots, held_back)

    run = opened("test")
    if run.spec.channels != manifest.spec.channels:
        there, here = words(manifest.spec.channels), words(run.spec.channels)
        raise ValueError(f"{found.path} was trained on channels {there}, {name} has {here}; give data that fits")
    same = run.dataset.fingerprint() == origin.fingerprint
    if not (same or data or not origin.fingerprint):
        raise ValueError(
            f"the pictures in {words(list(map(str, roots)))} have changed since {found.path} was started, so some that "
            f"are held back now may have been trained on; to measure all the same: {typed}"
        )
    known = same or [root.resolve() for root in roots] == list(origin.roots) or name == origin.data
    whole = not (known or splits or run.dataset.divided)
    run = opened("all") if whole else run
    engine = Engine(device, "fp64" if any(w.dtype == torch.float64 for w in model.parameters()) else "fp32")
    told = "pictures" if whole else "held-back pictures" if run.held_back else "pictures of training"
    return Evaluation(engine.place(model), engine, run, known, told)


def _origin(found: Found, cls: type[Model]) -> _Origin:
    """Where a model comes from: of a bundle alone, its data by the name that was typed."""
    said = found.manifest
    if folder := run_of(found.path):
        saved = read_state(folder, whole=True)
        settings, options = configured(folder, cls)
        roots = tuple(map(Path, saved["roots"]))
        return _Origin(options, settings, saved["data_options"], saved["data"], roots, saved["fingerprint"])
    height, width = said.spec.image_size
    values = {name: said.data[name] for name in ("resize", "crop") if said.data.get(name) is not None}
    settings = build(Settings, values | {"image_size": height, "image_width": width if width != height else None})
    derived = {"derive": said.spec.extra["derive"]} if "derive" in said.spec.extra else {}
    return _Origin(build(cls.Options, said.options), settings, derived, said.data.get("name", ""), ())


def run_of(path: Path) -> Path | None:
    """The folder of the run that a path means, itself or that of a checkpoint; None where it means a bundle alone."""
    above = path.absolute().parent
    places = (path, above.parent) if above.name == "checkpoints" else (path,)
    return next((place for place in places if (place / STATE).is_file()), None)
