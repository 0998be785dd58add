"""Start and resume runs: from a model's name and a folder of pictures to a run folder with a trained bundle."""

from __future__ import annotations

import dataclasses
import errno
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomli_w
import torch

from i2i import bundle, checkpoint, distributed, environment, notes
from i2i.data.stream import LOST_WORKER, lost_worker
from i2i.device import Engine, choose_device, choose_precision, compile_networks, configure
from i2i.errors import DataLost, Stopped
from i2i.keeper import NonFinite
from i2i.log import RunLog, cut
from i2i.loop import fit
from i2i.manifest import Manifest
from i2i.model import Model, mix
from i2i.options import to_plain
from i2i.plugins import load_class
from i2i.preparing import prepare, reopen
from i2i.run import CONFIG, Run, hold, make_folder, write_text
from i2i.schedule import check_sizes
from i2i.spec import words

PREVIEW_EXAMPLES = 6  # rows of the sample sheet


def train(
    model: str, data: str | Path | Sequence[str | Path], *, config: Path | str | None = None, **options: Any
) -> Path:
    """Train a model on a data set and return the run's folder, which `i2i.load` reads.

    `data` is a folder or a name of the catalogue, or several where the model trains jointly. Options are those of
    `i2i train MODEL --help`, with underscores. Raises LookupError for an unknown model, data set or option, ValueError
    for a bad value or unusable data, Stopped when a loss stops being a number or nothing can be written,
    KeyboardInterrupt after Ctrl-C has been honoured.
    """
    names = [data] if isinstance(data, (str, Path)) else data
    run = prepare(model, [str(name) for name in names], options, Path(config) if config else None)
    start(run)
    return run.folder


def resume(
    run: Path | str,
    *,
    data: Path | str | Sequence[Path | str] | None = None,
    steps: int | None = None,
    lr_factor: float | None = None,
    **changes: Any,
) -> Path:
    """Go on with a run from its newest whole checkpoint, exactly where it stood, and return its folder.

    `data` names the data's new place (of joint training, all places); `steps`, a new total, extends a finished run at a
    constant learning rate of `lr_factor` (0.1) times its own. `changes` may be device, precision, workers, compile,
    time_limit, checkpoint_every, preview_every and log_every. Raises as `train` does.
    """
    names = [data] if isinstance(data, (str, Path)) else data or ()
    opened, state, place = reopen(Path(run), [str(name) for name in names], steps, lr_factor, changes)
    start(opened, state, place)
    return opened.folder


def start(run: Run, state: checkpoint.State | None = None, place: Path | None = None, quiet: bool = False) -> None:
    """Train an opened run; a resumed one comes with its checkpoint's state and folder. Raises as `train` does."""
    device = distributed.setup(choose_device(run.settings.device))
    configure(device, run.settings.deterministic)
    threads = run.settings.threads or (state.threads if state is not None else None)
    if threads is not None:
        torch.set_num_threads(threads)  # another number adds up in another order
    model = make_model(run, resumed=state is not None)
    engine = Engine(device, choose_precision(run.settings.precision, device, model))
    resolved: dict[str, Any] = {"device": device.type, "precision": engine.precision}
    run.settings = dataclasses.replace(run.settings, **resolved)
    engine.place(model)
    if state is not None and place is not None:
        bundle.read_weights(model, place)
    distributed.broadcast_(model.state_dict().values())
    if run.settings.compile:
        compile_networks(model)

    log, lock = None, None
    if distributed.rank() == 0 and state is None:
        sets = "-".join(root.absolute().name for root in run.roots)
        run.folder = make_folder(run.settings, f"{run.card.name}-{sets}")
    run.folder = Path(distributed.share(str(run.folder)))
    if distributed.rank() == 0:
        lock = hold(run.folder)
        log = _begin(run, model, engine, state, quiet)
    ended = "failed"
    try:
        with notes.kept_in(log):
            ended = fit(run, model, engine, log, state)
    except NonFinite as error:
        raise Stopped(f"{error}. {_kept(run)}{_advice(run, engine)}") from error
    except FloatingPointError as error:
        raise Stopped(f"{error}. {_kept(run)}") from error
    except DataLost as error:
        raise Stopped(f"{error}. {_kept(run)}") from error
    except RuntimeError as error:
        if not lost_worker(error):
            raise
        raise Stopped(f"{LOST_WORKER}. {_kept(run)}") from error
    except OSError as error:
        reason = error.strerror or str(error)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        way = "Free some space, then go on" if full else "Go on"
        raise Stopped(f"Nothing more can be written to {run.folder}: {reason}. {_kept(run, way)}") from error
    finally:
        if log is not None:
            _end(run, log, ended)
        if lock is not None:
            lock.release()
        distributed.shutdown()
    if ended == "stopped":
        raise KeyboardInterrupt


def make_model(run: Run, resumed: bool = False) -> Model:
    """Build the run's model with its seeded first weights, or those of `--init`; a resumed one gets its own later."""
    torch.manual_seed(mix(run.settings.seed))
    model: Model = load_class(run.card)(run.options, run.spec)
    check_sizes(model, run.stretches(model))  # these before anything is written
    for stretch in run.stretches(model):
        model.check_batch(stretch.phase, stretch.batch_size)
    model.check_training()
    if run.settings.init is not None and not resumed:
        folder = bundle.resolve(run.settings.init)
        try:
            bundle.read_weights(model, folder, partial=True)
        except bundle.BadBundle as error:
            raise ValueError(f"{error}{_other_origin(run, bundle.read_manifest(folder))}") from None
    return model


