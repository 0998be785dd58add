"""Stacked GAN: generators undo a classifier level by level (Huang et al., 2016, arXiv:1612.04357).

From the paper, two levels: an encoder E_1 makes features h of a picture x and E_2 classes y of features. G_1 draws
features of noise and a class, G_0 pictures of noise and features. Each makes small its discriminator's objective, the
conditional loss that its encoder finds again what it was given, and the entropy loss that a recogniser on the
discriminator finds its noise again. Phases: the classifier, then both generators alone, from the top, then joined: G_0
is given what G_1 draws. Networks are DCGAN's and perceptrons, not the authors'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

import i2i
from i2i_zoo import recipe, rules, spelling
from i2i_zoo.architectures import dcgan
from i2i_zoo.architectures.stacked import Encoder, Level, Stack
from i2i_zoo.base import Zoo
from i2i_zoo.objectives.classes import cross_entropy
from i2i_zoo.parts import Divergence, Element, wide


def of_logits_alone(objective: Element) -> bool:
    """Whether an objective is nothing but two functions, which may be asked of any level."""
    more = (name for name, value in vars(Element).items() if callable(value) and name != "__init__")
    plain = all(getattr(type(objective), name) is getattr(Divergence, name) for name in more)
    return isinstance(objective, Divergence) and plain and not objective.needs_real


class StackedGAN(Zoo):
    """A classifier, and a stack of generators that undo it."""

    @dataclass(frozen=True, kw_only=True)
    class Options(recipe.Common):
        objective: str = i2i.option("ns", help="What players of a level make small: ns, hinge, lsgan, ...")
        width: int = i2i.option(64, help="Channels next to the picture.", min=1)
        features: int = i2i.option(256, help="Features between the levels.", min=1)
        conditional: float = i2i.option(1.0, help="Weight of finding again what was given.", min=0)
        entropy: float = i2i.option(1.0, help="Weight of finding the noise again.", min=0)

    generator: Stack

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        dcgan.DCGAN().check(self.shape)
        if not self.shape.classes:
            raise ValueError(f"this stacks generators on a classifier, which needs {rules.WORDS['labels']}")
        if self.latent.size % 2:
            raise ValueError(f"--latent {options.latent} is for two levels; use --latent normal:{self.latent.size + 1}")
        self.objective = spelling.make("objective", options.objective, "--objective")
        if not of_logits_alone(self.objective):
            raise ValueError(f"--objective {options.objective} is no objective of logits alone; use --objective ns")
        self.encoder = Encoder(self.shape, options.width, options.features)
        self.generator = Stack(self.shape, options.width, options.features)
        self.make_average()

    def targets(self) -> tuple[str, ...]:
        return self.spec.domains

    def phases(self) -> list[i2i.Phase]:
        return [i2i.Phase(name, lr=self.curve()) for name in ("classifier", "features", "pictures", "joined")]

    def optimizers(self, phase: i2i.Phase) -> dict[str, Optimizer]:
        if phase.name == "classifier":
            return {"encoder": self.optimizer(self.encoder.parameters(), self.options.lr)}
        levels = {"features": self.generator.top, "pictures": self.generator.bottom}
        made = {}
        for name in levels.keys() & {phase.name} or levels:
            level = levels[name]
            judging = [*level.body.parameters(), *level.head.parameters()]
            drawing = [*level.generator.parameters(), *level.recogniser.parameters()]
            made[f"{name}_discriminator"] = self.optimizer(judging, self.options.lr)
            made[f"{name}_generator"] = self.optimizer(drawing, self.options.lr)
        return made

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        images, labels, phase = batch["image"], batch["label"], progress.phase.name
        if phase == "classifier":
            yield "encoder", {"classes": cross_entropy(self.encoder.second(self.encoder.first(images)), labels)}
            return
        first, second = self.latent.draw(progress, len(images)).to(images).chunk(2, dim=1)
        with torch.no_grad():
            known = self.encoder.first(images)
        given, players = known, {}
        if phase != "pictures":
            drawn = self.generator.features(first, labels)
            players["features"] = self.generator.top, known, drawn, first
            given = drawn
        if phase != "features":
            players["pictures"] = self.generator.bottom, images, self.generator.pictures(second, given), second
        yield {f"{n}_discriminator": self.judging(level, real, fake) for n, (level, real, fake, _) in players.items()}
        terms = {f"{n}_generator": self.drawing(level, fake, z) for n, (level, _, fake, z) in players.items()}
        if "features_generator" in terms:
            terms["features_generator"]["conditional"] = self.options.conditional * cross_entropy(
                self.encoder.second(drawn), labels
            )
        if "pictures_generator" in terms:
            off = wide(self.encoder.first(players["pictures"][2])) - wide(given)
            terms["pictures_generator"]["conditional"] = self.options.conditional * off.square().mean()
        if len(players) == 2:  # end to end: the upper generator is told what comes of its features
            terms["features_generator"] |= {
                f"pictures_{key}": each for key, each in terms["pictures_generator"].items()
            }
        yield terms
        self.clock.tick("generator")
        self.follow(len(images) * progress.ranks)

    def judging(self, level: Level, real: Tensor, fake: Tensor) -> i2i.Terms:
        """A discriminator's terms."""
        return self.objective.discriminator(None, level.judge(real), level.judge(fake.detach()))

    def drawing(self, level: Level, fake: Tensor, z: Tensor) -> i2i.Terms:
        """A generator's objective and entropy loss, of what it drew with noise (N, Z)."""
        says = level.judge(fake)
        assert says.embedding is not None
        found = self.options.entropy * (wide(says.embedding) - z).square().mean()
        return self.objective.generator(None, says, None) | {"entropy": found}
