"""Stacked GAN: generators undo a classifier level by level (Huang et al., 2016, arXiv:1612.04357).

From the paper, two levels: an encoder E_1 makes features h of a picture x and E_2 classes y of features. G_1 draws
features of noise and a class, G_0 pictures of noise and features. Each makes small its discriminator's objective, the
conditional loss that its encoder finds again what it was given, and the entropy loss that a recogniser on the
discriminator finds its noise again. Phases: the classifier, then both generators alone, from the top, then joined: G_0
is given what G_1 draws. Networks are DCGAN's and perceptrons, not the authors'.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

import i2i
from i2i_zoo import memorisation, recipe, rules, spelling
from i2i_zoo.architectures.dcgan import DCGAN
from i2i_zoo.architectures.stacked import Encoder, Stack, given
from i2i_zoo.base import Zoo
from i2i_zoo.layers.chosen import Norm
from i2i_zoo.methods.level import Level, levels_of, of_logits_alone
from i2i_zoo.moment import Drawn, Moment
from i2i_zoo.objectives.classes import cross_entropy
from i2i_zoo.parts import wide

Played = dict[str, tuple[Level, Moment, Drawn]]  # what the levels of a step drew, by their names


class StackedGAN(Zoo):
    """A classifier, and a stack of generators that undo it."""

    @dataclass(frozen=True, kw_only=True)
    class Options(recipe.Common):
        objective: str = i2i.option("ns", help="What players of a level make small: ns, hinge, lsgan, ...")
        gradient_penalty: str = i2i.option("none", help="Penalty on discriminators' slopes: none, gp:weight=10, r1.")
        augment: str = i2i.option("none", help="What is done to pictures before they are judged, with + between.")
        n_critic: int = i2i.option(1, help="Updates of discriminators for each of the generators.", min=1)
        discriminator_lr: float | None = i2i.option(None, help="Learning rate of discriminators, if another.", min=0)
        norm: Norm = i2i.option("batch", help="Norm of the discriminator of pictures.")
        width: int = i2i.option(64, help="Channels next to the picture.", min=1)
        features: int = i2i.option(256, help="Features between the levels.", min=1)
        conditional: float = i2i.option(1.0, help="Weight of finding again what was given.", min=0)
        entropy: float = i2i.option(10.0, help="Weight of finding the noise again.", min=0)

    generator: Stack

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        DCGAN().check(self.shape)
        if not self.shape.classes:
            raise ValueError(f"this stacks generators on a classifier, which needs {rules.WORDS['labels']}")
        if self.latent.size % 2:
            raise ValueError(f"--latent {options.latent} is for two levels; use --latent normal:{self.latent.size + 1}")
        if not of_logits_alone(spelling.make("objective", options.objective, "--objective")):
            raise ValueError(f"--objective {options.objective} is no objective of logits alone; use --objective ns")
        self.encoder = Encoder(self.shape, options.width, options.features)
        self.generator = Stack(*levels_of(options, spec, self.latent.size // 2))
        if self.generator.top.eager:
            self.eager = ("generator",)

    def targets(self) -> tuple[str, ...]:
        return self.spec.domains

    def phases(self) -> list[i2i.Phase]:
        return [i2i.Phase(name, lr=self.curve()) for name in ("classifier", "features", "pictures", "joined")]

    def optimizers(self, phase: i2i.Phase) -> dict[str, Optimizer]:
        if phase.name == "classifier":
            return {"encoder": self.optimizer(self.encoder.parameters(), self.options.lr)}
        levels = {"features": self.generator.top, "pictures": self.generator.bottom}
        names = levels.keys() & {phase.name} or levels
        return {f"{n}_{player}": made for n in names for player, made in levels[n].optimizers(phase).items()}

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        if progress.phase.name == "classifier":
            found = self.encoder.second(self.encoder.first(batch["image"]))
            yield "encoder", {"classes": cross_entropy(found, batch["label"])}
            return
        turn = self.clock.generator_is_due(self.options.n_critic)
        played = self.played(batch, progress, grad=turn)
        for name, (level, now, fake) in played.items():
            for player, terms in level.teach_discriminator(now, fake):
                yield f"{name}_{player}", terms
        self.clock.tick("discriminator")
        if turn:
            yield {f"{name}_generator": terms for name, terms in self.drawing(played).items()}
            for level, now, _ in played.values():
                level.follow_up(now)
            self.clock.tick("generator")
        for level, *_ in played.values():
            yield from level.watched()

    def played(self, batch: i2i.Batch, progress: i2i.Progress, grad: bool) -> Played:
        """What the levels of a phase draw, with or without gradients: of the encoder's features, or the upper one's."""
        (top, bottom), images, played = self.generator.children(), batch["image"], {}
        first, second = self.latent.draw(progress, len(images)).to(images).chunk(2, dim=1)
        with torch.no_grad():
            features = self.encoder.first(images)
        with torch.set_grad_enabled(grad):
            if progress.phase.name != "pictures":
                now = Moment(top, batch | {"image": features}, progress)
                features = top.generator(first, batch["label"], progress)
                played["features"] = top, now, Drawn(features, batch["label"], first)
            if progress.phase.name != "features":
                z = given(second, features)
                played["pictures"] = bottom, Moment(bottom, batch, progress), Drawn(bottom.generator(z), z=z)
        return played

    def drawing(self, played: Played) -> dict[str, i2i.Terms]:
        """The generators' terms of a step, by their levels; joined, the upper one is told of the pictures, too."""
        o = self.options
        terms = {name: level.drawing(now, fake, o.entropy) for name, (level, now, fake) in played.items()}
        if "features" in played:
            fake = played["features"][2]
            found = self.encoder.second(fake.images)
            terms["features"]["conditional"] = o.conditional * cross_entropy(found, fake.labels)
        if "pictures" in played:
            fake = played["pictures"][2]
            off = wide(self.encoder.first(fake.images)).flatten(1) - wide(fake.z[:, -o.features :])
            terms["pictures"]["conditional"] = o.conditional * off.square().mean()
        if len(terms) == 2:
            terms["features"] |= {f"pictures_{key}": each for key, each in terms["pictures"].items()}
        return terms

    def diagnose(self, training: Iterable[i2i.Batch], held_back: Iterable[i2i.Batch]) -> dict[str, float]:
        return memorisation.diagnose(self.generator.bottom, training, held_back, self.drawn)

    def drawn(self, now: Moment) -> Drawn:
        """As many pictures of the stack as there are real ones, of any class."""
        images = now.pictures.images
        z, classes = self.latent.draw(now.chance, len(images)), now.chance.rand(len(images)) * self.shape.classes
        return Drawn(self.drawer()(z.to(images), classes.long().to(images.device)))

    def features(self, images: Tensor) -> Tensor:
        return self.generator.bottom.features(images)
