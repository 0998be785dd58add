"""VAE-GAN: a variational autoencoder whose likelihood is of a discriminator's features.

Larsen et al., 2015, arXiv:1512.09300. The discriminator sees real pictures, reconstructions and samples. The encoder
makes small the codes' distance from N(0, 1) and that of the features; the decoder that of the features, weighted, and
the objective. So the encoder gets no gradient of the objective. Whoever is too far ahead waits: the discriminator while
one of its cross-entropies is below an equilibrium by a margin, the decoder while one is above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

import i2i
from i2i import networks
from i2i_zoo import recipe
from i2i_zoo.methods.three_sets import ThreeClasses, ThreeSets, of_two_classes
from i2i_zoo.methods.vae import check_latent
from i2i_zoo.model import PREVIEWED, TwoPlayer
from i2i_zoo.moment import Drawn, Moment
from i2i_zoo.objectives.classic import NonSaturating
from i2i_zoo.parts import Judged, merged, wide

MEASURED = (ThreeSets, ThreeClasses, NonSaturating)  # objectives that are cross-entropies


class AutoencoderGAN(TwoPlayer):
    """An encoder, a decoder and a discriminator."""

    @dataclass(frozen=True, kw_only=True)
    class Options(recipe.Recipe):
        feature_weight: float = i2i.option(1e-6, help="Weight of the features' distance for the decoder.", min=0)
        equilibrium: float = i2i.option(0.68, help="Cross-entropy of the discriminator about which both stay.", min=0)
        margin: float = i2i.option(0.35, help="How far from it a player is left out; 0: never.", min=0)

    gives = frozenset({"reconstructions"})
    encoder: nn.Module

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        check_latent(self.latent, options.latent)
        if options.n_critic > 1 or options.critic_warmup or options.generator_draws > 1:
            raise ValueError(
                "here the equilibrium says who is updated, each by as many pictures; "
                "use --n-critic 1 --critic-warmup 0 --generator-draws 1, and --margin"
            )
        if self._usual()[0].pairs:
            raise ValueError(
                f"--objective {options.objective} pairs each real picture with a generated one, and here are twice as "
                "many, reconstructions and samples; use --objective vaegan"
            )
        if options.margin and not isinstance(self._usual()[0], MEASURED):
            raise ValueError(
                f"--objective {options.objective} is no cross-entropy, and the equilibrium is of them; "
                "use --objective vaegan, or --margin 0 to update all in each step"
            )
        if not hasattr(self.architecture, "encoder"):
            raise ValueError(f"--architecture {options.architecture} has no encoder; use --architecture vaegan")
        self.encoder = self.architecture.encoder(self.shape)
        self.architecture.initialise(self.encoder)

    def optimizers(self, phase: i2i.Phase) -> dict[str, Optimizer]:
        return super().optimizers(phase) | {"encoder": self.optimizer(self.encoder.parameters(), self.options.lr)}

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        now = Moment(self, batch, progress)
        code, count = self.encoder(now.pictures.images), len(now.pictures.images)
        z = torch.cat([code.draw(now.chance), now.latents(count)])
        fake = Drawn(self.generator(z, None, now.chance), z=z)  # reconstructions, then samples
        real_says, fake_says = now.judge(now.pictures, fake)
        distance = self.distance(now, fake, real_says, fake_says)
        teaches, plays = self.balance(real_says, fake_says)
        updates = {"encoder": {"kl": code.divergence().mean(), "features": distance}}
        if plays:
            own = {"features": self.options.feature_weight * distance}
            asked = (each.generator(now, fake_says, real_says) for each in self._usual())
            updates["generator"] = merged([own, *asked])
        yield updates
        if plays:
            self._stepped(now, "generator")
            self.follow(now.count)
        if teaches:  # of the same pictures: as if all had been updated at once
            yield from self.teach_discriminator(now, fake)
        yield from self.watched()

    def distance(self, now: Moment, fake: Drawn, real_says: Judged, fake_says: Judged) -> Tensor:
        """1/2 |f(x) - f(reconstruction)|^2, f the discriminator's features, of the pictures as they are.

        What was judged is augmented, the two in different ways, and would differ by that: then they are looked at anew.
        """
        if self.augmentations:
            real_says, fake_says = (self.discriminator(each.images) for each in (now.pictures, fake))
        assert real_says.features is not None
        assert fake_says.features is not None
        off = wide(fake_says.features[: len(real_says.features)]) - wide(real_says.features).detach()
        return 0.5 * off.square().sum(dim=1).mean()

    @torch.no_grad()
    def balance(self, real: Judged, fake: Judged) -> tuple[bool, bool]:
        """Whether the discriminator is updated, and whether the decoder is; both where neither would be."""
        o, costs = self.options, getattr(self._usual()[0], "costs", of_two_classes)
        if not o.margin:
            return True, True
        low, high = (value.item() for value in networks.average_over_ranks(costs(real, fake)).aminmax())
        teaches, plays = low >= o.equilibrium - o.margin, high <= o.equilibrium + o.margin
        return teaches or not plays, plays or not teaches

    def features(self, images: Tensor) -> Tensor:
        mean: Tensor = self.encoder(images).mean
        return mean

    def preview(self, examples: Sequence[tuple[i2i.Batch, Any]]) -> list[dict[str, Tensor]]:
        real = torch.cat([inputs["image"][:1] for inputs, _ in examples[:PREVIEWED]])
        again = self.drawer()(self.encoder(real).mean, None, None).clamp(-1, 1)
        row = {f"reconstruction {number}": image for number, image in enumerate(again, 1)}
        return [*super().preview(examples), row]
