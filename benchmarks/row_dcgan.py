"""DCGAN's row: the PyTorch examples' networks at 64x64, batch 64."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import Row, Size, noise, progress
from reference_dcgan import DCGAN as Reference
from torch import Tensor

import i2i
from i2i.model import Batch


def batch(size: Size, count: int, seed: int) -> Batch:
    """Noise as photos."""
    return noise({"image": 3}, size, count, seed)


def optimize(reference: Reference, batch: Batch, step: int) -> Mapping[str, Tensor]:
    """One step of the script, with the latents that i2i draws."""
    return reference.optimize(batch["image"], progress(step))


def model(reference: Reference, size: Size) -> i2i.Model:
    """Build i2i's model with the script's weights, whose layers are in the same order."""
    from i2i_zoo.presets.early import DCGAN

    options = DCGAN.Options(architecture=f"dcgan:width={reference.width}", latent=f"normal:{reference.latent}")
    made = DCGAN(options, i2i.DataSpec(channels={"image": reference.channels}, image_size=size))
    made.generator.load_state_dict(reference.G.state_dict())
    theirs = reference.D.state_dict().values()
    made.discriminator.load_state_dict(dict(zip(made.discriminator.state_dict(), theirs, strict=True)))
    return made


def run(folder: Path, width: int) -> tuple[str, dict[str, Any]]:
    """Photos, without their classes."""
    return "photos", {"architecture": f"dcgan:width={width}"}


ROW = Row(
    reference=Reference,
    batch=batch,
    optimize=optimize,
    model=model,
    terms={"D": "discriminator/gan", "G": "generator/gan"},
    run=run,
    fitted=lambda size: {"size": size[0]},
    size=(64, 64),
    batch_size=64,
    small={"width": 4, "size": 16, "latent": 6},
    small_size=(16, 16),
    small_batch=4,
)
