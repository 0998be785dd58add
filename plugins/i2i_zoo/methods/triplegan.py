"""Triple-GAN: a classifier is the third player, and few labels teach it (Li et al., 2017, arXiv:1703.02291).

The discriminator judges pairs of picture and class: labelled ones are true; pictures with the class that the
classifier names, and drawn ones with the class they were asked for, are false. The classifier is also taught by
labels, by saying the same under other noise, and later by drawn pictures. The gradient of what the discriminator says
reaches it by how sure it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer

import i2i
from i2i import networks
from i2i_zoo import recipe
from i2i_zoo.architectures.triple import Triple
from i2i_zoo.model import TwoPlayer
from i2i_zoo.moment import Drawn, Moment
from i2i_zoo.objectives.classes import cross_entropy
from i2i_zoo.parts import Element, Judged, wide

LATER = 0.2  # of the run: until then the consistency grows, from then on drawn pictures teach the classifier


class ThreePlayers(Element):
    """D: mean sp(-r) + alpha mean sp(c) + (1 - alpha) mean sp(f); G: (1 - alpha) mean sp(-f), as in the authors' code.

    r, c and f are logits of labelled pairs, of the classifier's and of drawn ones; `saturating`, as the paper has it,
    G is -(1 - alpha) mean sp(f). For the discriminator the second half of the false pairs are the classifier's.
    """

    def __init__(self, alpha: float = 0.5, saturating: bool = False) -> None:
        super().__init__()
        if not 0 < alpha < 1:
            raise ValueError(f"--objective triple has alpha={alpha:g}; give more than 0 and less than 1")
        self.alpha, self.saturating = alpha, saturating

    def adapt(self, model: TwoPlayer) -> None:
        if not isinstance(model, TripleGAN):
            raise ValueError(
                f"--objective {model.options.objective} is for three players, and here are two; "
                f"use --objective {type(model.options).objective}"
            )

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        assert real.labels is not None
        known = (real.labels >= 0).to(wide(real.logit))
        share = networks.average_over_ranks(known.mean()).clamp_min(1e-8)
        drawn, pairs = wide(fake.logit).chunk(2)
        true = (F.softplus(-wide(real.logit)) * known).mean() / share
        return {"gan": true + self.alpha * F.softplus(pairs).mean() + (1 - self.alpha) * F.softplus(drawn).mean()}

    def generator(self, now: Moment, fake: Judged, real: Judged | None) -> i2i.Terms:
        f = wide(fake.logit)
        return {"gan": (1 - self.alpha) * (-F.softplus(f) if self.saturating else F.softplus(-f)).mean()}

    def classifier(self, logit: Tensor, sure: Tensor) -> Tensor:
        """The classifier's: alpha mean sure sp(-c), of how sure (N,) it is; `saturating`, -alpha mean sure sp(c)."""
        c = wide(logit)
        return self.alpha * (sure * (-F.softplus(c) if self.saturating else F.softplus(-c))).mean()


class TripleGAN(TwoPlayer):
    """A generator, a discriminator and a classifier."""

    takes_unlabelled: ClassVar[bool] = True

    @dataclass(frozen=True, kw_only=True)
    class Options(recipe.Recipe):
        classifier_lr: float = i2i.option(3e-3, help="Learning rate of the classifier.", min=0)
        adversarial: float = i2i.option(0.01, help="Weight of what the discriminator says of the classifier.", min=0)
        consistency: float = i2i.option(100.0, help="Weight of saying the same under other noise.", min=0)
        drawn_classes: float = i2i.option(0.1, help="Weight of the classes of drawn pictures, later in a run.", min=0)

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        objective = self._usual()[0]
        if not isinstance(objective, ThreePlayers):
            raise ValueError(f"--objective {options.objective} is for two players, and here are three; use triple")
        if not isinstance(self.architecture, Triple):
            raise ValueError(f"--architecture {options.architecture} has no classifier; use triplegan")
        self.objective = objective
        self.classifier = self.architecture.classifier(self.shape)

    def optimizers(self, phase: i2i.Phase) -> dict[str, Optimizer]:
        o = self.options
        return super().optimizers(phase) | {"classifier": self.optimizer(self.classifier.parameters(), o.classifier_lr)}

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        o, now = self.options, Moment(self, batch, progress)
        turn = self.clock.generator_is_due(o.n_critic, o.critic_warmup)
        logits = wide(self.classifier(now.pictures.images, now.chance))  # (N, K)
        named, drawn = logits.argmax(dim=1), now.draw(grad=False)
        assert drawn.labels is not None
        pairs = Drawn(now.pictures.images, named)
        false = Drawn(torch.cat([drawn.images, pairs.images]), torch.cat([drawn.labels.to(named), named]))
        yield from self.teach_discriminator(now, false)
        if turn:
            yield from self.teach_generator(now, now.draw(grad=True, times=o.generator_draws))
        yield "classifier", self.classes(now, logits, pairs, drawn)
        yield from self.watched()

    def classes(self, now: Moment, logits: Tensor, pairs: Drawn, drawn: Drawn) -> i2i.Terms:
        """The classifier's terms, of its logits (N, K) for the pictures."""
        o, done = self.options, now.progress.fraction
        (says,) = now.judge(pairs)
        likely = logits.softmax(dim=1)
        again = wide(self.classifier(now.pictures.images, now.chance)).softmax(dim=1).detach()
        growing = math.exp(-5 * (1 - min(1.0, done / LATER)) ** 2)
        terms = {
            "classes": cross_entropy(logits, now.pictures.labels),
            "gan": o.adversarial * self.objective.classifier(says.logit.detach(), likely.amax(dim=1)),
            "consistency": o.consistency * growing * (likely - again).square().mean(),
        }
        if done >= LATER and o.drawn_classes:
            guess = self.classifier(drawn.images, now.chance)
            terms["drawn_classes"] = o.drawn_classes * cross_entropy(guess, drawn.labels)
        return terms

    def diagnose(self, training: Iterable[i2i.Batch], held_back: Iterable[i2i.Batch]) -> dict[str, float]:
        held_back = [batch for batch in held_back if (batch["label"] >= 0).any()]
        right = sum(int((self.classifier(b["image"]).argmax(dim=1) == b["label"]).sum()) for b in held_back)
        known = sum(int((batch["label"] >= 0).sum()) for batch in held_back)
        figures = super().diagnose(training, held_back)
        return figures | {"named rightly, held-back": right / known} if known else figures
