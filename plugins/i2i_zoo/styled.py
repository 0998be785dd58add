"""Drawing with networks that grow, and with those that draw from styles: truncation and mixing of styles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import i2i
from i2i_zoo import requests
from i2i_zoo.latents import Seeded
from i2i_zoo.layers.resample import repeated
from i2i_zoo.layers.styles import repeat_styles, truncate
from i2i_zoo.model import TwoPlayer


class Growable(TwoPlayer):
    """Two players that may grow: what has not grown yet is drawn as large as the rest, by repeating its pixels."""

    def translate(self, inputs: i2i.Batch, request: Any) -> Tensor:
        images = super().translate(inputs, request)
        while images.shape[2] < self.shape.size[0]:
            images = repeated(images)
        return images


@dataclass(frozen=True, kw_only=True)
class StyleRequest(requests.Request):
    """What to draw, and in which style."""

    truncation: float | None = i2i.option(
        None, help="Pull styles towards their mean: 1 leaves them, 0 draws the mean picture.", min=0
    )
    truncation_layers: str = i2i.option(
        "", help="As --truncation, one number a layer with commas, the coarsest first: 0.5,0.5,0.7; later layers stay."
    )
    mix: int | None = i2i.option(None, help="Seed of a second picture, whose style the layers from --crossing on have.")
    crossing: int = i2i.option(4, help="The first layer, counted from 0, that has the style of --mix.", min=0)

    def factors(self, layers: int) -> float | list[float]:
        """What is left of a style's distance from the mean, for all layers or for the first ones of so many.

        Raises ValueError for what are no numbers, or too many.
        """
        if not self.truncation_layers:
            return 1.0 if self.truncation is None else self.truncation
        if self.truncation is not None:
            raise ValueError("--truncation is for all layers, --truncation-layers for each; give one of them")
        try:
            given = [float(word) for word in self.truncation_layers.split(",")]
        except ValueError:
            raise ValueError(
                f"--truncation-layers is {self.truncation_layers}; give numbers with commas between: 0.5,0.5,0.7"
            ) from None
        if len(given) > layers or not all(0 <= number <= 10 for number in given):
            raise ValueError(
                f"--truncation-layers is {self.truncation_layers}; give {layers} numbers at most, each from 0 to 10"
            )
        return given


class Styled(Growable):
    """Two players whose generator draws from styles, which are what is truncated and mixed."""

    Request = StyleRequest

    def translate(self, inputs: i2i.Batch, request: Any) -> Tensor:
        if "styles" not in self.architecture.gives:  # another --architecture
            return super().translate(inputs, request)
        net: Any = self.drawer()
        images: Tensor = net.synthesis(self.styles(request), None).clamp(-1, 1)
        while images.shape[2] < self.shape.size[0]:
            images = repeated(images)
        return images

    def styles(self, request: Any) -> Tensor:
        """The styles (1, L, W) that a request asks for. Raises ValueError for layers that there are not."""
        net: Any = self.drawer()
        layers: int = net.num_styles
        styles = repeat_styles(self._style(request.seed, request), layers)
        if request.mix is not None:
            if request.crossing >= layers:
                raise ValueError(f"--crossing is {request.crossing}; this model has the layers 0 to {layers - 1}")
            later = torch.arange(layers, device=styles.device) >= request.crossing
            styles = torch.where(later[:, None], self._style(request.mix, request)[:, None], styles)
        return truncate(styles, net.w_avg, request.factors(layers))

    def _style(self, seed: int, request: Any) -> Tensor:
        net: Any = self.drawer()
        like = net.w_avg
        label = self.label(request)
        labels = None if label is None else torch.tensor([label], device=like.device)
        w: Tensor = net.mapping(self.latent.draw(Seeded(seed), 1).to(like), labels)
        return w
