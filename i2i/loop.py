"""The training loop, and `update`: the one place that back-propagates.

To follow one training step: here, `run_step` asks the model's `train_step` generator for updates and performs each;
what the updates are stands in the plugin's model.py.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from i2i import checkpoint, distributed
from i2i.device import Engine, fuse
from i2i.keeper import Due, Interrupt, Keeper
from i2i.model import Batch, Model, Progress, Terms, mix
from i2i.settings import interval

if TYPE_CHECKING:
    from i2i.log import RunLog
    from i2i.run import Run


def run_step(
    model: Model, optimizers: Mapping[str, Optimizer], batch: Batch, progress: Progress, engine: Engine
) -> dict[str, Tensor]:
    """Train on one batch: let the model compute, perform each update it asks for, in order.

    Returns the logged terms by `optimizer/term`, as scalar tensors without gradients.
    """
    seed = mix(progress.seed, progress.run_step, progress.rank)  # dropout and the like replay without saved states
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)

    model.train()
    logged: dict[str, Tensor] = {}
    updates = model.train_step(batch, progress)
    while True:
        with engine.autocast():  # one region per update: it caches cast weights, which a step makes stale
            request = next(updates, None)
        if request is None:
            return logged
        wanted = request if isinstance(request, dict) else {request[0]: request[1]}
        for name, terms in wanted.items():
            prefix = f"{name}/" if name else ""
            logged |= {f"{prefix}{term}": value.detach() for term, value in terms.items()}
        asked = {name: terms for name, terms in wanted.items() if name is not None}
        if asked:
            update(asked, optimizers, engine)


def update(asked: Mapping[str, Terms], optimizers: Mapping[str, Optimizer], engine: Engine) -> None:
    """Back-propagate each optimizer's terms into its own parameters, average over ranks, then step them all.

    All gradients come before the first step: the optimizers may share one graph. Raises LookupError for an optimizer
    that the phase does not have.
    """
    for name in asked:
        if name not in optimizers:
            raise LookupError(f'train_step updates "{name}", but this phase has the optimizers {", ".join(optimizers)}')
    names = list(asked)
    for name in names:
        optimizer, scaler = optimizers[name], engine.scaler(name)
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
        optimizer.zero_grad(set_to_none=True)
        loss = torch.stack([wide(term) for term in asked[name].values()]).sum()
        loss = scaler.scale(loss) if scaler else loss
        loss.backward(inputs=parameters, retain_graph=name != names[-1])
        distributed.average_gradients(parameters)
    for name in names:
        optimizer, scaler = optimizers[name], engine.scaler(name)
        if scaler is None:
            optimizer.step()
        else:
            before = scaler.get_scale()
            scaler.step(optimizer)
            scaler.update()
            engine.count_skipped(name, skipped=scaler.get_scale() < before)
    for name in names:
        optimizers[name].zero_grad(set_to_none=True)  # gradients need no memory while the next graph grows


def wide(term: Tensor) -> Tensor:
    """A loss in float32, or in float64 when it already is."""
    return term if term.dtype == torch.float64 else term.float()


def set_learning_rates(optimizers: Mapping[str, Optimizer], factor: float) -> None:
    """Set every learning rate to its initial value times a factor: a pure function of the step, never saved."""
    for optimizer in optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor


def fit(run: Run, model: Model, engine: Engine, log: RunLog | None, state: checkpoint.State | None = None) -> str:
    """Train a run from where it is to its end; return why it ended: "finished", "stopped" or "time is up".

    `log` is None on all ranks but the first; `state` is what a resumed run's checkpoint held. Raises NonFinite when a
    loss stops being a number, OSError when nothing can be written; the last checkpoint is then whole.
    """
    settings, started = run.settings, time.monotonic()
    save_due = Due(settings.checkpoint_every)
    preview_due = Due(settings.preview_every)
    seconds = interval(settings.time_limit, "--time-limit")[1] if settings.time_limit else math.inf
    optimizers: dict[str, Optimizer] = {}
    if state is not None:  # the optimizers of the phase that was saved; the loop carries their state over
        saved_phase = next(s.phase for s in run.stretches(model) if s.phase.name == state.phase)
        optimizers = model.optimizers(saved_phase)
        checkpoint.restore(state, model, optimizers, engine)

    with Interrupt(loud=log is not None and not log.quiet) as interrupt:
        for stretch in run.stretches(model):
            if run.step >= stretch.end:
                continue
            # Start the phase.
            phase = stretch.phase
            model.phase = phase.name
            before, optimizers = optimizers, model.optimizers(phase)
            fuse(optimizers)
            checkpoint.carry_over(before, optimizers)
            keeper = Keeper(run, model, engine, optimizers, log)
            if log:
                log.batch_size = stretch.batch_size
                log.steps_per_epoch = len(run.dataset) / stretch.batch_size
            if run.step == 0:
                keeper.save()
                keeper.preview()
            if run.step == stretch.first:
                keeper.with_batches(model.start, stretch)

            # Train.
            pending: dict[int, dict[str, Tensor]] = {}
            stream = run.stream(stretch, run.step, engine.device)
            try:
                while run.step < stretch.end:
                    batch = engine.move(next(stream))
                    progress = run.progress(stretch, engine.device)
                    in_extra = progress.step >= progress.steps - progress.extra
                    set_learning_rates(optimizers, run.lr_factor if in_extra else phase.lr(progress.fraction))
                    pending[run.step + 1] = run_step(model, optimizers, batch, progress, engine)
                    run.step += 1

                    # Decide together: clocks and signals differ between ranks.
                    late = time.monotonic() - started > seconds
                    wishes = [interrupt.asked, late, save_due(run.step), preview_due(run.step)]
                    stop, late, save, preview = distributed.agree(wishes, engine.device)
                    save = save or stop or late or run.step == stretch.end

                    # Log; a loss that is no number must never reach a checkpoint.
                    logged = run.step % settings.log_every == 0 or run.step == run.steps
                    terms = None
                    if logged or save or engine.device.type == "cpu":
                        terms = keeper.fetch(pending)
                        pending.clear()
                    if log:
                        log.step(run.step, phase.name, terms if logged else None, stream.take_waited())
                    if logged and terms is not None:
                        keeper.observe(progress, terms)

                    # Keep.
                    if run.step == stretch.end:
                        keeper.with_batches(model.finish, stretch)
                    if run.step == run.steps or late or (preview and settings.keep_best):
                        keeper.measure()
                    if save:
                        keeper.save()
                    if preview or run.step == run.steps:
                        keeper.preview()
                    if (stop or late) and run.step < run.steps:
                        return "stopped" if stop else "time is up"
            finally:
                stream.close()
    return "finished"
