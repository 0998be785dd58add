"""pix2pixHD's row: the global generator at 256x512, half as wide as the paper's, two discriminators, no VGG."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from common import Row, Size, noise
from reference_pix2pixhd import Pix2PixHD as Reference
from torch import Tensor

import i2i
from i2i.model import Batch

LABELS = 35


def batch(size: Size, count: int, seed: int) -> Batch:
    """Noise as photos, and label and instance maps of blocks."""
    generator = torch.Generator().manual_seed(seed)

    def blocks(highest: int) -> Tensor:
        drawn = torch.randint(highest, (count, 1, 8, 8), generator=generator)
        rows, columns = (torch.arange(side) * 8 // side for side in size)
        return drawn.index_select(2, rows).index_select(3, columns)

    return {"label": blocks(LABELS), "instance": blocks(1000)} | noise({"target": 3}, size, count, seed)


def optimize(reference: Reference, batch: Batch, step: int) -> Mapping[str, Tensor]:
    """One step of the script."""
    return reference.optimize(batch["label"], batch["instance"], batch["target"])


def model(reference: Reference, size: Size) -> i2i.Model:
    """Build i2i's model with the script's weights, through its importer."""
    from i2i_pix2pixhd.model import Pix2PixHD

    files = {f"latest_net_{name}.pth": getattr(reference, name).state_dict() for name in "GD"}
    imported = Pix2PixHD.import_weights(files, ("label", "photo"))
    spec = i2i.DataSpec(
        domains=("label", "photo"),
        channels={"label": 1, "instance": 1, "target": 3},
        image_size=size,
        num_labels=LABELS,
    )
    made = Pix2PixHD(Pix2PixHD.Options(**imported.options, vgg="off"), spec)
    made.load_state_dict(imported.weights)
    return made


def run(folder: Path, width: int) -> tuple[str, dict[str, Any]]:
    """Photos of noise with label and instance maps."""
    import numpy as np
    from PIL import Image

    data = folder / "data"
    keys = {"target": "train_img", "label": "train_label", "instance": "train_inst"}
    for key, name in keys.items():
        (data / name).mkdir(parents=True)
        for index in range(6):
            values = batch((288, 288), 1, index)[key][0].permute(1, 2, 0).numpy()
            if key == "target":
                pixels = ((values + 1) * 127.5).astype(np.uint8)
            else:
                pixels = values[..., 0].astype(np.uint8 if key == "label" else np.uint16)
            Image.fromarray(pixels).save(data / name / f"{index}.png")
    options = {"generator": "global", "generator_width": width, "discriminator_width": width, "vgg": "off"}
    return str(data), options


ROW = Row(
    reference=Reference,
    batch=batch,
    optimize=optimize,
    model=model,
    terms={"G_GAN": "generator/gan", "G_GAN_Feat": "generator/features", "D": "discriminator/gan"},
    run=run,
    size=(256, 512),
    width=32,
    small={"width": 4, "downs": 3, "blocks": 2},
    small_size=(32, 64),
)
