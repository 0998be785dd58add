"""CycleGAN's row: ResNet-9 at 256x256, batch 1."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import Row, Size, noise
from reference_cyclegan import CycleGAN as Reference
from torch import Tensor

import i2i
from i2i.model import Batch
from i2i.networks.reference import from_reference

NETWORKS = {"a_to_b": "G_A", "b_to_a": "G_B", "discriminator_b": "D_A", "discriminator_a": "D_B"}
TERMS = {
    "gan_A": "generators/gan_b",
    "gan_B": "generators/gan_a",
    "cycle_A": "generators/cycle_a",
    "cycle_B": "generators/cycle_b",
    "idt_A": "generators/identity_b",
    "idt_B": "generators/identity_a",
    "D_A": "discriminators/b",
    "D_B": "discriminators/a",
}


def batch(size: Size, count: int, seed: int) -> Batch:
    """Noise of both domains."""
    return noise({"a": 3, "b": 3}, size, count, seed)


def optimize(reference: Reference, batch: Batch, step: int) -> Mapping[str, Tensor]:
    """One step of the script."""
    return reference.optimize(batch["a"], batch["b"])


def model(reference: Reference, size: Size) -> i2i.Model:
    """Build i2i's model with the script's weights."""
    from i2i_cyclegan.model import CycleGAN

    spec = i2i.DataSpec(domains=("a", "b"), channels={"a": 3, "b": 3}, image_size=size)
    width, blocks = reference.width, reference.blocks
    made = CycleGAN(CycleGAN.Options(generator_width=width, discriminator_width=width, blocks=blocks), spec)
    for ours, theirs in NETWORKS.items():
        net = getattr(made, ours)
        net.load_state_dict(from_reference(net, getattr(reference, theirs).state_dict()))
    return made


def run(folder: Path, width: int) -> tuple[str, dict[str, Any]]:
    """Two textures."""
    return "textures", {"domains": "grass,gravel", "generator_width": width, "discriminator_width": width}


ROW = Row(
    reference=Reference,
    batch=batch,
    optimize=optimize,
    model=model,
    terms=TERMS,
    run=run,
    small={"width": 4, "blocks": 2},
    small_batch=1,
)
