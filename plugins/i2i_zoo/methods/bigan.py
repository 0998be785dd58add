"""BiGAN: an encoder learns to undo the generator (Donahue et al., 2016, arXiv:1605.09782).

The discriminator judges pairs, a picture with its latent: (x, E(x)) against (G(z), z). Generator and encoder are one
player; their loss is the discriminator's with the roles exchanged, so that it does not saturate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

import i2i
from i2i_zoo.architectures.pairs import Inferring
from i2i_zoo.model import PREVIEWED, TwoPlayer
from i2i_zoo.moment import Drawn, Moment
from i2i_zoo.parts import Judged, merged


class Pairs(Moment):
    """A step whose discriminator is asked of pictures with their latents; those of real ones are inferred.

    What it judged is shown to penalties as one vector a pair (N, C H W + Z, 1, 1): so they mix, move and differentiate
    a picture together with its latent.
    """

    inferred: Drawn

    def look(self, batch: i2i.Batch) -> None:
        super().look(batch)
        images = self.pictures.images
        latents = self.model.get_submodule("encoder")(images)
        self.inferred, self.pictures = Drawn(images, z=latents), Drawn(images, z=latents.detach())

    def judge(self, *drawn: Drawn) -> list[Judged]:
        says = [self.model.discriminator(self.augmented(each.images), each.z) for each in drawn]
        return [replace(one, images=paired(each)) for one, each in zip(says, drawn, strict=True)]

    def critic(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits (N,) of pairs, each a vector, whose pictures are augmented."""
        size = self.model.latent.size
        shown, z = images.flatten(1)[:, :-size], images.flatten(1)[:, -size:]
        judged: Judged = self.model.discriminator(self.augmented(shown.view_as(self.pictures.images)), z)
        return judged.logit


def paired(drawn: Drawn) -> Tensor:
    """Pictures (N, C, H, W) and their latents (N, Z) as vectors (N, C H W + Z, 1, 1)."""
    assert drawn.z is not None
    images = drawn.images.flatten(1)
    return torch.cat([images, drawn.z.to(images)], dim=1)[:, :, None, None]


class BiGAN(TwoPlayer):
    """A generator and an encoder on one side, and a discriminator of pairs."""

    moment, method = Pairs, "bigan"
    encoder: nn.Module

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        if not isinstance(self.architecture, Inferring):
            raise ValueError(
                f"--architecture {options.architecture} has no encoder; use --architecture bigan or bigan-conv"
            )
        self.encoder = self.architecture.encoder(self.shape)
        self.architecture.initialise(self.encoder)

    def optimizers(self, phase: i2i.Phase) -> dict[str, Optimizer]:
        made = super().optimizers(phase)
        made["generator"].add_param_group({"params": list(self.encoder.parameters())})
        return made

    def teach_generator(self, now: Moment, fake: Drawn) -> i2i.Updates:
        """Update generator and encoder by the objective with its roles exchanged."""
        assert isinstance(now, Pairs)
        real_says, fake_says = now.judge(now.inferred, fake)
        objective, *others = self._usual()
        terms = [each.generator(now, fake_says, real_says) for each in others]
        yield "generator", merged([objective.discriminator(now, fake_says, real_says), *terms])
        self._stepped(now, "generator")
        self.follow(now.count)

    def features(self, images: Tensor) -> Tensor:
        latents: Tensor = self.encoder(images)
        return latents

    def preview(self, examples: Sequence[tuple[i2i.Batch, Any]]) -> list[dict[str, Tensor]]:
        real = torch.cat([inputs["image"][:1] for inputs, _ in examples[:PREVIEWED]])
        again = self.drawer()(self.encoder(real), None, None).clamp(-1, 1)
        return [*super().preview(examples), {f"inferred {number}": image for number, image in enumerate(again, 1)}]
