"""StarGAN's row: CelebA's five attributes at 128x128; five steps, of which one is the generator's too, count as one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from common import Row, Size, noise, progress
from reference_stargan import StarGAN as Reference
from torch import Tensor

import i2i
from i2i.model import Batch

NAMES = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")
TERMS = {
    "D_gan": "discriminator/gan",
    "D_cls": "discriminator/classes",
    "D_gp": "discriminator/penalty",
    "G_fake": "generator/gan",
    "G_cls": "generator/classes",
    "G_rec": "generator/reconstruction",
}


def batch(size: Size, count: int, seed: int) -> Batch:
    """Noise with attributes."""
    generator = torch.Generator().manual_seed(seed + 1)
    label = torch.randint(2, (count, len(NAMES)), generator=generator).float()
    return noise({"image": 3}, size, count, seed) | {"label": label}


def optimize(reference: Reference, batch: Batch, step: int) -> Mapping[str, Tensor]:
    """One step of the script, with the permutation and the mixing that i2i draws."""
    images, now = batch["image"], progress(step, device=batch["image"].device)
    order, alpha = now.randperm(len(images)), now.rand(len(images))
    return reference.optimize(images, batch["label"], order, alpha, step)


def model(reference: Reference, size: Size) -> i2i.Model:
    """Build i2i's model of the attributes with the script's weights."""
    return build(reference, size, NAMES)


def build(reference: Reference, size: Size, names: tuple[str, ...]) -> i2i.Model:
    """Build i2i's model of these classes or attributes with the script's weights."""
    from i2i_stargan.model import StarGAN

    kind = "classes" if reference.classes else "attributes"
    spec = i2i.DataSpec(names, {"image": 3}, size, num_labels=len(names), extra={"labels": kind})
    made = StarGAN(
        StarGAN.Options(
            generator_width=reference.width,
            discriminator_width=reference.width,
            blocks=reference.blocks,
            discriminator_layers=reference.layers,
            n_critic=reference.n_critic,
            lr=reference.lr,
        ),
        spec,
    )
    files = {"200000-G.ckpt": reference.G.state_dict(), "200000-D.ckpt": reference.D.state_dict()}
    made.load_state_dict(StarGAN.import_weights(files, names).weights)
    return made


def fitted(size: Size) -> dict[str, Any]:
    """The discriminator's side, and as many halvings as it allows."""
    return {"size": size[0], "layers": min(6, size[0].bit_length() - 1)}


def run(folder: Path, width: int) -> tuple[str, dict[str, Any]]:
    """Three textures, as classes."""
    return "textures", {
        "domains": "brick,grass,gravel",
        "generator_width": width,
        "discriminator_width": width,
    }


ROW = Row(
    reference=Reference,
    batch=batch,
    optimize=optimize,
    model=model,
    terms=TERMS,
    run=run,
    fitted=fitted,
    size=(128, 128),
    batch_size=4,
    steps=5,
    small={"width": 4, "blocks": 1, "layers": 3, "size": 32},
    small_size=(32, 32),
    small_batch=3,
)
