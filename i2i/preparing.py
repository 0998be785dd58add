"""Understand what is to be trained on what, before anything is written: options, data, and runs to go on with."""

from __future__ import annotations

import dataclasses
import math
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from i2i import bundle, catalogue, checkpoint, distributed, figures
from i2i.cards import ModelCard, import_target
from i2i.data import open_datasets
from i2i.data.check import check
from i2i.data.dataset import Dataset
from i2i.data.sizes import short_side
from i2i.model import Model
from i2i.options import Options, build, describe, nearest, read_toml
from i2i.plugins import load_class, registry
from i2i.run import CONFIG, Run, is_trained, read_state
from i2i.settings import Settings
from i2i.spec import words

CHANGEABLE = (  # run options that may differ when a run goes on
    "device",
    "precision",
    "threads",
    "workers",
    "compile",
    "time_limit",
    "checkpoint_every",
    "preview_every",
    "log_every",
)


def layers(
    card: ModelCard, cls: type[Model], given: Mapping[str, Any], config: Path | None
) -> tuple[Settings, Options, dict[str, Any]]:
    """Resolve options from their three layers: default (the run's, the model's, its small setting's), file, flag.

    Returns the run's settings, the model's options and the data options that were given. Raises LookupError for an
    unknown option, with the nearest, ValueError where `small` is asked for and the model has no such setting.
    """
    own = {field.name: field for field in describe(cls.Options)}
    run = {field.name: field for field in describe(Settings)}
    kinds = [import_target(registry().datasets()[kind].target) for kind in card.kinds if kind in registry().datasets()]
    of_data = {field.name: field for kind in kinds for field in describe(kind.Options) if field.name not in run}
    known = of_data | own | run

    asked: dict[str, Any] = {}
    file = read_toml(config) if config else {}
    if (other := file.pop("model", card.name)) != card.name:
        use = f"i2i train {shlex.quote(str(other))} DATA --config {shlex.quote(str(config))}"
        raise ValueError(f"{config} is for the model {other}, not {card.name}; use: {use}")
    file.pop("data", None)
    for layer, where in ((file, f"{config}: "), (given, "")):
        for key, value in layer.items():
            if key not in known:
                raise LookupError(f'{where}unknown option "{key}"{nearest(key, known)}')
            try:
                value = known[key].check(value)
            except ValueError as error:
                raise ValueError(f"{where}{error}") from None
            asked[key] = cls.Options.over(key, value, asked[key]) if key in asked and key in own else value
    small = _small(card, cls) if asked.get("small") else {}
    explicit = small.keys() | asked.keys()
    own_defaults = _options_of(Path(asked["init"]), card) if "init" in asked else {}
    values = dict(cls.run_defaults) | small | own_defaults
    for key, value in asked.items():
        values[key] = cls.Options.over(key, value, values.get(key, own[key].default)) if key in own else value
    if "resize" in cls.run_defaults and "resize" not in explicit and "image_size" in explicit:
        # The model's margin for random crops is a ratio: 286 for 256 is 143 for 128.
        usual = cls.run_defaults.get("image_size", run["image_size"].default)
        values["resize"] = round(values["image_size"] * cls.run_defaults["resize"] / usual)
    if "crop" in explicit and values["crop"] != "random" and "resize" not in explicit:
        values.pop("resize", None)
    settings = build(Settings, {k: v for k, v in values.items() if k in run})
    options = build(cls.Options, {k: v for k, v in values.items() if k in own})
    data_options = {k: str(v) if isinstance(v, Path) else v for k, v in values.items() if k in of_data}  # for TOML
    return settings, options, {k: v for k, v in data_options.items() if v is not None}


def _small(card: ModelCard, cls: type[Model]) -> dict[str, Any]:
    if not cls.small:
        raise ValueError(f"{card.name} has no small setting; leave --small out. Its options: i2i models {card.name}")
    return dict(cls.small)


def _options_of(init: Path, card: ModelCard) -> dict[str, Any]:
    """The model's options that the bundle of `--init` was made with: they are its defaults then, not to be repeated.

    Raises ValueError when the bundle is another model's.
    """
    manifest = bundle.read_manifest(bundle.resolve(init))
    if manifest.model != card.name:
        raise ValueError(f"--init {init} is a {manifest.model}, this run trains a {card.name}")
    return dict(manifest.options)


