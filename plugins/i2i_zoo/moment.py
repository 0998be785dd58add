"""A step as the elements see it: its pictures and labels, what is drawn, and what is judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

import i2i
from i2i_zoo import rules
from i2i_zoo.parts import Judged

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


class Moment:
    """One train step: `pictures` are the real ones, `chance` its source of numbers, `model` the players."""

    def __init__(self, model: TwoPlayer, batch: i2i.Batch, progress: i2i.Progress) -> None:
        self.model, self.progress, self.chance = model, progress, progress
        if progress.step == 0:
            rules.say_exempt(model.asked_for, progress.ranks)
        model.architecture.begin(model.generator, model.discriminator, progress)
        images = model.architecture.shown(batch["image"], progress)  # (N, C, H, W) in [-1, 1]
        self.pictures = Drawn(images, batch["label"] if model.shape.classes else None)

    @property
    def count(self) -> int:
        """Pictures of the step over all ranks."""
        return len(self.pictures.images) * self.progress.ranks

    def labels(self, count: int) -> Tensor | None:
        """Draw labels (N,), each class as often, where the generator is told them; else None."""
        if self.model.shape.generator_conditioning == "none":
            return None
        return (self.chance.rand(count) * self.model.shape.classes).long()

    def latents(self, count: int) -> Tensor:
        """Draw latents (N, Z)."""
        return self.model.latent.draw(self.chance, count).to(self.pictures.images)

    def draw(self, grad: bool, times: int = 1) -> Drawn:
        """Draw `times` as many pictures as there are real ones, with or without gradients to the generator."""
        count = times * len(self.pictures.images)
        z, labels = self.latents(count), self.labels(count)
        with torch.set_grad_enabled(grad):
            return Drawn(self.model.generator(z, labels, self.chance), labels, z)

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
        for augmentation in self.model.augmentations:
            images = augmentation.augment(self, images)
        return images
