"""The zoo on points, and behaviours that papers claim: `zoo.py toys`, `zoo.py behaviour`.

Points are pictures of one pixel with two channels, so that a preset's own model is trained by its own step, through
`run_step` of core's loop: objective, penalties, optimizers, schedule, average and latent are those of its small
setting. The networks are other ones, fully connected and without norm, the same for all presets that take them.
Spectral norm is part of networks, so presets that rest on it are without. Penalties that draw slopes to 1 weigh 0.1,
not 10, as for points in "Improved Training of Wasserstein GANs" (Gulrajani et al., 2017): two numbers lie closer than
a thousand pixels. Presets that need classes are told the mode that a point is of.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from zoo_drawing import built, drawn, small

import i2i
from i2i.device import Engine, fuse
from i2i.loop import run_step, set_learning_rates
from i2i.model import Batch

BATCH = 256
SLOPES = re.compile(r"\b(gp|dragan):weight=[\d.]+")
ARCHITECTURES = ("mlp:width=32,norm=none", "bigan:width=128,norm=none")  # the first that a preset takes
COUNT = 2500  # points that are judged
RADIUS = 3  # standard deviations from a mode that are good
COVERED = 0.25  # of its fair share of good points: then a mode is covered
LONG = 1_000_000_000  # steps of a run that the clock ends
CRITIC = 100  # updates of WGAN's critic before each of the generator, so that it is near its best
BOUND = 0.1  # of the critic's weights: of small networks on points


@dataclass(frozen=True)
class Toy:
    """A mixture of normal distributions of equal weight, in [-1, 1]."""

    modes: Tensor  # (K, 2)
    deviation: float = 0.02

    def draw(self, count: int, chance: torch.Generator) -> Batch:
        """Draw pictures (N, 2, 1, 1), labelled with their modes."""
        which = torch.randint(len(self.modes), (count,), generator=chance)
        points = self.modes[which] + self.deviation * torch.randn(count, 2, generator=chance)
        return {"image": points[:, :, None, None], "label": which}

    def judge(self, images: Tensor) -> tuple[int, float]:
        """How many modes are covered, and the share of good points."""
        points = images.flatten(1)
        distance, nearest = torch.cdist(points, self.modes).min(dim=1)
        good = distance <= RADIUS * self.deviation
        counts = torch.bincount(nearest[good], minlength=len(self.modes))
        enough = COVERED * len(points) / len(self.modes)
        return int((counts >= enough).sum()), float(good.float().mean())


def _ring(count: int) -> Tensor:
    angles = torch.arange(count) * (2 * math.pi / count)
    return 0.8 * torch.stack([angles.cos(), angles.sin()], dim=1)


TOYS = {
    "ring": Toy(_ring(8)),
    "grid": Toy(torch.cartesian_prod(*[torch.linspace(-0.8, 0.8, 5)] * 2)),
}


class Points:
    """A preset that is trained on a toy."""

    def __init__(self, name: str, toy: Toy, seed: int, batch: int = BATCH, **options: Any) -> None:
        self.model: Any = on_points(name, toy, seed, **options)
        self.toy, self.seed, self.batch = toy, seed, batch
        self.phase = self.model.phases()[-1]
        self.model.phase = self.phase.name
        self.optimizers = self.model.optimizers(self.phase)
        fuse(self.optimizers)
        self.engine = Engine(torch.device("cpu"), "fp32")
        self.chance = torch.Generator().manual_seed(1_000_003 * (seed + 1))
        self.steps, self.spent = 0, 0.0

    def step(self, fraction: float) -> dict[str, Tensor]:
        """Train on one batch, with so much of the run done."""
        set_learning_rates(self.optimizers, self.phase.lr(fraction))
        now = i2i.Progress(self.phase, self.steps, LONG, run_step=self.steps, seed=self.seed)
        batch = self.toy.draw(self.batch, self.chance)
        losses = run_step(self.model, self.optimizers, batch, now, self.engine)
        if not all(bool(torch.isfinite(loss).all()) for loss in losses.values()):
            raise ArithmeticError(f"a loss was no number after {self.steps} steps")
        self.steps += 1
        return losses

    def train(self, seconds: float) -> None:
        """Train for so long, by the clock."""
        began = time.monotonic()
        while (spent := time.monotonic() - began) < seconds:
            self.step(spent / seconds)
        self.spent += spent

    def judge(self) -> tuple[int, float]:
        """Modes covered, and share of good points, of drawn ones."""
        return self.toy.judge(drawn(self.model, COUNT))


def on_points(name: str, toy: Toy, seed: int, **options: Any) -> i2i.Model:
    """Build a preset for points, with classes if need be. Raises ValueError where it takes none of the networks."""
    plain = i2i.DataSpec(channels={"image": 2}, image_size=(1, 1))
    penalty = getattr(small(name), "gradient_penalty", "")
    options = ({"gradient_penalty": SLOPES.sub(r"\1:weight=0.1", penalty)} if penalty else {}) | options
    classes = tuple(str(number) for number in range(len(toy.modes)))
    told = dataclasses.replace(plain, domains=classes, num_labels=len(classes), extra={"labels": "classes"})
    reasons = []
    for spec, architecture in itertools.product((plain, told), ARCHITECTURES):
        try:
            return built(name, spec, seed, **{"architecture": architecture} | options)
        except (ValueError, LookupError) as error:
            reasons.append(str(error))
    raise ValueError(reasons[len(ARCHITECTURES)])


def check(name: str) -> None:
    """Raise what a preset raises on points: in being built, or in its first step."""
    Points(name, TOYS["ring"], 0, batch=8).step(0.0)


def measure(name: str, toy: str, seed: int, seconds: float) -> dict[str, Any]:
    """Train a preset on a toy for its time: a row of the table."""
    points = Points(name, TOYS[toy], seed)
    points.train(seconds)
    modes, good = points.judge()
    told = bool(points.model.targets())
    return {"modes": modes, "good": good, "told": told, "steps": points.steps, "trained": round(points.spent, 1)}


def ideal(toy: str) -> tuple[int, float]:
    """What points of the toy itself are judged as."""
    return TOYS[toy].judge(TOYS[toy].draw(COUNT, torch.Generator().manual_seed(1))["image"])


# Behaviours.


def critic_follows_quality(steps: int, seed: int) -> dict[str, Any]:
    """Whether WGAN's estimate of the distance falls as what is drawn gets better, over one run.

    The estimate is the critic's mean on real points minus that on drawn ones, before each update of the generator. How
    good these are is the distance that 1,000 directions see on average between sorted projections (sliced Wasserstein).
    """
    from i2i_zoo.latents import Seeded

    toy = TOYS["ring"]
    options = {"n_critic": CRITIC, "critic_warmup": 0, "regularisers": f"clip:bound={BOUND}", "lr": 1e-3}
    points = Points("wgan", toy, seed, **options)
    real = toy.draw(COUNT, torch.Generator().manual_seed(2))["image"]
    z = points.model.latent.draw(Seeded(0), COUNT)
    estimates, distances = [], []
    while points.steps < steps:
        points.step(points.steps / steps)
        if points.steps % CRITIC == CRITIC - 1:
            with torch.no_grad():
                images = points.model.drawer()(z, None, None)
                judged = [points.model.discriminator(each, None).logit.mean() for each in (real, images)]
            estimates.append(float(judged[0] - judged[1]))
            distances.append(sliced(real.flatten(1), images.flatten(1)))
    if len(estimates) < 2:
        raise ValueError(f"{steps} steps are too few; use --steps {CRITIC} or more")
    return {
        "correlation": ranked(estimates, distances),
        "estimates": [estimates[0], estimates[-1]],
        "distances": [distances[0], distances[-1]],
        "taken": len(estimates),
    }


def sliced(a: Tensor, b: Tensor, directions: int = 1000) -> float:
    """The mean distance of sorted projections of points (N, 2) on directions."""
    angles = torch.arange(directions) * (math.pi / directions)
    onto = torch.stack([angles.cos(), angles.sin()])
    return float(((a @ onto).sort(dim=0).values - (b @ onto).sort(dim=0).values).abs().mean())


def ranked(a: list[float], b: list[float]) -> float:
    """Spearman's correlation: that of ranks."""
    ranks = torch.stack([torch.tensor(each).double().argsort().argsort().double() for each in (a, b)])
    return float(torch.corrcoef(ranks)[0, 1])


