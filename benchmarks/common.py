"""What the benchmarks share: i2i's own CycleGAN step, and a line that says which machine this is."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path

import torch
from i2i_cyclegan.model import CycleGAN
from reference_cyclegan import CycleGAN as Reference

import i2i
from i2i.device import Engine, choose_precision, compile_networks, configure, fuse
from i2i.loop import run_step
from i2i.model import Batch
from i2i.networks.reference import from_reference

NETWORKS = {"a_to_b": "G_A", "b_to_a": "G_B", "discriminator_b": "D_A", "discriminator_a": "D_B"}


def pictures(size: int, count: int) -> Batch:
    """Draw a batch of noise: the time of a step does not depend on what it shows."""
    generator = torch.Generator().manual_seed(0)
    return {key: torch.rand(count, 3, size, size, generator=generator) * 2 - 1 for key in "ab"}


def make_model(size: int, reference: Reference, width: int = 64, blocks: int = 9) -> CycleGAN:
    """Build i2i's CycleGAN with the reference's weights."""
    spec = i2i.DataSpec(domains=("a", "b"), channels={"a": 3, "b": 3}, image_size=(size, size))
    model = CycleGAN(CycleGAN.Options(generator_width=width, discriminator_width=width, blocks=blocks), spec)
    for ours, theirs in NETWORKS.items():
        net = getattr(model, ours)
        net.load_state_dict(from_reference(net, getattr(reference, theirs).state_dict()))
    return model


def make_step(
    model: CycleGAN, batch: Batch, device: torch.device, precision: str, compiled: bool = False
) -> Callable[[], dict[str, torch.Tensor]]:
    """Set a model up as `i2i train` does; return the function that trains on one batch."""
    configure(device, deterministic=False)
    engine = Engine(device, choose_precision(precision, device, model))
    engine.place(model)
    if compiled:
        compile_networks(model)
    (phase,) = model.phases()
    optimizers = model.optimizers(phase)
    fuse(optimizers)
    done = 0

    def step() -> dict[str, torch.Tensor]:
        nonlocal done
        progress = i2i.Progress(phase, done, 1_000_000, run_step=done, device=device)
        done += 1
        return run_step(model, optimizers, engine.move(batch), progress, engine)

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