def _other_origin(run: Run, manifest: Manifest) -> str:
    """What of a bundle's data and options is not this run's, where its weights do not fit; empty when all is."""
    if manifest.spec.channels != run.spec.channels:
        return f". It was trained on channels {words(manifest.spec.channels)}, this data has {words(run.spec.channels)}"
    there = {name: value for name, value in to_plain(run.options).items() if manifest.options.get(name, value) != value}
    flags = [f"--{name.replace('_', '-')} {words(manifest.options[name]).replace(',', '')}" for name in there]
    if (size := manifest.spec.image_size) != run.spec.image_size:
        flags.insert(0, f"--image-size {size[0]}" + (f" --image-width {size[1]}" if size[1] != size[0] else ""))
    return f". It was trained with other options; give the same: {' '.join(flags)}" if flags else ""


def _begin(run: Run, model: Model, engine: Engine, state: checkpoint.State | None, quiet: bool) -> RunLog:
    """Write into the run's folder what it was started with, and say so."""
    settings = run.settings
    if state is None:
        write_text(run.folder / CONFIG, tomli_w.dumps(run.config()))
    else:
        cut(run.folder, run.step)
    write_text(run.folder / "environment.json", json.dumps(environment.describe(), indent=1) + "\n")
    write_text(run.folder / "data.json", json.dumps(run.data_record(), indent=1, ensure_ascii=False) + "\n")
    run.state = "running"
    run.save_state()
    log = RunLog(
        run.folder,
        steps=run.steps,
        batch_size=settings.batch_size,
        steps_per_epoch=run.steps_per_epoch(),
        first_step=run.step,
        quiet=quiet,
    )
    run.examples = run.shown(PREVIEW_EXAMPLES)

    weights = sum(p.numel() for p in model.parameters())
    ranks = f", {settings.batch_size // distributed.ranks()} on each of {distributed.ranks()}" * (
        distributed.ranks() > 1
    )
    log.say(f"{run.card.name}: {weights:,} weights, on {engine.device.type} in {engine.precision}")
    for note in run.describe_data():
        log.say(note)
    log.say(
        f"{run.steps:,} steps of {settings.batch_size} at {_pixels(settings.size)}{ranks}, "
        f"{run.steps / run.steps_per_epoch():.1f} passes over the data"
    )
    if state is None and settings.init is not None:
        origin = bundle.read_manifest(bundle.resolve(settings.init))
        domains = f", of {' and '.join(origin.spec.domains)}" if origin.spec.domains else ""
        log.say(f"starting from the weights of {settings.init} ({origin.age}{domains})")
        if fresh := bundle.lacking(model, origin):
            log.say(f"not in them, so fresh: {words(fresh)}")
    if state is not None:
        beyond = f", beyond the {run.planned:,} planned, at a constant {run.lr_factor:g} times the learning rate"
        log.say(f"going on from step {run.step:,} of {run.steps:,}{beyond * (run.steps > run.planned)}")
    log.say(f"writing to {run.folder} (pictures in previews/, curves in report.html)")
    return log


def _end(run: Run, log: RunLog, ended: str) -> None:
    """Write the run's last state and say how it ended; whatever fails here must not hide why it ended."""
    run.state = "stopped" if ended == "time is up" else ended
    try:
        if ended == "finished":
            log.say(f"finished {run.steps:,} steps; the model is {run.folder}, the report {run.folder / 'report.html'}")
        elif ended != "failed":
            again = f"i2i resume {shlex.quote(str(run.folder))}"
            why = "time is up" if ended == "time is up" else "stopped"
            log.say(f"{why} at step {run.step:,} of {run.steps:,}, saved; go on with: {again}")
        log.close()
        run.save_state()
        run.report()
    except OSError as error:
        if ended != "failed":
            raise Stopped(f"{run.folder} could not be completed: {error}. {_kept(run)}") from error


def _kept(run: Run, way: str = "Go on") -> str:
    """Say what is safe after a failure."""
    try:
        place = checkpoint.newest(run.folder)
    except bundle.BadBundle:
        return "No checkpoint had been written."
    step, again = bundle.read_manifest(place).step, f"i2i resume {shlex.quote(str(run.folder))}"
    return f"The state of step {step:,} is kept as {place}; nothing later was saved. {way} with: {again}"


def _advice(run: Run, engine: Engine) -> str:
    """What to change after a loss stopped being a number, as the end of `_kept`'s sentence."""
    if engine.precision in ("bf16", "fp16"):
        return " --precision fp32"
    return ", or start again with a lower learning rate" + " (--lr)." * hasattr(run.options, "lr")


def _pixels(size: tuple[int, int]) -> str:
    """A size (H, W) in words: one side of a square, else width and height as pictures' sizes are told."""
    return f"{size[0]} px" if size[0] == size[1] else f"{size[1]}x{size[0]} px"
