"""StackGAN, stage I, on coloured shapes, judged by the colours of sentences it never saw: `quality.py text shapes`.

The text encoder is learnt in the run. A colour is right when the mean colour of what is drawn, all that is not grey, is
nearest to the one that the sentence names; by chance one of four is.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from i2i_datasets import shapes

import i2i
from i2i import catalogue

if TYPE_CHECKING:
    from quality import How, Say

AIM = "colours of at least 80 % of held-back sentences right, trained for at most 10 minutes on two idle cores"
STEPS = 3000
OPTIONS = {
    "stages": 1,
    "image_size": 64,
    "resize": 68,
    "batch_size": 32,
    "generator_width": 32,
    "discriminator_width": 16,
    "encoder_width": 64,
    "encoder_share": 0.15,
    "lr": 1e-3,
    "lr_stairs": 4,
    "kl_weight": 0.5,
}


def train(data: str, steps: int, how: How) -> Path:
    """Train encoder and stage I on the sentences that are not held back."""
    from quality import trained

    return trained("stackgan", data, "text", how, steps=steps, **OPTIONS)


def report(data: str, run: Path, say: Say) -> None:
    """Say how many sentences of either part have their colour."""
    model = i2i.load(run)
    rows = [json.loads(line) for line in (catalogue.resolve(data) / "captions.jsonl").read_text().splitlines()]
    for split, name in (("test", "held-back sentences"), ("train", "sentences of training")):
        captions = sorted({caption for row in rows if row["split"] == split for caption in row["captions"]})
        right: Counter[str] = Counter()
        asked: Counter[str] = Counter()
        for seed, caption in enumerate(captions):
            colour = next(word for word in shapes.COLOURS if word in caption.replace(",", "").split())
            (picture,) = model.sample_images(text=caption, seed=seed)
            asked[colour] += 1
            right[colour] += shapes.colour_of(np.asarray(picture, np.float64)) == colour
        each = ", ".join(f"{colour} {right[colour] / asked[colour]:.0%}" for colour in shapes.COLOURS)
        say(f"{name}: {right.total() / asked.total():.1%} of {asked.total()} ({each})")
