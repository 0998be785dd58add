"""Toy models of the core tests: registered by the `toys` fixture, small enough to train in milliseconds."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

import i2i


@i2i.hookimpl
def models() -> list[i2i.ModelCard]:
    return [
        i2i.ModelCard("toy", "toys:Toy", data="paired", summary="Two phases, two optimizers, chance and dropout."),
        i2i.ModelCard("toy-flat", "toys:Flat", data="images", summary="One convolution that learns the identity."),
        i2i.ModelCard("toy-classes", "toys:Classes", data="labelled", summary="Tells classes, of few labels too."),
    ]


class Toy(i2i.Model):
    """Teach a convolution by L1, then by L1 and a critic; with noise, dropout, a moving mean and a lagging copy."""

    size_multiple = 4
    run_defaults = {"batch_size": 2, "epochs": 2, "image_size": 16, "resize": 20}  # noqa: RUF012

    @dataclass(frozen=True, kw_only=True)
    class Options(i2i.Options):
        lr: float = i2i.option(1e-2, help="Learning rate.", min=0)
        width: int = i2i.option(4, help="Width.", min=1, max=1024)
        dropout: float = i2i.option(0.2, help="Share of features dropped.", min=0, max=1)
        nan_at: int = i2i.option(-1, help="Step of the run at which the loss becomes NaN.")

    def __init__(self, options: Options, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        self.generator = nn.Sequential(
            nn.Conv2d(spec.channels["source"], options.width, 3, padding=1),
            nn.ReLU(),
            nn.Dropout(options.dropout),
            nn.Conv2d(options.width, spec.channels["target"], 3, padding=1),
            nn.Tanh(),
        )
        self.critic = nn.Conv2d(spec.channels["target"], 1, 3)
        self.register_buffer("mean", torch.zeros(()))

    def phases(self) -> list[i2i.Phase]:
        return [i2i.Phase("warmup", share=1), i2i.Phase("adversarial", share=2, lr=i2i.linear_decay(0.5))]

    def optimizers(self, phase: i2i.Phase) -> dict[str, torch.optim.Optimizer]:
        nets = {"generator": self.generator} | ({"critic": self.critic} if phase.name == "adversarial" else {})
        return {name: torch.optim.Adam(net.parameters(), self.options.lr) for name, net in nets.items()}

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        source, target = batch["source"], batch["target"]
        noise = progress.randn(len(source), 1, 1, 1).to(source)
        fake = self.generator(source + 0.1 * noise)
        with torch.no_grad():
            self.mean.lerp_(fake.float().mean().to(self.mean), 0.1)
        terms = {"l1": F.l1_loss(fake, target)}
        if progress.run_step == self.options.nan_at:
            terms["l1"] = terms["l1"] * float("nan")
        if progress.phase.name == "adversarial":
            yield "critic", {"gan": self.critic(fake.detach()).mean() - self.critic(target).mean()}
            terms["gan"] = -0.1 * self.critic(fake).mean()
        yield "generator", terms
        yield None, {"mean": self.mean}

    def translate(self, inputs: i2i.Batch, request: i2i.Request) -> torch.Tensor:
        return self.generator(inputs["source"])


class Flat(i2i.Model):
    """One convolution that learns to give back its input."""

    run_defaults = {"batch_size": 2, "image_size": 16}  # noqa: RUF012

    def __init__(self, options: i2i.Options, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        self.net = nn.Conv2d(spec.channels["image"], spec.channels["image"], 1)

    def optimizers(self, phase: i2i.Phase) -> dict[str, torch.optim.Optimizer]:
        return {"net": torch.optim.SGD(self.net.parameters(), 0.1)}

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        yield "net", {"l1": F.l1_loss(self.net(batch["image"]), batch["image"])}

    def translate(self, inputs: i2i.Batch, request: i2i.Request) -> torch.Tensor:
        return self.net(inputs["source"]).clamp(-1, 1)


class Classes(i2i.Model):
    """A convolution whose mean tells the class; of pictures without a label it learns to be sure."""

    takes_unlabelled = True
    run_defaults = {"batch_size": 4, "image_size": 8, "flip": False}  # noqa: RUF012

    def __init__(self, options: i2i.Options, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        self.net = nn.Conv2d(spec.channels["image"], spec.num_labels, 3)

    def optimizers(self, phase: i2i.Phase) -> dict[str, torch.optim.Optimizer]:
        return {"net": torch.optim.Adam(self.net.parameters(), 0.01)}

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        logits = self.net(batch["image"]).mean((2, 3))
        known = (batch["label"] >= 0).to(logits)
        classes = F.cross_entropy(logits, batch["label"].clamp_min(0), reduction="none")
        entropy = -(logits.softmax(1) * logits.log_softmax(1)).sum(1)
        yield "net", {"classes": (known * classes).mean(), "entropy": ((1 - known) * entropy).mean()}
        yield None, {"known": known.mean()}

    def translate(self, inputs: i2i.Batch, request: i2i.Request) -> torch.Tensor:
        return inputs["source"].clone()

    def features(self, images: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(images, 4)  # (N, C, H / 4, W / 4)

    def diagnose(self, training: Iterable[i2i.Batch], held_back: Iterable[i2i.Batch]) -> dict[str, float]:
        splits = {"training": list(training), "held back": list(held_back)}
        return {f"pictures of {name}": float(sum(len(each["image"]) for each in some)) for name, some in splits.items()}


this = sys.modules[__name__]
