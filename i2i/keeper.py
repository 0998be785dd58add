"""What the loop does beside training: fetch and check losses, save, preview, notice clocks and signals."""

from __future__ import annotations

import itertools
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from i2i import bundle, checkpoint, distributed, figures
from i2i.device import Engine
from i2i.model import Model, Phase, Progress, Watch, evaluating
from i2i.plugins import registry
from i2i.settings import interval

if TYPE_CHECKING:
    from i2i.log import RunLog
    from i2i.run import Run, Stretch


MEASURED = 40  # held-back pictures that the run's figure is measured on, at most


class NonFinite(FloatingPointError):
    """A loss is NaN or infinite; `terms` names which."""

    def __init__(self, terms: Mapping[str, float], step: int) -> None:
        self.terms = dict(terms)
        self.step = step
        super().__init__(f"{' and '.join(f'{name} became {value}' for name, value in terms.items())} at step {step:,}")


class Due:
    """Says when something that comes every N steps or every so often is due."""

    def __init__(self, every: str) -> None:
        self._kind, self._amount = interval(every, "interval")
        self._last = time.monotonic()

    def __call__(self, step: int) -> bool:
        """Whether it is due after this step; being due starts the next interval."""
        if self._kind == "steps":
            return step % int(self._amount) == 0
        if time.monotonic() - self._last < self._amount:
            return False
        self._last = time.monotonic()
        return True


class Interrupt:
    """Turns the first Ctrl-C, SIGTERM or closed terminal into a wish to stop after the step.

    A second Ctrl-C ends the process. `loud` says on stderr that the wish was heard: a step can take long.
    """

    def __init__(self, loud: bool = False) -> None:
        self.asked = False
        self.loud = loud
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", None)):
                if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup's wish stands
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            os._exit(130)
        if self.loud and not self.asked and sys.stderr is not None:  # else 2 may be any file
            with suppress(OSError):  # past Python's buffers, which may be in the middle of a line
                os.write(2, b"\nSaving after this step; Ctrl-C again quits at once, without saving.\n")
        self.asked = True


class Watcher:
    """Says a model's advice, once, when a watched term stays beyond its bound for long enough."""

    def __init__(self, watches: Iterable[Watch]) -> None:
        self._since: dict[Watch, int | None] = dict.fromkeys(watches)
        self._said: set[Watch] = set()

    def look(self, step: int, terms: Mapping[str, float]) -> list[str]:
        """Look at the terms logged at a step; return what is to be said."""
        advice = []
        for watch in self._since:
            value = terms.get(watch.term)
            low = watch.below is not None and value is not None and value < watch.below
            high = watch.above is not None and value is not None and value > watch.above
            if not (low or high):
                self._since[watch] = None
                continue
            since = self._since[watch]
            if since is None:
                self._since[watch] = since = step
            if step - since >= watch.steps and watch not in self._said:
                self._said.add(watch)
                bound = f"below {watch.below:g}" if low else f"above {watch.above:g}"
                advice.append(f"{watch.term} has been {bound} for {step - since:,} steps: {watch.advice}")
        return advice


