"""What InfoGAN asks of both players: that codes can be recognised (Chen et al., 2016, arXiv:1606.03657)."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

import i2i
from i2i import networks
from i2i_zoo.codes import Codes
from i2i_zoo.moment import Drawn, Moment
from i2i_zoo.parts import Element, Judged, wide


class Recogniser(nn.Sequential):
    """Features (N, F) to guesses of codes (N, K)."""

    def __init__(self, features: int, guesses: int, width: int = 128) -> None:
        hidden = [nn.Linear(features, width), networks.BatchNorm1d(width), nn.LeakyReLU(0.1)]
        super().__init__(*hidden, nn.Linear(width, guesses))


class Information(Element):
    """-L_I: cross-entropy of the categories, negative log likelihood of the others; their means over the batch.

    A number's is 1/2 (log 2 pi + v + (c - m)^2 exp(-v)) with its mean m as guessed; v is 0, or guessed if `learnt`.
    With `squares` all numbers' is the mean of (c - m)^2, as PyTorch-GAN has it (with a weight of 0.1).
    """

    needs = frozenset({"features"})

    def __init__(self, latent: Codes, weight: float, continuous_weight: float, learnt: bool, squares: bool) -> None:
        super().__init__()
        self.latent, self.weights, self.learnt, self.squares = latent, (weight, continuous_weight), learnt, squares

    @property
    def guesses(self) -> int:
        """How many numbers the recogniser gives."""
        return self.latent.size - self.latent.noise + self.learnt * self.latent.continuous

    def categorical(self, guess: Tensor, code: Tensor) -> Tensor:
        """The cross-entropy of logits (N, sets, categories) to the same of zeros and ones, summed over the sets."""
        return -(guess.log_softmax(dim=2) * code).sum(dim=(1, 2)).mean()

    def continuous(self, mean: Tensor, log_variance: Tensor, code: Tensor) -> Tensor:
        """The negative log likelihood of codes (N, continuous), summed over them; or the mean of their squares."""
        if self.squares:
            return (code - mean).square().mean()
        off = (code - mean).square() * (-log_variance).exp()
        return 0.5 * (math.log(2 * math.pi) + log_variance + off).sum(dim=1).mean()

    def terms(self, now: Moment, fake: Judged) -> i2i.Terms:
        """Both errors, weighted, of what was judged last."""
        assert isinstance(now, Coded)
        assert fake.embedding is not None  # which the step has put there
        latent, guess = self.latent, wide(fake.embedding)
        _, categories, numbers = latent.split(wide(now.codes))
        sets, means, variances = guess.split(
            [categories[0].numel(), latent.continuous, self.learnt * latent.continuous], 1
        )
        together: i2i.Terms = {}
        if latent.sets:
            together["categories"] = self.weights[0] * self.categorical(sets.view_as(categories), categories)
        if latent.continuous:
            spread = variances if self.learnt else torch.zeros_like(means)
            together["numbers"] = self.weights[1] * self.continuous(means, spread, numbers)
        return together

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        return self.terms(now, fake)

    def generator(self, now: Moment, fake: Judged, real: Judged | None) -> i2i.Terms:
        return self.terms(now, fake)


class Coded(Moment):
    """A step whose generated pictures are recognised: `codes` are the latents of those that were judged last."""

    codes: Tensor

    def judge(self, *drawn: Drawn) -> list[Judged]:
        says = super().judge(*drawn)
        for place, each in enumerate(drawn):
            if each.z is not None:
                self.codes = each.z
                guess = self.model.get_submodule("recogniser")(says[place].features)
                says[place] = replace(says[place], embedding=guess)
        return says
