"""The zoo on real digits: `zoo.py digits`.

All pictures, real and drawn, are brought to 16 pixels and described by 64 features of a classifier that is trained here
on the digits of training. The Fréchet distance is between normal distributions of as many means and covariances as
there are features: of 1,000 drawn pictures, and of all 1,500 of training, which went the preset's own way to its size.
The score is Inception's, exp of the mean KL divergence of class probabilities from their mean, by that classifier, of
one set of 1,000. Neither compares with figures that other features give.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from quality import seconds as trained_seconds
from torch import Tensor, nn
from zoo_drawing import drawn

import i2i
from i2i import catalogue
from i2i.data import open_datasets
from i2i.data.transforms import eval_transform
from i2i.settings import Settings

SIDE = 16  # pixels of what is judged
FEATURES = 64
EPOCHS = 40
SAMPLES = 1000
PROBED = 64  # steps that a preset's speed is measured by
AIM = 1 / 3  # of the distance of pictures of independent pixels
NEAR = 0.98  # of its time: then a run is done
Say = Callable[[str], None]


class Judge(nn.Module):
    """Tells digits (N, 1, 16, 16) apart, by features."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(64 * 16, FEATURES), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(FEATURES, 10)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(images))
        return logits


@dataclass(frozen=True)
class How:
    """How presets are trained and judged."""

    out: Path
    seconds: float
    seed: int
    options: dict[str, Any]  # what all runs have in common


@lru_cache
def real(side: int, split: str) -> tuple[Tensor, Tensor]:
    """The digits at a size, in [-1, 1], and their classes: as i2i reads them, then brought to what is judged."""
    settings = Settings(image_size=side)
    dataset = open_datasets((catalogue.resolve("digits"),), ("labelled",), split, settings, {})
    transform = eval_transform(settings, side, dataset.spec().value_range)
    samples = [dataset.sample(number, np.random.default_rng(0), transform) for number in range(len(dataset))]
    return judged(torch.stack([s["image"] for s in samples])), torch.stack(
        [torch.as_tensor(s["label"]) for s in samples]
    )


def judged(images: Tensor) -> Tensor:
    """Pictures as they are judged: grey, of 16 pixels, means of what is larger."""
    grey = images.mean(dim=1, keepdim=True)
    return F.interpolate(grey, size=(SIDE, SIDE), mode="bilinear", antialias=True)


def judge(folder: Path) -> tuple[Judge, float]:
    """The classifier and how often it is right on held-back digits; trained once, and kept."""
    path = folder / f"judge-{SIDE}-{FEATURES}-{EPOCHS}.pt"
    net = Judge()
    if path.exists():
        net.load_state_dict(torch.load(path, weights_only=True))
    else:
        net = _trained_judge()
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(net.state_dict(), path)
    net.eval()
    images, labels = real(SIDE, "test")
    with torch.no_grad():
        return net, float((net(images).argmax(dim=1) == labels).float().mean())


def _trained_judge() -> Judge:
    torch.manual_seed(0)
    net, (images, labels) = Judge(), real(SIDE, "train")
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-4)
    chance = torch.Generator().manual_seed(0)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(images), generator=chance).split(50):
            down, right = (int(n) for n in torch.randint(-1, 2, (2,), generator=chance))
            loss = F.cross_entropy(net(images[chosen].roll((down, right), (2, 3))), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net


@torch.no_grad()
def features(net: Judge, images: Tensor) -> np.ndarray:
    """Features (N, F) of pictures as they are judged."""
    return torch.cat([net.body(part) for part in images.split(500)]).double().numpy()


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """|m - n|^2 + tr(A + B - 2 (A B)^(1/2)) of the means m, n and covariances A, B of features (N, F)."""
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(0)).sum()
    distance = np.square(a.mean(axis=0) - b.mean(axis=0)).sum() + np.trace(first) + np.trace(second) - 2 * cross
    return float(distance)


@torch.no_grad()
def score(net: Judge, images: Tensor) -> float:
    """exp of the mean KL divergence of class probabilities from their mean: 1 to 10."""
    p = torch.cat([net(part) for part in images.split(500)]).double().softmax(dim=1)
    mean = p.mean(dim=0, keepdim=True)
    divergence = (p * ((p + 1e-12).log() - (mean + 1e-12).log())).sum(dim=1)
    return math.exp(float(divergence.mean()))


def independent(images: Tensor) -> Tensor:
    """Pictures each of whose pixels is that of some other picture, drawn for itself."""
    flat, chance = images.flatten(1), torch.Generator().manual_seed(0)
    chosen = torch.rand(flat.shape, generator=chance).argsort(dim=0)
    return flat.gather(0, chosen).view_as(images)


