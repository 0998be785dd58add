"""StackGAN's row: stage I at the paper's 64 pixels and batch of 64. i2i's step also encodes the sentences."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from common import Row, Size, noise, progress
from reference_stackgan import StackGAN as Reference
from torch import Tensor

import i2i
from i2i.model import Batch

WORDS = ("a", "big", "small", "brown", "black", "white", "dog", "cat", "runs", "sits", "on", "grass", "snow", "sand")
TERMS = {
    "D_real": "discriminator/real",
    "D_wrong": "discriminator/wrong",
    "D_fake": "discriminator/fake",
    "G_gan": "generator/gan",
    "G_kl": "generator/kl",
}


def batch(size: Size, count: int, seed: int) -> Batch:
    """Noise with sentences that all differ."""
    captions = [" ".join(WORDS[(number // 14**k + seed) % 14] for k in range(3)) for number in range(count)]
    return noise({"image": 3}, size, count, seed) | {"caption": captions}


@cache
def encoder(numbers: int) -> Any:
    """The encoder of sentences: the same untrained one in each process."""
    from i2i_stackgan.model import StackGAN
    from i2i_stackgan.texts import Texts

    spec = i2i.DataSpec(channels={"image": 3}, vocabulary=WORDS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Texts(StackGAN.Options(), spec, numbers, 4).double()


embedded: dict[tuple[str, ...], Tensor] = {}


def optimize(reference: Reference, batch: Batch, step: int) -> Mapping[str, Tensor]:
    """One step of the script, on embeddings that are computed once, with the numbers that i2i draws."""
    images, now = batch["image"], progress(step, device=batch["image"].device)
    said = tuple(batch["caption"])
    if said not in embedded:
        embedded[said] = encoder(reference.text)(said, torch.zeros((), dtype=torch.float64))
    text = embedded[said].to(images)
    drawn = [now.randn(len(images), size).to(images) for size in (reference.noise, reference.condition)]
    return reference.optimize(images, text, *drawn)


def model(reference: Reference, size: Size) -> i2i.Model:
    """Build i2i's stage I with the script's weights."""
    from i2i_stackgan.model import StackGAN

    files = {"netG.pth": reference.netG.state_dict(), "netD.pth": reference.netD.state_dict()}
    found = StackGAN.import_weights(files, ())
    spec = i2i.DataSpec(channels={"image": 3}, image_size=size, vocabulary=WORDS)
    made = StackGAN(StackGAN.Options(**found.options), spec)
    made.load_state_dict(found.weights | {f"texts.{k}": v for k, v in encoder(reference.text).state_dict().items()})
    return made


def run(folder: Path, width: int) -> tuple[str, dict[str, Any]]:
    """Shapes with sentences, at stage I."""
    return "shapes", {
        "stages": 1,
        "image_size": 64,
        "generator_width": width,
        "discriminator_width": width // 2,
    }


ROW = Row(
    reference=Reference,
    batch=batch,
    optimize=optimize,
    model=model,
    terms=TERMS,
    run=run,
    size=(64, 64),
    width=128,
    batch_size=64,
    small={"width": 4, "text": 12, "condition": 5, "noise": 6},
    small_size=(64, 64),
    small_batch=3,
)
