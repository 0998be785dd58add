"""A run: what is trained on what, how far it is, and the folder that says so.

config.toml       every option, resolved; `i2i train --config` reads it back
run.json          state, step, figures; rewritten as the run goes on
data.json         what the data was: kind, fingerprint, held-back files
environment.json  versions and devices
log.jsonl, tensorboard/, previews/, report.html
checkpoints/last, checkpoints/previous
"""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2i.log import LOG
from i2i.options import Options, Request, to_plain
from i2i.plugins import load_class
from i2i.schedule import Stretch, plan
from i2i.settings import Settings
from i2i.state import CONFIG as CONFIG
from i2i.state import STATE as STATE
from i2i.state import anew, check, is_bare

if TYPE_CHECKING:
    import torch
    from filelock import FileLock

    from i2i.bundle import Manifest
    from i2i.cards import ModelCard
    from i2i.data import Stream
    from i2i.data.dataset import Dataset
    from i2i.model import Model, Progress
    from i2i.spec import DataSpec


@dataclass
class Run:
    """Everything that stays the same through a run, and how far it is."""

    folder: Path
    card: ModelCard
    options: Options
    settings: Settings
    data: str  # as it was typed; of joint training "one + other"
    roots: tuple[Path, ...]  # more than one in joint training
    kind: str
    data_options: dict[str, Any]
    dataset: Dataset
    held_back: Dataset | None
    spec: DataSpec
    planned: int  # steps the run was started for
    steps: int  # steps it has now: more when it was extended
    lr_factor: float = 1.0  # learning rate of the added steps
    step: int = 0
    state: str = "running"
    started: float = field(default_factory=time.time)
    figures: dict[str, float] = field(default_factory=dict)
    examples: list[tuple[dict[str, Any], Any]] = field(default_factory=list)  # of the sample sheet

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    def steps_per_epoch(self) -> float:
        """Batches in a pass over the data."""
        return len(self.dataset) / self.settings.batch_size

    def stretches(self, model: Model) -> list[Stretch]:
        """The model's phases laid out over the run's steps."""
        return plan(model.phases(), self.settings, self.planned, self.steps - self.planned)

    def stream(self, stretch: Stretch, step: int, device: torch.device) -> Stream:
        """The endless batches of a phase from a step of the run on, this rank's slice."""
        from i2i import distributed
        from i2i.data import Stream
        from i2i.data.transforms import train_transform

        return Stream(
            self.dataset,
            train_transform(self.settings, stretch.image_size, self.spec.value_range),
            seed=self.settings.seed,
            batch_size=stretch.batch_size,
            first=stretch.first_sample + (step - stretch.first) * stretch.batch_size,
            rank=distributed.rank(),
            ranks=distributed.ranks(),
            workers=self.settings.workers,
            pin_memory=device.type == "cuda",
        )

    def progress(self, stretch: Stretch, device: torch.device) -> Progress:
        """Where the next step stands."""
        from i2i import distributed
        from i2i.model import Progress

        return Progress(
            stretch.phase,
            self.step - stretch.first,
            stretch.steps,
            stretch.extra,
            run_step=self.step,
            seed=self.settings.seed,
            rank=distributed.rank(),
            ranks=distributed.ranks(),
            device=device,
        )

    def manifest(self, model: Model) -> Manifest:
        """What a bundle of the model as it is now says of itself."""
        from i2i import bundle

        data = {"name": self.data, "kind": self.kind, "resize": self.settings.resize, "crop": self.settings.crop}
        return bundle.describe(
            self.card.name, model, data=data, licence=self.dataset.licence, step=self.step, figures=self.figures
        )

    def shown(self, count: int) -> list[tuple[dict[str, Any], Any]]:
        """Pictures and what to ask of a model for each: held-back ones, or of training where nothing is held back."""
        from i2i.data.transforms import eval_transform

        cls = load_class(self.card)
        transform = eval_transform(self.settings, self.spec.image_size, self.spec.value_range, cls.sees_pieces)
        examples = (self.held_back or self.dataset).examples(transform, count)
        own = cls.Request  # a kind of data knows only the base's fields
        return [
            (inputs, own(to=asked.to, seed=asked.seed) if type(asked) is Request else asked)
            for inputs, asked in examples
        ]

    def report(self) -> None:
        """Write report.html anew."""
        from i2i import report

        report.write(self.folder)

    def save_state(self) -> None:
        """Rewrite run.json."""
        values = {
            "format": 1,
            "model": self.card.name,
            "data": self.data,
            "roots": [str(root.resolve()) for root in self.roots],
            "kind": self.kind,
            "data_options": self.data_options,
            "fingerprint": self.dataset.fingerprint(),
            "state": self.state,
            "step": self.step,
            "steps": self.steps,
            "planned": self.planned,
            "lr_factor": self.lr_factor,
            "started": self.started,
            "updated": time.time(),
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "figures": self.figures,
        }
        write_text(self.folder / STATE, json.dumps(values, indent=1) + "\n")

    def data_record(self) -> dict[str, Any]:
        """What data.json says: where the data was, what it was, and what is held back."""
        return {
            "data": self.data,
            "roots": [str(root.resolve()) for root in self.roots],
            "kind": self.kind,
            "fingerprint": self.dataset.fingerprint(),
            "licence": self.dataset.licence,
            "spec": self.spec.to_json(),
            "notes": list(self.dataset.notes),
            "train": [path.as_posix() for path in self.dataset.files()],
            "held_back": [path.as_posix() for path in self.held_back.files()] if self.held_back else [],
        }

    def describe_data(self) -> list[str]:
        """What the data is, in lines for a person."""
        held_back = f"{len(self.held_back.files()):,} held back" if self.held_back else "none held back"
        between = f", {' and '.join(self.spec.domains)}" if self.spec.domains else ""
        first = f"{self.data}: {self.kind}, {len(self.dataset.files()):,} pictures to train on, {held_back}{between}"
        return [first, *self.dataset.notes]

    def config(self) -> dict[str, Any]:
        """Every option, resolved, in one flat table; the name is left out: it is the folder's."""
        values: dict[str, Any] = {"model": self.card.name, "data": self.data}
        values |= to_plain(self.settings) | self.data_options | to_plain(self.options) | {"steps": self.planned}
        values.pop("name", None)
        return values