def modes_with_discrimination(regularisers: str, steps: int, seed: int) -> dict[str, Any]:
    """Modes of the grid that a baseline covers, which collapses: dcgan's recipe with a fast generator.

    Its networks begin with PyTorch's weights, so small that hardly any of the latent passes the generator.
    """
    fast = {"lr": 1e-3, "discriminator_lr": 2e-4, "reuse": False}
    points = Points("dcgan", TOYS["grid"], seed, batch=64, regularisers=regularisers, **fast)
    for layer in points.model.modules():
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    while points.steps < steps:
        points.step(points.steps / steps)
    modes, good = points.judge()
    return {"modes": modes, "good": good, "steps": steps}


def schedule_and_clipping(steps: int, seed: int) -> dict[str, Any]:
    """Updates of the generator for each n_critic, and the largest weight of a critic with each bound."""
    found: dict[str, Any] = {"generator": {}, "largest": {}}
    for n_critic in (1, 2, 5):
        points = Points("wgan", TOYS["ring"], seed, n_critic=n_critic, critic_warmup=0)
        for _ in range(steps):
            points.step(0.0)
        found["generator"][str(n_critic)] = points.model.clock.of("generator")
    for bound in (0.01, 0.1):
        points = Points("wgan", TOYS["ring"], seed, regularisers=f"clip:bound={bound}")
        for _ in range(steps):
            points.step(0.0)
        found["largest"][str(bound)] = max(
            float(p.detach().abs().max()) for p in points.model.discriminator.parameters()
        )
    return found
