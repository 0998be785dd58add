"""SRGAN's pre-training on small photos, judged on Set5 beside MATLAB's bicubic: `quality.py sr DATA`.

DATA holds train/, val/ and Set5/, all of large pictures; the checkpoint that is best on val is judged. Bicubic is
`imresize` up of what `imresize` made small, both with a = -0.5; PSNR and SSIM are of luma without a border of 4 pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import i2i
from i2i import figures, networks
from i2i.model import Batch, evaluating

if TYPE_CHECKING:
    from quality import How, Say

AIM = "Set5, x4, PSNR of luma at least 0.8 dB above bicubic, trained for at most 30 minutes on two idle cores"
STEPS = 6000
OPTIONS = {
    "adversarial_share": 0,
    "image_size": 96,
    "resize": 321,  # the short side of these photos: they stay as they are
    "batch_size": 16,
    "preview_every": "500",
    "keep_best": True,
}


def train(data: str, steps: int, how: How) -> Path:
    """Pre-train on the photos of train/, with those of val/ held back."""
    from quality import trained

    return trained("srgan", data, "sr", how, steps=steps, **OPTIONS)


def report(data: str, run: Path, say: Say) -> None:
    """Say what the best checkpoint and bicubic make of Set5."""
    model = i2i.load(run)
    rows = []
    say(f"{'Set5':12s} {'bicubic':>16s} {'i2i':>16s}")
    for path in sorted(path for path in (Path(data) / "Set5").rglob("*") if path.suffix in (".png", ".bmp")):
        question = asked(path, model.scale)
        with evaluating(model):
            made = model.translate(question, i2i.Request())[0]
        bicubic = networks.bicubic_up(question["source"], model.scale).clamp(-1, 1)[0]
        rows.append([figure for output in (bicubic, made) for figure in measure(question, output)])
        say(line(path.stem, rows[-1]))
    means = np.mean(rows, axis=0)
    say(line("mean", means.tolist()))
    say(f"{means[2] - means[0]:+.2f} dB")


def asked(path: Path, scale: int) -> Batch:
    """A picture (1, 3, H, W) as target, and MATLAB's small picture of 8 bits of it as source, in [-1, 1]."""
    with Image.open(path) as image:
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None]
    height, width = (side // scale * scale for side in pixels.shape[2:])
    large = pixels[:, :, :height, :width].float() / 255
    small = (networks.bicubic_down(large, scale).clamp(0, 1) * 255).round() / 255
    return {"source": small * 2 - 1, "target": large * 2 - 1}


def measure(question: Batch, output: Tensor) -> list[float]:
    """PSNR and SSIM of an enlarged picture."""
    result = [figures.Result(question, i2i.Request(), output)]
    return [figures.psnr_y(result) or 0.0, figures.ssim_y(result) or 0.0]


def line(name: str, values: list[float]) -> str:
    """A row of the table."""
    return f"{name:12s} " + " ".join(f"{values[i]:9.2f} {values[i + 1]:.4f}" for i in (0, 2))
