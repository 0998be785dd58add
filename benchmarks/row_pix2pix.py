"""pix2pix's row: a U-Net that halves eight times and a PatchGAN of 70 pixels at 256x256, batch 1."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import Row, Size, noise
from reference_pix2pix import Pix2Pix as Reference
from torch import Tensor

import i2i
from i2i.model import Batch
from i2i.networks.reference import from_reference


def batch(size: Size, count: int, seed: int) -> Batch:
    """Noise as pairs."""
    return noise({"source": 3, "target": 3}, size, count, seed)


def optimize(reference: Reference, batch: Batch, step: int) -> Mapping[str, Tensor]:
    """One step of the script."""
    return reference.optimize(batch["source"], batch["target"])


def model(reference: Reference, size: Size) -> i2i.Model:
    """Build i2i's model with the script's weights."""
    from i2i_pix2pix.model import Pix2Pix

    source, target = reference.channels
    spec = i2i.DataSpec(domains=("A", "B"), channels={"source": source, "target": target}, image_size=size)
    options = Pix2Pix.Options(
        generator_width=reference.width,
        discriminator_width=reference.width,
        depth=reference.depth,
        dropout=reference.dropout,
    )
    made = Pix2Pix(options, spec)
    for net, theirs in ((made.generator, reference.G), (made.discriminator, reference.D)):
        net.load_state_dict(from_reference(net, theirs.state_dict()))
    return made


def fitted(size: Size) -> dict[str, Any]:
    """As many halvings as a size allows, eight at most: the authors' unet_128 has seven."""
    return {"depth": min(8, min(size).bit_length() - 1)}


def run(folder: Path, width: int) -> tuple[str, dict[str, Any]]:
    """Photos and what is made of them: noise is the source that costs next to nothing."""
    return "photos", {"derive": "noise", "generator_width": width, "discriminator_width": width}


ROW = Row(
    reference=Reference,
    batch=batch,
    optimize=optimize,
    model=model,
    terms={"G_GAN": "generator/gan", "G_L1": "generator/l1", "D": "discriminator/gan"},
    run=run,
    fitted=fitted,
    small={"width": 4, "depth": 6},
    small_size=(64, 64),
)
