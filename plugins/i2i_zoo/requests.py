"""What can be asked of a model of the zoo when pictures are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import i2i


@dataclass(frozen=True, kw_only=True)
class Request(i2i.Request):
    """What to draw."""

    truncation: float | None = i2i.option(
        None, help="Draw latents from their middle alone: less varied and more typical below 1.", min=0.01
    )