def prepare(model: str, names: str | Sequence[str], given: Mapping[str, Any], config: Path | None = None) -> Run:
    """Understand what is to be trained on what, and check it; write nothing.

    `names` are folders or names of the catalogue: one, or several where the model trains jointly.
    """
    card = registry().model(model)
    cls = load_class(card)
    settings, options, data_options = layers(card, cls, given, config)
    names = [names] if isinstance(names, str) else list(names)
    if len(names) > 1 and not cls.trains_jointly:
        raise ValueError(f"{card.name} trains on one data set, {len(names)} are named: {', '.join(names)}; name one")
    roots = tuple(catalogue.resolve(name) for name in names)
    run = open_run(card, options, settings, data_options, " + ".join(names), roots)
    if settings.keep_best and not (run.held_back and figures.choose(cls.metric, run.kind)):
        what = "no picture is held back" if not run.held_back else f"no figure suits {card.name} on {run.kind} data"
        raise ValueError(f"--keep-best has nothing to compare: {what}; leave it out")
    steps = settings.steps or math.ceil(settings.epochs * len(run.dataset) / settings.batch_size)
    run.planned = run.steps = steps
    run.dataset.notes += _warnings(run)
    if settings.batch_size % distributed.ranks_asked():
        ranks = distributed.ranks_asked()
        near = max(ranks, round(settings.batch_size / ranks) * ranks)
        raise ValueError(
            f"--batch-size {settings.batch_size} cannot be shared by {ranks} processes; use --batch-size {near}"
        )
    return run


def _warnings(run: Run) -> list[str]:
    """What `i2i data check` warns of; kinds from plugins are theirs to check."""
    derived = run.kind == "paired" and "derive" in run.data_options  # pairs made of photos: those are what is there
    kind = "images" if derived else run.kind
    notes = []
    for root in run.roots:
        with suppress(ValueError, LookupError):
            notes += [note for note in check(root, (kind,)).warnings if note not in run.dataset.notes]
    return notes


def open_run(
    card: ModelCard,
    options: Options,
    settings: Settings,
    data_options: dict[str, Any],
    name: str,
    roots: tuple[Path, ...],
    held_back: str = "test",
) -> Run:
    """Open the data and make the Run of it, without a folder yet; `held_back` is the split that it is judged by."""
    dataset = open_datasets(roots, card.kinds, "train", settings, data_options)
    if dataset.unlabelled and not load_class(card).takes_unlabelled:
        raise ValueError(_unlabelled(card, dataset, data_options))
    pieces = load_class(card).sees_pieces
    short = short_side(settings.resize, settings.image_size, settings.crop)
    kept = data_options | ({"resize": short} if pieces else {})
    judged = open_datasets(roots, (dataset.kind,), held_back, settings, kept)
    size, spec = settings.size, dataset.spec()
    parts = tuple(dataclasses.replace(part, image_size=size) for part in spec.parts)
    return Run(
        folder=Path(),
        card=card,
        options=options,
        settings=settings,
        data=name,
        roots=roots,
        kind=dataset.kind,
        data_options=data_options,
        dataset=dataset,
        held_back=judged if len(judged) else None,
        spec=dataclasses.replace(spec, image_size=size, parts=parts),
        planned=0,
        steps=0,
    )


def _unlabelled(card: ModelCard, dataset: Dataset, data_options: Mapping[str, Any]) -> str:
    flags = ["--labelled-share"] if data_options.get("labelled_share", 1) < 1 else []
    flags += ["--labels-per-class"] if "labels_per_class" in data_options else []
    way = f"leave out {' and '.join(flags)}" if flags else "move the folder of the unlabelled elsewhere"
    return (
        f"{dataset.unlabelled:,} of {len(dataset):,} pictures to train on have no label, and {card.name} needs one of "
        f"each; {way}"
    )


