"""What else is asked of the players: bounds on weights, and the like."""

from __future__ import annotations

import torch

import i2i
from i2i_zoo.moment import Moment
from i2i_zoo.parts import Element


class Clip(Element):
    """Clamp every weight of the discriminator to [-bound, bound] after its update (Arjovsky et al., 2017,
    arXiv:1701.07875).
    """

    def __init__(self, bound: float = 0.01) -> None:
        super().__init__()
        if bound <= 0:
            raise ValueError(f"--regularisers clip:bound={bound:g} leaves nothing; give more than 0")
        self.bound = bound

    def warns(self, recipe: i2i.Options) -> str:
        if getattr(recipe, "optimizer", "") == "adam":
            return "clipped weights and Adam's momentum work against each other; --optimizer rmsprop is the paper's"
        return ""

    @torch.no_grad()
    def stepped(self, now: Moment, player: str) -> None:
        if player == "discriminator":
            for weights in now.model.discriminator.parameters():
                weights.clamp_(-self.bound, self.bound)