@lru_cache
def independent_at(side: int) -> Tensor:
    """Pictures of independent pixels: the digits' own 8 x 8, brought to a size as the digits are."""
    settings = Settings(image_size=8)
    dataset = open_datasets((catalogue.resolve("digits"),), ("labelled",), "train", settings, {})
    low = eval_transform(settings, 8, dataset.spec().value_range)
    pixels = torch.stack([dataset.sample(n, np.random.default_rng(0), low)["image"] for n in range(len(dataset))])
    mixed = ((independent(pixels) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    transform = eval_transform(Settings(image_size=side), side, dataset.spec().value_range)
    return judged(torch.stack([transform(np.random.default_rng(0), image=picture)["image"] for picture in mixed]))


def yardsticks(folder: Path, side: int = 32) -> dict[str, float]:
    """What figures of presets are read by: the classifier's accuracy, real against real, independent pixels."""
    net, accuracy = judge(folder)
    train, held_back = features(net, real(side, "train")[0]), features(net, real(side, "test")[0])
    mixed = independent_at(side)
    return {
        "accuracy": accuracy,
        "real": frechet(train, held_back),
        "real_score": score(net, real(side, "test")[0]),
        "independent": frechet(train, features(net, mixed)),
        "independent_score": score(net, mixed),
        "independent_at_16": frechet(train, features(net, independent(real(side, "train")[0]))),
    }


def measure(name: str, how: How, say: Say) -> dict[str, Any]:
    """Train a preset's small setting for its time and judge it: a row of the table."""
    run = trained(name, how, say)
    state = json.loads((run / "run.json").read_text())
    model: Any = i2i.load(run)
    side = model.shape.size[0]
    images = drawn(model, SAMPLES, say)
    torch.save((images[:64] * 127.5 + 127.5).byte(), run / "drawn.pt")
    images = judged(images)
    net, _ = judge(how.out)
    baseline = frechet(features(net, real(side, "train")[0]), features(net, independent_at(side)))
    distance = frechet(features(net, real(side, "train")[0]), features(net, images))
    return {
        "side": side,
        "steps": state["step"],
        "planned": state["steps"],
        "trained": round(trained_seconds(run), 1),
        "frechet": distance,
        "share": distance / baseline,
        "score": score(net, images),
        "passed": distance <= AIM * baseline,
    }


def trained(name: str, how: How, say: Say) -> Path:
    """Train a run for its time, or go on with it, or find it done; return its folder."""
    folder = how.out / f"{name}-{how.seconds:g}-{how.seed}"
    if not (folder / "run.json").exists():
        shutil.rmtree(folder, ignore_errors=True)  # it ended before its first line
        steps = max(PROBED, int(how.seconds / step_seconds(name, how)))
        say(f"{name}: {steps:,} steps in {how.seconds:g} s")
        return _train(name, folder, how, steps, how.seconds)
    state = json.loads((folder / "run.json").read_text())
    left = how.seconds - trained_seconds(folder)
    if state["step"] < state["steps"] and left > (1 - NEAR) * how.seconds:
        i2i.resume(folder, time_limit=f"{left:.1f}s")
    return folder


def _train(name: str, folder: Path, how: How, steps: int, limit: float, **options: Any) -> Path:
    """Train for so many steps, and no longer than the limit in seconds; without sheets of samples in between."""
    usual = {"small": True, "preview_every": "10h", "checkpoint_every": "1m", "time_limit": f"{limit:g}s"}
    named = {"steps": steps, "seed": how.seed, "out": how.out, "name": folder.name}
    return i2i.train(name, "digits", **(usual | named | how.options | options))


def step_seconds(name: str, how: How) -> float:
    """How long a step takes, by a short run with all phases: curves and growth need to know where they end."""
    folder = how.out / f"speed-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    _train(name, folder, how, PROBED, max(how.seconds, 10), log_every=1)
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    shutil.rmtree(folder)
    return mean_step([(line["phase"], line["time"]) for line in lines if line["event"] == "step"])


def mean_step(ends: list[tuple[str, float]]) -> float:
    """Mean seconds of a step, of each step's phase and end: the first of a phase is taken for an average one of it."""
    took: dict[str, list[float]] = {}
    for (_, start), (phase, end) in pairwise(ends):
        took.setdefault(phase, []).append(end - start)
    whole = sum(len(each) * (sum(each[1:]) / len(each[1:]) if each[1:] else each[0]) for each in took.values())
    return max(whole / sum(map(len, took.values())), 1e-4)