def configured(folder: Path, cls: type[Model], changes: Mapping[str, Any] | None = None) -> tuple[Settings, Options]:
    """The run's settings, with `changes`, and the model's options that a run's folder holds."""
    values = read_toml(folder / CONFIG)
    run, own = ({field.name for field in describe(known)} for known in (Settings, cls.Options))
    settings = {key: value for key, value in values.items() if key in run} | dict(changes or {})
    options = {key: value for key, value in values.items() if key in own}
    return build(Settings, settings, folder.name), build(cls.Options, options, folder.name)


def reopen(
    folder: Path,
    data: str | Sequence[str] | None,
    steps: int | None,
    lr_factor: float | None,
    changes: Mapping[str, Any],
) -> tuple[Run, checkpoint.State, Path]:
    """Open a run to go on with: the run, its newest whole checkpoint's state, and that checkpoint's folder.

    Raises ValueError when the run still runs, is finished (without `steps`), or its data is gone or has changed.
    """
    saved = read_state(folder, whole=True)
    if saved["state"] == "running" and is_trained(folder, patience=5):
        raise ValueError(f"{folder} is being trained by process {saved['pid']} on {saved['host']}; stop that one first")
    card = registry().model(saved["model"])
    cls = load_class(card)
    for key in changes:
        if key not in CHANGEABLE:
            raise LookupError(f'"{key}" cannot change when a run goes on; what can: {", ".join(CHANGEABLE)}')
    settings, options = configured(folder, cls, changes)

    data = [data] if isinstance(data, str) else list(data or ())
    if data and len(data) != len(saved["roots"]):
        raise ValueError(f"{folder} was trained on {len(saved['roots'])} data sets; give a --data for each")
    roots = tuple(catalogue.resolve(name) for name in data) or tuple(map(Path, saved["roots"]))
    again = f"i2i resume {shlex.quote(str(folder))}"
    if gone := [root for root in roots if not root.is_dir()]:
        new = " ".join("--data NEW" for _ in roots)
        raise ValueError(f"the data of {folder} is no longer at {gone[0]}; say where it is: {again} {new}")
    places = " ".join(f"--data {shlex.quote(str(root))}" for root in roots)
    try:
        run = open_run(card, options, settings, saved["data_options"], " + ".join(data) or saved["data"], roots)
    except ValueError as error:
        raise ValueError(f"the data of {folder} can no longer be read as it was: {error}") from None
    if run.dataset.fingerprint() != saved["fingerprint"] and not data:
        raise ValueError(
            f"the pictures in {words(list(map(str, roots)))} have changed since {folder} was started, so it would not "
            f"go on as it began; put them back, or accept the new ones with: {again} {places}"
        )
    place = checkpoint.newest(folder)
    state = checkpoint.read_state(place)
    if (trained := bundle.read_manifest(place).spec) != run.spec:
        raise ValueError(
            f"{words(list(map(str, roots)))} does not fit what {folder} was trained on: it has "
            f"{run.spec.unlike(trained)}; give data that fits, or start anew with: i2i train {card.name} "
            f"{shlex.join(map(str, roots))}"
        )
    run.folder, run.step, run.started = folder, state.step, saved["started"]
    run.planned, run.steps, run.lr_factor = saved["planned"], saved["steps"], saved["lr_factor"]
    run.figures = saved["figures"]
    _extend(run, steps, lr_factor)
    return run, state, place


def _extend(run: Run, steps: int | None, lr_factor: float | None) -> None:
    finished, again = run.step >= run.steps, f"i2i resume {shlex.quote(str(run.folder))}"
    if steps is None:
        if finished:
            raise ValueError(
                f"{run.folder} is finished: it has done its {run.steps:,} steps; "
                f"to train it further: {again} --steps {run.steps * 3 // 2}"
            )
        if lr_factor is not None:
            raise ValueError("--lr-factor is for the steps added to a finished run; give --steps too")
        return
    if not finished:
        raise ValueError(
            f"{run.folder} is at step {run.step:,} of {run.steps:,}; --steps extends a finished run only. "
            f"Go on first with: {again}"
        )
    if steps <= run.steps:
        raise ValueError(f"--steps {steps} is not beyond the {run.steps:,} steps done; give the new total")
    run.steps = steps
    run.lr_factor = 0.1 if lr_factor is None else lr_factor
