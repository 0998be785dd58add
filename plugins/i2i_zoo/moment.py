"""A step as the elements see it: its pictures and labels, what is drawn, and what is judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor, nn

import i2i
from i2i_zoo import rules
from i2i_zoo.parts import Augmentation, Chance, Judged

if TYPE_CHECKING:
    from i2i_zoo.model import TwoPlayer


@dataclass(frozen=True)
class Drawn:
    """Pictures (N, C, H, W) with their labels (N,) or None, and the latents (N, Z) of those that were drawn."""

    images: Tensor
    labels: Tensor | None = None
    z: Tensor | None = None

    def detached(self) -> Drawn:
        """The same, cut off from the generator."""
        return replace(self, images=self.images.detach())

    def of(self, places: Tensor) -> Drawn:
        """Those at some places (K,)."""
        cut = (None if each is None else each[places] for each in (self.labels, self.z))
        return Drawn(self.images[places], *cut)


class Moment:
    """One train step: `pictures` are the real ones, `chance` its source of numbers, `model` the players."""

    progress: i2i.Progress
    chance: Chance
    pictures: Drawn

    def __init__(self, model: TwoPlayer, batch: i2i.Batch, progress: i2i.Progress) -> None:
        self.model, self.progress, self.chance = model, progress, progress
        self.noise: Chance | None = progress  # what is random in the painter beside its latents
        self.augmentations: list[Augmentation] = model.augmentations
        if progress.step == 0:
            rules.say_exempt(model.asked_for, progress.ranks)
        model.architecture.begin(model.generator, model.discriminator, progress)
        self.look(batch)

    @classmethod
    def still(cls, model: TwoPlayer, batch: i2i.Batch, chance: Chance) -> Self:
        """The same outside training: pictures are judged as they are, and drawn as a user's are."""
        now = cls.__new__(cls)
        now.model, now.chance, now.noise, now.augmentations = model, chance, None, []
        now.look(batch)
        return now

    def look(self, batch: i2i.Batch) -> None:
        """See the real pictures of a batch."""
        images = batch["image"]  # (N, C, H, W) in [-1, 1]
        if self.noise is not None:
            images = self.model.architecture.shown(images, self.progress)
        self.pictures = Drawn(images, batch["label"] if self.model.shape.classes else None)

    @property
    def painter(self) -> nn.Module:
        """The network that draws."""
        return self.model.drawer() if self.noise is None else self.model.generator

    @property
    def count(self) -> int:
        """Pictures of the step over all ranks."""
        return len(self.pictures.images) * self.progress.ranks

    def labels(self, count: int) -> Tensor | None:
        """Draw labels (N,), each class as often, where the generator is told them; else None."""
        if self.model.shape.generator_conditioning == "none":
            return None
        return (self.chance.rand(count) * self.model.shape.classes).long().to(self.pictures.images.device)

    def latents(self, count: int) -> Tensor:
        """Draw latents (N, Z)."""
        return self.model.latent.draw(self.chance, count).to(self.pictures.images)

    def draw(self, grad: bool, times: int = 1) -> Drawn:
        """Draw `times` as many pictures as there are real ones, with or without gradients to the generator."""
        count = times * len(self.pictures.images)
        z, labels = self.latents(count), self.labels(count)
        with torch.set_grad_enabled(grad):
            return Drawn(self.painter(z, labels, self.noise), labels, z)

    def judge(self, *drawn: Drawn) -> list[Judged]:
        """Ask the discriminator of several sets of pictures, each augmented: in one batch where it may be."""
        images = [self.augmented(each.images) for each in drawn]
        labels = [self.told(each.labels) for each in drawn]
        net = self.model.discriminator
        if len(drawn) > 1 and self.model.joint:
            known = [each for each in labels if each is not None]  # all, or not of those drawn without a class
            together = net(torch.cat(images), torch.cat(known) if len(known) == len(labels) else None)
            judged = together.split(*map(len, images))
        else:
            judged = [net(*pair) for pair in zip(images, labels, strict=True)]
        return [replace(j, images=d.images, labels=d.labels) for j, d in zip(judged, drawn, strict=True)]

    def critic(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits (N,) of pictures, augmented: what penalties differentiate."""
        judged: Judged = self.model.discriminator(self.augmented(images), self.told(labels))
        return judged.logit

    def told(self, labels: Tensor | None) -> Tensor | None:
        """The labels that the discriminator is told: none where it is not conditioned."""
        return self.model.told(labels)

    def augmented(self, images: Tensor) -> Tensor:
        """Pictures as the discriminator sees them."""
        for augmentation in self.augmentations:
            images = augmentation.augment(self, images)
        return images
