"""Generative adversarial networks by name: one recipe a preset, of parts that can be exchanged.

Other plugins add parts through the hook `zoo_parts`; what the classes look like says `i2i_zoo.parts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import i2i

Axis = Literal["architecture", "objective", "penalty", "regulariser", "augmentation", "latent", "average", "curve"]


@dataclass(frozen=True)
class Part:
    """Announce a part: what it is one of, its name in options, where it is, and what it does in a sentence."""

    axis: Axis
    name: str
    target: str  # "i2i_zoo.objectives.classic:Hinge"
    summary: str
    paper: str = ""
    year: int = 0


class hookspecs:
    """The hook that plugins add parts through."""

    @i2i.hookspec
    def zoo_parts(self) -> list[Part]:
        """Announce architectures, objectives and other parts: options know them from then on."""


@i2i.hookimpl
def models() -> list[i2i.ModelCard]:
    """Announce the presets."""
    from i2i_zoo import cards

    return cards.models()


@i2i.hookimpl
def zoo_parts() -> list[Part]:
    """Announce the parts that come with the zoo."""
    from i2i_zoo import cards

    return cards.parts()
