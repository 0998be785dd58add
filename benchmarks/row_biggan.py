"""BigGAN's row: 32x32, ten classes, width 32, batch 64; five steps, one of them the generator's too, count as one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from common import Row, Size, noise, progress
from reference_biggan import BigGAN as Reference
from torch import Tensor

import i2i
from i2i.model import Batch


def batch(size: Size, count: int, seed: int) -> Batch:
    """Noise with classes."""
    generator = torch.Generator().manual_seed(seed + 1)
    return noise({"image": 3}, size, count, seed) | {"label": torch.randint(3, (count,), generator=generator)}


def optimize(reference: Reference, batch: Batch, step: int) -> Mapping[str, Tensor]:
    """One step of the script, with the latents and classes that i2i draws."""
    return reference.optimize(batch["image"], batch["label"], step, progress(step))


def model(reference: Reference, size: Size) -> i2i.Model:
    """Build i2i's model with the script's weights, through its importer."""
    from i2i_zoo.presets.large import BIGGAN

    imported = BIGGAN.import_weights({"G.pth": reference.G.state_dict(), "D.pth": reference.D.state_dict()}, ())
    made = BIGGAN(BIGGAN.Options(**imported.options | {"n_critic": reference.n_critic}), imported.spec)
    unknown = made.load_state_dict(imported.weights, strict=False).unexpected_keys
    assert not unknown, unknown
    return made


def run(folder: Path, width: int) -> tuple[str, dict[str, Any]]:
    """Three textures, as classes."""
    architecture = f"biggan:width={width},ratio=0.5,attention=16"
    options = {"domains": "brick,grass,gravel", "architecture": architecture}
    return "textures", options


ROW = Row(
    reference=Reference,
    batch=batch,
    optimize=optimize,
    model=model,
    terms={
        "D": "discriminator/gan",
        "G": "generator/gan",
        "ortho": "generator/ortho",
        "sigma_G": "sigma_generator",
        "sigma_D": "sigma_discriminator",
    },
    run=run,
    size=(32, 32),
    width=32,
    batch_size=64,
    steps=5,
    small={"width": 2, "classes": 3, "latent": 8, "shared": 5, "n_critic": 2},
    small_size=(32, 32),
    small_batch=3,
)
