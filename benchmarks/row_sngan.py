"""SNGAN's row: 32x32, batch 64; five steps, of which one is the generator's too, count as one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import Row, Size, noise, progress
from reference_sngan import SNGAN as Reference
from torch import Tensor, nn

import i2i
from i2i.model import Batch


def batch(size: Size, count: int, seed: int) -> Batch:
    """Noise as photos."""
    return noise({"image": 3}, size, count, seed)


def optimize(reference: Reference, batch: Batch, step: int) -> Mapping[str, Tensor]:
    """One step of the script, with the latents that i2i draws."""
    return reference.optimize(batch["image"], step, progress(step))


def model(reference: Reference, size: Size) -> i2i.Model:
    """Build i2i's model with the script's weights; its blocks are lists, and what judges last is a head."""
    from i2i_zoo.presets.spectral import SNGAN

    options = SNGAN.Options(
        architecture=f"resnet:width={reference.width}", latent=f"normal:{reference.latent}", n_critic=reference.n_critic
    )
    made = SNGAN(options, i2i.DataSpec(channels={"image": reference.channels}, image_size=size))
    _load(made.generator, reference.G)
    _load(made.discriminator, reference.D)
    return made


def _load(ours: nn.Module, theirs: nn.Module) -> None:
    named = {}
    for key, value in theirs.state_dict().items():
        place = key.split(".")
        if place[0] == "blocks":
            key = ".".join(["blocks", place[1], "0", *place[2:]])
        named["head." + key if place[0] == "linear" and hasattr(ours, "head") else key] = value
    lacking = [key for key in ours.state_dict() if key not in named and not key.endswith("sigma")]
    assert not lacking, lacking
    ours.load_state_dict({key: named.get(key, value) for key, value in ours.state_dict().items()})


def run(folder: Path, width: int) -> tuple[str, dict[str, Any]]:
    """Photos, without their classes."""
    return "photos", {"architecture": f"resnet:width={width}"}


ROW = Row(
    reference=Reference,
    batch=batch,
    optimize=optimize,
    model=model,
    terms={"D": "discriminator/gan", "G": "generator/gan"},
    run=run,
    size=(32, 32),
    batch_size=64,
    steps=5,
    small={"width": 2, "latent": 6, "n_critic": 2},
    small_size=(32, 32),
    small_batch=3,
)