def read_state(folder: Path, whole: bool = False) -> dict[str, Any]:
    """Read run.json; a run whose process is gone counts as stopped.

    Raises ValueError when the folder is no run, or its run.json is damaged: with `whole` also where a value is missing.
    """
    path = folder / STATE
    try:
        state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if is_bare(folder):
            raise ValueError(f"{folder} holds no step of a run; start it with: {anew(folder)}") from None
        raise ValueError(f"{folder} is not a run: it holds no {STATE}; i2i runs lists the runs here") from None
    except (ValueError, RecursionError) as error:
        way = "again" if is_bare(folder) else "anew with the run's weights"
        again = anew(folder, init=not is_bare(folder))
        raise ValueError(f"{path} is damaged: {error}; start {way}: {again}") from None
    check(path, state, whole)
    if state.get("state") == "running" and not is_trained(folder):
        state["state"] = "killed"
    return state


def lock(folder: Path) -> FileLock:
    """The lock that the process which trains a run holds; it falls when the process ends, however it ends."""
    from filelock import FileLock  # slow to import; every command imports this module

    return FileLock(folder / ".lock")


def hold(folder: Path) -> FileLock:
    """Take a run's lock. Raises ValueError when another process trains it."""
    held = lock(folder)
    try:
        held.acquire(blocking=False)
    except TimeoutError:  # filelock's Timeout is one
        raise ValueError(f"{folder} is being trained by another process; stop that one first") from None
    return held


def is_trained(folder: Path, patience: float = 0) -> bool:
    """Whether a process trains this run now, here or on another machine that shares the folder.

    Just after a kill its data workers still hold the lock, for a second or two; `patience` (seconds) outwaits them.
    """
    try:
        with lock(folder).acquire(timeout=patience):
            return False
    except TimeoutError:
        return True
    except OSError:
        return False  # a read-only folder: nobody trains there


def make_folder(settings: Settings, default: str) -> Path:
    """Make a new run folder, or take the one of --name where no run came to a step; a default name gets a number.

    Raises ValueError when --name is taken, OSError when there is no place.
    """
    if settings.name:
        folder = settings.out / settings.name
        if Path(settings.name).name != settings.name or settings.name in (".", ".."):
            raise ValueError(
                f"--name {settings.name} is no folder name; use --out for the place and --name for the name"
            )
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            again = f"go on with: i2i resume {shlex.quote(str(folder))}, or "
            if not is_bare(folder):
                way = again * (folder / STATE).exists()
                raise ValueError(f"{folder} is there already; {way}choose another --name") from None
            if is_trained(folder, patience=5):
                raise ValueError(f"{folder} is being trained by another process; choose another --name") from None
            (folder / LOG).unlink(missing_ok=True)
        except OSError as error:
            raise _no_place(settings, error) from None
        return folder
    base = re.sub(r"[^\w.-]+", "-", default).strip("-.") or "run"
    for number in range(1, 100_000):
        folder = settings.out / (base if number == 1 else f"{base}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
        except OSError as error:
            raise _no_place(settings, error) from None
    raise FileExistsError(f"{settings.out} is full of runs named {base}; choose another --name")


def _no_place(settings: Settings, error: OSError) -> OSError:
    return OSError(f"runs cannot be kept in {settings.out} ({error.strerror or error}); choose a place with --out")


def write_text(path: Path, text: str) -> None:
    """Write a file beside its place and rename it there, so that a reader sees the old or the new one whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.writing")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