class Keeper:
    """Keeps a phase's results: losses to the log, weights to checkpoints, pictures to previews."""

    def __init__(
        self, run: Run, model: Model, engine: Engine, optimizers: Mapping[str, Optimizer], log: RunLog | None
    ) -> None:
        self.run, self.model, self.engine, self.optimizers, self.log = run, model, engine, optimizers, log
        self.watcher = Watcher(model.watches)
        self._failed: set[str] = set()  # hooks whose failure was told

    def fetch(self, pending: Mapping[int, Mapping[str, Tensor]]) -> dict[str, float]:
        """Fetch the losses of the steps since the last fetch in one transfer; return those of the last step.

        Raises NonFinite at the first that is NaN or infinite. In float16 that is an overflow, which the scaler handles.
        """
        keys = [(step, name) for step, terms in pending.items() for name in terms]
        if not keys:
            return {}
        kind = torch.float32 if self.engine.device.type == "mps" else torch.float64  # MPS has no float64
        stacked = torch.stack([pending[step][name].to(kind) for step, name in keys])
        values = dict(zip(keys, distributed.average(stacked).tolist(), strict=True))
        for step in pending:
            bad = {name: value for (at, name), value in values.items() if at == step and not math.isfinite(value)}
            if bad and self.engine.precision != "fp16":
                raise NonFinite(bad, step)
        last = max(pending)
        fetched = {name: value for (step, name), value in values.items() if step == last}
        if self.engine.precision == "fp16":
            fetched["skipped updates"] = self.engine.overflows
        return fetched

    def observe(self, progress: Progress, terms: dict[str, float]) -> None:
        """Give advice and let plugins see a logged step. An observer that fails is reported and stops nothing."""
        if self.log is None:
            return
        for advice in self.watcher.look(self.run.step, terms):
            self.log.say(advice, warning=True)
        try:
            registry().manager.hook.step_finished(run=self.run, progress=progress, losses=dict(terms))
        except Exception as error:
            self._tell("step_finished", error)

    def save(self) -> None:
        """Write a checkpoint and the run's state."""
        if self.log is not None:
            with self.log.paused():
                manifest = self.run.manifest(self.model)
                path = checkpoint.save(self.run.folder, self.model, manifest, self.optimizers, self.engine)
                self.run.save_state()
                self.log.event("checkpoint", phase=self.model.phase)
                self._saved(path)
        distributed.barrier()

    def _saved(self, path: Path) -> None:
        try:
            registry().manager.hook.checkpoint_saved(run=self.run, bundle=path)
        except Exception as error:
            self._tell("checkpoint_saved", error)

    def _tell(self, hook: str, error: Exception) -> None:
        """Say that a plugin's observer failed; once, for it will fail again at the next step."""
        if self.log is not None and hook not in self._failed:
            self._failed.add(hook)
            self.log.say(f"a plugin's {hook}() failed: {type(error).__name__}: {error}", warning=True)

    def preview(self) -> None:
        """Draw the sample sheet and the report. Leaves no trace in the training state."""
        if self.log is not None and self.run.examples:
            with self.log.paused(), evaluating(self.model), self.engine.autocast():
                examples = [(self._question(inputs), request) for inputs, request in self.run.examples]
                rows = [{k: v.float().cpu() for k, v in row.items()} for row in self.model.preview(examples)]
                self.log.preview(self.run.step, rows)
                self.run.report()
        distributed.barrier()

    def measure(self) -> None:
        """Measure the run's figure on held-back pictures: before its last checkpoint, and wherever --keep-best asks."""
        if self.log is not None and self.run.held_back is not None:
            figure = None
            try:
                with self.log.paused():
                    figure = self._measure()
            except Exception as error:  # the metric may be a plugin's; training is not lost for a figure
                self.log.say(f"no figure was measured: {type(error).__name__}: {error}", warning=True)
            if figure is not None:
                metric, value, count = figure
                best = " (the best so far)" if self.run.settings.keep_best and self._keep_best(metric, value) else ""
                self.log.say(f"{metric} {value:.4g} on {count} held-back pictures{best}")
        distributed.barrier()

    def _measure(self) -> tuple[str, float, int] | None:
        """The metric, what it is, and on how many pictures; None where there is nothing to tell."""
        metric = figures.choose(self.model.metric, self.run.kind)
        if not metric:
            return None
        results = figures.results(self.model, self.engine, self.run.shown(MEASURED))
        value = figures.measure(metric, results) if results else None
        if value is None:
            return None
        self.run.figures[metric] = round(value, 4)
        return metric, value, len(results)

    def _keep_best(self, metric: str, value: float) -> bool:
        """Keep the weights as they are as checkpoints/best, unless the figure was better before."""
        best = self.run.folder / "checkpoints" / "best"
        if bundle.is_whole(best):
            before = bundle.read_manifest(best).figures.get(metric)
            if before is not None and not figures.is_better(metric, round(value, 4), before):
                return False
        checkpoint.save_best(self.run.folder, self.model, self.run.manifest(self.model))
        return True

    def _question(self, sample: Any) -> Any:
        return self.model.question(self.engine.move(sample))

    def with_batches(self, look: Callable[[Phase, Iterable[Any]], None], stretch: Stretch) -> None:
        """Let a model look at data at a phase's start or end, if it has overridden the method that does."""
        name = look.__name__
        if getattr(type(self.model), name) is getattr(Model, name):
            return
        stream = self.run.stream(stretch, self.run.step, self.engine.device)
        try:
            with torch.no_grad():
                look(stretch.phase, (self.engine.move(batch) for batch in itertools.islice(stream, stretch.steps)))
        finally:
            stream.close()
