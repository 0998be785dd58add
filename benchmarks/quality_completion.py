"""Completion on small crops of photos, beside the data's mean and OpenCV's Telea: `quality.py completion DATA`.

DATA holds train/ and val/. Judged are crops of val/ that the network has not seen, each with one box hidden: the mean
absolute error inside it, in per cent of the range of values, and a sheet of pictures to look at.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import i2i
from i2i.model import evaluating
from i2i.previews import sheet

if TYPE_CHECKING:
    from quality import How, Say

AIM = "error inside holes of 16-32 pixels at most 0.7 of the mean's, trained for at most 20 minutes on two idle cores"
STEPS = 7000
SIDE, SHORT = 64, 320  # of crops, and of the photos that they are cut of, which is about their own
CROPS = 16  # of each photo
OPTIONS = {
    "image_size": SIDE,
    "resize": SHORT,
    "hole_sizes": (16, 32),
    "batch_size": 16,
    "optimizer": "adam",
    "decay_start": 0.5,
    "pixel_loss": "l1",
    "gan_weight": 0.0,  # a discriminator needs more steps than there are
    "generator_width": 32,
    "preview_every": "500",
}


def train(data: str, steps: int, how: How) -> Path:
    """Train on the photos of train/, with those of val/ held back."""
    from quality import trained

    return trained("completion", data, "completion", how, steps=steps, **OPTIONS)


def report(data: str, run: Path, say: Say) -> None:
    """Say how far each way of filling holes is from what was there, and draw some."""
    model = i2i.load(run)
    targets = crops(Path(data) / "val")
    masks = torch.cat([model.hole(number) for number in range(len(targets))])
    ways = {"mean": model.blank(targets, masks), "Telea": telea(targets, masks)}
    with evaluating(model):
        for name, blend in (("i2i", "none"), ("i2i, blended", "poisson")):
            ways[name] = model.translate({"source": targets, "mask": masks}, type(model).Request(blend=blend))
    errors = {name: error(made, targets, masks) for name, made in ways.items()}
    say(f"{len(targets)} crops of {SIDE} pixels, a box of 16 to 32 hidden in each; error inside, in per cent")
    for name, value in errors.items():
        say(f"{name:12s} {value:6.2f}   {value / errors['mean']:.3f} of the mean's")
    shown = range(0, len(targets), len(targets) // 12)
    rows = [{name: made[n] for name, made in ways.items()} | {"original": targets[n]} for n in shown]
    sheet(rows).save(run / "quality.png")
    say(f"some of them: {run / 'quality.png'}")


def crops(folder: Path) -> Tensor:
    """Crops (N, 3, H, W) in [-1, 1] of the photos of a folder, always the same."""
    rng = np.random.default_rng(0)
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.suffix in (".png", ".jpg")):
        with Image.open(path) as image:
            scale = SHORT / min(image.size)
            size = round(image.width * scale), round(image.height * scale)
            pixels = np.asarray(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))
        for _ in range(CROPS):
            top, left = (int(rng.integers(side - SIDE + 1)) for side in pixels.shape[:2])
            found.append(pixels[top : top + SIDE, left : left + SIDE])
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2).float() / 127.5 - 1


def telea(pictures: Tensor, masks: Tensor) -> Tensor:
    """Holes filled by OpenCV's fast marching."""
    import cv2

    made = []
    for picture, mask in zip(pictures, masks, strict=True):
        pixels = ((picture + 1) * 127.5).round().permute(1, 2, 0).numpy().astype(np.uint8)
        inpainted = cv2.inpaint(pixels, mask[0].numpy().astype(np.uint8) * 255, 3, cv2.INPAINT_TELEA)
        made.append(torch.from_numpy(inpainted).permute(2, 0, 1).float() / 127.5 - 1)
    return torch.stack(made)


def error(made: Tensor, targets: Tensor, masks: Tensor) -> float:
    """Mean absolute error inside the holes, in per cent of the range; the mean over pictures."""
    inside = ((made - targets).abs() * masks).mean(dim=(1, 2, 3)) / masks.mean(dim=(1, 2, 3))
    return 50 * inside.mean().item()
