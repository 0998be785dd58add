"""StyleGAN2's row: 64x64, width 128, batch 8; 16 steps, in which each lazy penalty comes round, count as one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import Row, Size, noise, progress
from reference_stylegan2 import StyleGAN2 as Reference
from torch import Tensor

import i2i
from i2i.model import Batch


def batch(size: Size, count: int, seed: int) -> Batch:
    """Noise as photos."""
    return noise({"image": 3}, size, count, seed)


def optimize(reference: Reference, batch: Batch, step: int) -> Mapping[str, Tensor]:
    """One step of the script, with what i2i draws."""
    return reference.optimize(batch["image"], step, progress(step))


def model(reference: Reference, size: Size) -> i2i.Model:
    """Build i2i's model with the script's weights, through its importer."""
    from i2i_zoo.presets.style import STYLEGAN2

    imported = STYLEGAN2.import_weights({"g.pt": reference.G.state_dict(), "d.pt": reference.D.state_dict()}, ())
    made = STYLEGAN2(STYLEGAN2.Options(**imported.options), imported.spec)
    unknown = made.load_state_dict(imported.weights, strict=False).unexpected_keys
    assert not unknown, unknown
    return made


def run(folder: Path, width: int) -> tuple[str, dict[str, Any]]:
    """Photos, without their classes."""
    return "photos", {"architecture": f"stylegan2:width={width}"}


ROW = Row(
    reference=Reference,
    batch=batch,
    optimize=optimize,
    model=model,
    terms={
        "D": "discriminator/gan",
        "R1": "discriminator/penalty",
        "G": "generator/gan",
        "path": "generator/path_length",
    },
    run=run,
    fitted=lambda size: {"size": size[0]},
    size=(64, 64),
    width=128,
    batch_size=8,
    steps=16,
    small={"width": 8, "size": 16, "latent": 6, "mapping": 2},
    small_size=(16, 16),
    small_batch=4,
)
