"""SRGAN's row: the adversarial phase of SRResNet, x4, at 96x96, batch 16, with VGG-19 for the content loss."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from common import Row, Size, noise
from reference_srgan import SRGAN as Reference
from torch import Tensor

import i2i
from i2i import networks
from i2i.model import Batch


def batch(size: Size, count: int, seed: int) -> Batch:
    """Noise as photos."""
    return noise({"image": 3}, size, count, seed)


def optimize(reference: Reference, batch: Batch, step: int) -> Mapping[str, Tensor]:
    """One step of the script, which takes values in [0, 1]."""
    return reference.optimize((batch["image"] + 1) / 2)


def model(reference: Reference, size: Size) -> i2i.Model:
    """Build i2i's model with the script's weights, through its importer, and its network for the content loss."""
    from i2i_srgan.model import SRGAN

    files = {"g_last.pth": reference.G.state_dict(), "d_last.pth": reference.D.state_dict()}
    imported = SRGAN.import_weights(files, ())
    spec = i2i.DataSpec(channels={"image": 3}, image_size=size)
    made = SRGAN(SRGAN.Options(**imported.options | {"content": "features"}), spec)
    made.load_state_dict(imported.weights)
    vgg = networks.VGGFeatures(["relu5_4"])
    vgg.load_state_dict(reference.content.state_dict())
    made.backbone = networks.Frozen(vgg)  # where it is, training asks for no other
    return made


def run(folder: Path, width: int) -> tuple[str, dict[str, Any]]:
    """Photos, and weights for the content loss that are random, as the script's are."""
    weights = folder / "vgg19.pth"
    torch.save(networks.VGGFeatures(["relu5_4"]).state_dict(), weights)
    options = {"width": width, "discriminator_width": width, "pretrain_share": 0, "content_weights": str(weights)}
    return "photos", options


ROW = Row(
    reference=Reference,
    batch=batch,
    optimize=optimize,
    model=model,
    terms={
        "pixel": "generator/pixels",
        "content": "generator/content",
        "adversarial": "generator/gan",
        "D": "discriminator/gan",
    },
    run=run,
    fitted=lambda size: {"side": size[0]},
    size=(96, 96),
    batch_size=16,
    small={"width": 4, "blocks": 2, "side": 32},
)
