"""What a run writes down while it trains: log.jsonl, TensorBoard events, previews, and the status line."""

from __future__ import annotations

import json
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from i2i.status import Pace, StatusLine, duration, rate, summary

if TYPE_CHECKING:
    from torch import Tensor

LOG = "log.jsonl"
TENSORBOARD = "tensorboard"
PREVIEWS = "previews"


class RunLog:
    """The diary of a run: one JSON object a line in log.jsonl, the same numbers in TensorBoard, one status line.

    `steps_per_epoch` and `batch_size` may be set anew where a phase has sizes of its own.
    """

    def __init__(
        self,
        folder: Path,
        *,
        steps: int,
        batch_size: int,
        steps_per_epoch: float,
        first_step: int = 0,
        stream: TextIO | None = None,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the diary for appending; `first_step` is the step a resumed run goes on from. Raises OSError."""
        self.folder = folder
        self.steps = steps
        self.batch_size = batch_size
        self.steps_per_epoch = steps_per_epoch
        self._step = self._first_step = first_step
        self._terms: dict[str, float] = {}
        self._pace = Pace(clock)
        self._status = StatusLine(sys.stderr if stream is None else stream, quiet, clock)
        self.quiet = quiet
        self._file = (folder / LOG).open("a", encoding="utf-8", buffering=1)  # flushed at each line
        self._board: Any = None
        self._board_failed = False

    def step(self, step: int, phase: str, terms: Mapping[str, float] | None, waited: float) -> None:
        """Note a step that has just ended.

        `step` counts the batches done in the run, `terms` holds the losses when this step is logged and `waited` is
        the time in seconds that the step waited for its data.
        """
        self._step = step
        self._pace.add(phase, waited)
        if terms is not None:
            self._terms = dict(terms)
            seconds, waiting = self._pace.step_seconds, self._pace.waiting
            self._line(
                event="step",
                step=step,
                phase=phase,
                epoch=round(step / self.steps_per_epoch, 4),
                time=round(time.time(), 3),
                images_per_second=None if seconds is None else round(self.batch_size / seconds, 3),
                waiting=None if waiting is None else round(waiting, 4),
                terms={name: plain(value) for name, value in terms.items()},
            )
            self._tensorboard(lambda board: [board.add_scalar(n, v, step) for n, v in self._scalars().items()])
        if self._terms and (self._status.due or step >= self.steps):
            self._status.show(self._parts(step))

    def say(self, text: str, warning: bool = False) -> None:
        """Print a message without breaking the status line, and keep it in the log; quiet drops all but warnings."""
        if warning or not self.quiet:
            self._status.say(text)
        self.event("warning" if warning else "message", text=text)

    def event(self, kind: str, **fields: Any) -> None:
        """Write a line of another kind to log.jsonl: `{"event": kind, "step": ..., "time": ..., **fields}`."""
        self._line(**{"event": kind, "step": self._step, "time": round(time.time(), 3), **fields})

    def preview(self, step: int, rows: Sequence[Mapping[str, Tensor]]) -> Path:
        """Draw the sample sheet of a step, write it to `previews/` and to TensorBoard; return its path.

        `rows` are what `Model.preview` returns: for each example {title: image (C, H, W) in [-1, 1]}.
        """
        from i2i import previews

        picture = previews.sheet(rows)
        path = previews.save(self.folder / PREVIEWS, step, picture)
        self.event("preview", step=step, file=f"{PREVIEWS}/{path.name}")

        def add(board: Any) -> None:
            import numpy as np

            board.add_image("preview", np.asarray(picture), step, dataformats="HWC")

        self._tensorboard(add)
        return path

    def paused(self) -> AbstractContextManager[None]:
        """Leave the time of a block (a preview, a checkpoint) out of images/s; the ETA still counts it."""
        return self._pace.paused()

    def close(self) -> None:
        """Finish the line and the files. Closing twice does nothing."""
        self._status.close()
        self._tensorboard(lambda board: board.close(), opens=False)
        self._board, self._board_failed = None, True
        self._file.close()

    def _line(self, **fields: Any) -> None:
        self._file.write(json.dumps(fields, default=str, allow_nan=False) + "\n")

    def _scalars(self) -> dict[str, float]:
        seconds, waiting = self._pace.step_seconds, self._pace.waiting
        pace = {} if seconds is None or waiting is None else {
            "run/images_per_second": self.batch_size / seconds, "run/waiting": waiting,
        }  # fmt: skip
        return {**self._terms, **pace}

    def _parts(self, step: int) -> list[tuple[int, str]]:
        """The status line in order, each part with its rank: what a narrow terminal loses first has the highest."""
        seconds, waiting, left = self._pace.step_seconds, self._pace.waiting, self._pace.left(self.steps - step)
        parts = [(0, f"step {step:,}/{self.steps:,}"), (5, f"epoch {step / self.steps_per_epoch:.1f}")]
        if seconds is not None and waiting is not None:
            parts.append((2, f"{rate(self.batch_size / seconds)} images/s"))
            parts.append((4, f"waiting {waiting:.0%}"))
        if step < self.steps:
            parts += [] if left is None else [(1, f"ETA {duration(left)}")]
        return parts + [(3 if i < 3 else 6, text) for i, text in enumerate(summary(self._terms))]

    def _tensorboard(self, write: Callable[[Any], object], opens: bool = True) -> None:
        """Write to TensorBoard; whatever goes wrong there is said once and never ends a run."""
        if self._board_failed or (self._board is None and not opens):
            return
        try:
            if self._board is None:
                from torch.utils.tensorboard import SummaryWriter

                _silence_writers()
                place = self.folder / TENSORBOARD
                purge = self._first_step + 1 if place.exists() else None  # a viewer drops what a cut took away
                self._board = SummaryWriter(str(place), purge_step=purge)
            write(self._board)
        except Exception as error:
            self._board, self._board_failed = None, True
            self.say(f"No TensorBoard events from here on ({error}); log.jsonl and report.html go on.", warning=True)


def _silence_writers() -> None:
    """Keep TensorBoard's writing threads from printing tracebacks: their errors are raised again at the next write."""
    usual = threading.excepthook
    if getattr(usual, "of_i2i", False):
        return  # an earlier run of this process did it

    def hook(arguments: threading.ExceptHookArgs) -> None:
        if not type(arguments.thread).__module__.startswith("tensorboard."):
            usual(arguments)

    hook.of_i2i = True  # type: ignore[attr-defined]
    threading.excepthook = hook


def plain(value: float) -> float | str:
    """Make a number fit for JSON: one that is not finite becomes "nan", "inf" or "-inf", which `float` reads."""
    value = float(value)
    return value if math.isfinite(value) else str(value)


def read(folder: Path) -> Iterator[dict[str, Any]]:
    """Read a run's log.jsonl, line by line; lines that were torn by a crash are passed over."""
    try:
        file = (folder / LOG).open(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            if (entry := parse(line)) is not None:
                yield entry


def parse(line: str) -> dict[str, Any] | None:
    """Read one line of log.jsonl; None when it is torn."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and line.endswith("\n") else None


def cut(folder: Path, step: int) -> None:
    """Drop what a run logged after `step`: lines of log.jsonl (a torn one too) and previews. Raises OSError.

    TensorBoard's files stay; a `RunLog` opened with `first_step` tells the viewer to leave out what came later.
    """
    log = folder / LOG
    if log.exists():
        beside = log.with_name(LOG + ".new")
        with log.open(encoding="utf-8", errors="replace") as old, beside.open("w", encoding="utf-8") as new:
            for line in old:
                entry = parse(line)
                if entry is not None and _step_of(entry) <= step:
                    new.write(line)
            new.flush()
            os.fsync(new.fileno())
        os.replace(beside, log)
    from i2i import previews

    for path in previews.listed(folder / PREVIEWS):
        if previews.step_of(path) > step:
            path.unlink(missing_ok=True)


def last_step(folder: Path) -> int:
    """The step that a run's log has come to, read from the end of the file; 0 where it has none."""
    try:
        with (folder / LOG).open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - 100_000, 0))
            lines = file.read().decode("utf-8", "replace").splitlines(keepends=True)
    except OSError:
        return 0
    return int(next((_step_of(entry) for line in reversed(lines) if (entry := parse(line)) is not None), 0))


def _step_of(entry: Mapping[str, Any]) -> float:
    step = entry.get("step", 0)
    return step if isinstance(step, (int, float)) else 0
