"""What the benchmarks share: rows, i2i's own step, and a line that says which machine this is.

A model takes part with two files beside this one:

    reference_NAME.py   the method as a plain float32 script has it: imports nothing of i2i, names its weights as the
                        authors' code does, and has a class with the networks as attributes and `optimize(...)`, which
                        trains on one batch and returns the losses as {name: tensor without gradient}
    row_NAME.py         `ROW = Row(...)`: what leads from that script to i2i's model and back, field by field below

Then `step.py --model NAME` and `memory.py --model NAME` know it, and `tests/benchmarks/test_reference.py` checks that
both compute the same: it trains a small reference and i2i's model side by side, in float64, on what the row gives them.
row_cyclegan.py is the example to copy. Import the plugin inside `model`: memory.py measures the script without it.
"""

from __future__ import annotations

import importlib
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import i2i
from i2i.model import Batch

Size = tuple[int, int]  # (H, W)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model of the benchmarks."""

    reference: Callable[..., Any]
    """(width=, device=, and whatever `small` holds) -> the reference script's class, ready to train."""

    batch: Callable[[Size, int, int], Batch]
    """((H, W), number of pictures, seed) -> a batch as i2i's `train_step` gets it, on the CPU; `noise` helps."""

    optimize: Callable[[Any, Batch, int], Mapping[str, Tensor]]
    """(reference, batch, step) -> train the reference on a batch as i2i gets it; its losses by its own names.

    Step counts from 0. A method that draws numbers takes those that i2i draws at that step: `progress(step).rand(n)`.
    Dropout needs nothing: the test seeds it alike for both.
    """

    model: Callable[[Any, Size], i2i.Model]
    """(reference, (H, W)) -> i2i's model with the weights that the reference has now."""

    terms: Mapping[str, str]
    """{loss of the reference: what i2i logs it as}, as in {"cycle_A": "generators/cycle_a"}; all of i2i's terms."""

    run: Callable[[Path, int], tuple[str, dict[str, Any]]]
    """(an empty folder, width) -> data for `i2i.train`, made in the folder if need be, and options to train it with."""

    fitted: Callable[[Size], Mapping[str, Any]] = lambda size: {}
    """(H, W) -> what a reference for that size is built with besides, such as the depth of a U-Net."""

    size: Size = (256, 256)  # the paper's, or what fits in a minute
    width: int = 64  # channels of the networks' first layers
    batch_size: int = 1
    steps: int = 1  # timed as one: as many as a method takes to come round (StarGAN's generator learns in each fifth)
    phase: int = -1  # which of i2i's phases the reference's step is
    small: Mapping[str, Any] = field(default_factory=lambda: {"width": 4})  # makes a reference for the test
    small_size: Size = (32, 32)
    small_batch: int = 2


def rows() -> list[str]:
    """The names of the models that have a row."""
    return sorted(path.stem.removeprefix("row_") for path in Path(__file__).parent.glob("row_*.py"))


def find_row(name: str) -> Row:
    """A model's row."""
    row: Row = importlib.import_module(f"row_{name}").ROW
    return row


def noise(channels: Mapping[str, int], size: Size, count: int, seed: int = 0) -> Batch:
    """Draw pictures of noise, {key: (N, C, H, W) in [-1, 1]}: the time of a step does not depend on what they show."""
    generator = torch.Generator().manual_seed(seed)
    return {key: torch.rand(count, n, *size, generator=generator) * 2 - 1 for key, n in channels.items()}


def progress(step: int, phase: i2i.Phase | None = None, device: torch.device | str = "cpu") -> i2i.Progress:
    """What i2i's model is told at a step of a benchmark; it draws the same numbers each time it is made."""
    return i2i.Progress(phase or i2i.Phase("train"), step, 1_000_000, run_step=step, device=device)


def make_step(
    model: i2i.Model,
    batch: Batch,
    device: torch.device,
    precision: str,
    compiled: bool = False,
    phase: int = -1,
) -> Callable[[], dict[str, Tensor]]:
    """Set a model up as `i2i train` does; return the function that trains on one batch."""
    from i2i.device import Engine, choose_precision, compile_networks, configure, fuse
    from i2i.loop import run_step

    configure(device, deterministic=False)
    engine = Engine(device, choose_precision(precision, device, model))
    engine.place(model)
    if compiled:
        compile_networks(model)
    trained = model.phases()[phase]
    model.phase = trained.name
    optimizers = model.optimizers(trained)
    fuse(optimizers)
    done = 0

    def step() -> dict[str, Tensor]:
        nonlocal done
        now = progress(done, trained, device)
        done += 1
        return run_step(model, optimizers, engine.move(batch), now, engine)

    return step


def machine(device: torch.device) -> str:
    """Say what the figures were measured on."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    processor = platform.processor() or platform.machine()
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        lines = listing.read_text().splitlines()
        named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        processor = named[0] if named else processor
    wanted = ("avx512_bf16", "amx_bf16")
    has = [name for name in wanted if torch.cpu.get_capabilities().get(name)]
    return f"{processor} ({', '.join(has) or 'no bf16'}), {torch.get_num_threads()} threads, torch {torch.__version__}"
