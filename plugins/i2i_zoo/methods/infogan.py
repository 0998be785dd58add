"""InfoGAN: some numbers of the latent can be read off the picture again (Chen et al., 2016, arXiv:1606.03657).

Latents are noise with codes: categories, and numbers of a range. A recogniser on the discriminator's features guesses
them, and both players make its error small: a bound on the mutual information of codes and pictures.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

import i2i
from i2i import networks
from i2i_zoo import codes, recipe
from i2i_zoo.codes import Codes
from i2i_zoo.model import TwoPlayer
from i2i_zoo.objectives.information import Coded, Information, Recogniser
from i2i_zoo.parts import Element


class InfoGAN(TwoPlayer):
    """Two players, and a recogniser that is trained with the discriminator and taught by both."""

    @dataclass(frozen=True, kw_only=True)
    class Options(recipe.Recipe):
        information: float = i2i.option(1.0, help="Weight of what is recognised of categories.", min=0)
        continuous_information: float = i2i.option(1.0, help="Weight of what is recognised of numbers.", min=0)
        learnt_variance: bool = i2i.option(False, help="Let the recogniser say how sure it is of each number.")
        continuous_loss: Literal["likelihood", "squares"] = i2i.option(
            "likelihood", help="How far off what is recognised of numbers is: by likelihood, or mean squares."
        )

    Request = codes.Request
    moment = Coded
    latent: Codes

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        image = torch.zeros(1, self.shape.channels, *self.shape.size)
        with torch.no_grad():
            features: Tensor = self.discriminator.eval()(image, None).features
        self.discriminator.train()
        self.recogniser = Recogniser(features.shape[1], self.information.guesses)
        networks.initialise(self.recogniser)

    def _elements(self) -> dict[str, Element]:
        o = self.options
        if not isinstance(self.latent, Codes):
            raise ValueError(f"--latent is {o.latent}, which has nothing to recognise; use --latent codes")
        squares = o.continuous_loss == "squares"
        if squares and o.learnt_variance:
            raise ValueError("--continuous-loss squares has no variance to learn; use --no-learnt-variance")
        information = Information(self.latent, o.information, o.continuous_information, o.learnt_variance, squares)
        return super()._elements() | {f"--latent {o.latent}": information}

    @property
    def information(self) -> Information:
        """What is asked of both players about the codes."""
        return next(each for each in self.asked_for.values() if isinstance(each, Information))

    def optimizers(self, phase: i2i.Phase) -> dict[str, Optimizer]:
        made = super().optimizers(phase)
        made["discriminator"].add_param_group({"params": list(self.recogniser.parameters())})
        return made

    def drawn_latent(self, request: Any) -> Tensor:
        z = super().drawn_latent(request)
        for number, values in self.latent.read(request.code).items() if request.code else ():
            if len(values) > 1:
                raise ValueError(f"--code {request.code} sweeps, and this draws one picture; set one value: 3=0.5")
            z = self.latent.with_code(z, number, values[0])
        return z

    def grid(self, request: Any) -> list[list[tuple[str, Any]]] | None:
        values = self.latent.read(request.code) if request.code else {}
        if not values or request.strip() is not None:
            return super().grid(request)
        fixed = {number: each[0] for number, each in values.items()}
        swept = [number for number, each in values.items() if len(each) > 1]
        columns = [fixed | {number: value} for number in swept[-1:] for value in values[number]] or [fixed]
        rows = (
            [(request.seed, {swept[0]: value}) for value in values[swept[0]]]
            if len(swept) > 1
            else [(seed, {}) for seed in range(request.seed, request.seed + request.samples)]
        )
        return [[self._titled(request, seed, column | row) for column in columns] for seed, row in rows]

    def _titled(self, request: Any, seed: int, asked: dict[int, float]) -> tuple[str, Any]:
        code = codes.spelt(asked)
        return f"seed {seed}, {code}", dataclasses.replace(request, seed=seed, code=code)

    def preview(self, examples: Sequence[tuple[i2i.Batch, Any]]) -> list[dict[str, Tensor]]:
        first = f"1=0..{self.latent.categories - 1}" if self.latent.sets else "1=-2..2"
        asked = type(self).Request(samples=1, code=first)
        rows = [{title: self.translate({}, one)[0] for title, one in row} for row in self.grid(asked) or ()]
        return [*super().preview(examples), *rows]
