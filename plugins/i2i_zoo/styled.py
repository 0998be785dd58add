"""Drawing with networks that grow, and with those that draw from styles: truncation and mixing of styles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import i2i
from i2i_zoo import requests
from i2i_zoo.latents import Latent, Seeded
from i2i_zoo.layers.resample import repeated
from i2i_zoo.layers.styles import repeat_styles, truncate
from i2i_zoo.model import TwoPlayer

CROSSING = 4  # the first layer that has the style of --mix, where none is asked for


class Growable(TwoPlayer):
    """Two players that may grow: what has not grown yet is drawn as large as the rest, by repeating its pixels.

    Outside training it judges pictures of the data in the size that it has reached.
    """

    def features(self, images: Tensor) -> Tensor:
        return super().features(self.reduced(images))

    def diagnose(self, training: Iterable[i2i.Batch], held_back: Iterable[i2i.Batch]) -> dict[str, float]:
        return super().diagnose(*map(self._all_reduced, (training, held_back)))

    def _all_reduced(self, batches: Iterable[i2i.Batch]) -> Iterator[i2i.Batch]:
        return (batch | {"image": self.reduced(batch["image"])} for batch in batches)

    def reduced(self, images: Tensor) -> Tensor:
        """Take means of 2x2 pixels until the discriminator has grown to the size of pictures (N, C, H, W)."""
        levels = getattr(self.discriminator, "levels", None)
        while levels is not None and images.shape[2] > levels.side:
            images = F.avg_pool2d(images, 2)
        return images

    def paint(self, latents: Tensor, request: Any) -> Tensor:
        return self.enlarged(super().paint(latents, request))

    def enlarged(self, images: Tensor) -> Tensor:
        """Repeat the pixels of pictures until they are as large as those of the data."""
        while images.shape[2] < self.shape.size[0]:
            images = repeated(images)
        return images


@dataclass(frozen=True, kw_only=True)
class StyleRequest(requests.Request):
    """What to draw, and in which style."""

    of_latents = (*requests.Request.of_latents, "truncation_layers", "mix")

    truncation: float | None = i2i.option(
        None, help="Pull styles towards their mean: 1 leaves them, 0 draws the mean picture.", min=0
    )
    truncation_layers: str = i2i.option(
        "", help="As --truncation, one number a layer with commas, the coarsest first: 0.5,0.5,0.7; later layers stay."
    )
    mix: int | None = i2i.option(
        None,
        help="Seed of a second picture, whose style the layers from --crossing on have.",
        min=0,
        max=requests.MOST_SEED,
    )
    crossing: int | None = i2i.option(
        None, help="The first layer, counted from 0, that has the style of --mix. By default 4.", min=0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.crossing is not None and self.mix is None:
            raise ValueError(f"--crossing {self.crossing} is where another style begins; say whose with --mix 7")

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

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        if self.has_styles:
            net: Any = self.generator
            self.latent_shape = (net.num_styles, *net.w_avg.shape)

    @property
    def has_styles(self) -> bool:
        """Whether there are any, which another --architecture need not have."""
        return "styles" in self.architecture.gives

    def follow(self, count: int) -> None:
        """As all models do, but for the mean style: that is an average already, and is copied (as the authors do)."""
        super().follow(count)
        if self.average is not None and self.has_styles:
            mean, now = (net.get_submodule("mapping").get_buffer("w_avg") for net in (self.average.net, self.generator))
            mean.copy_(now)

    def paint(self, latents: Tensor, request: Any) -> Tensor:
        if not self.has_styles:
            return super().paint(latents, request)
        net: Any = self.drawer()
        return self.enlarged(net.synthesis(latents, None))

    def drawn_latent(self, request: Any) -> Tensor:
        return self.styles(request) if self.has_styles else super().drawn_latent(request)

    def starts(self, request: Any) -> Tensor:
        z = super().starts(request)
        if not self.has_styles:
            return z
        net: Any = self.drawer()
        return repeat_styles(torch.cat([net.w_avg[None], self._mapped(z[1:], request)]), net.num_styles)

    def kept(self, latents: Tensor) -> Tensor:
        return latents if self.has_styles else super().kept(latents)

    def styles(self, request: Any) -> Tensor:
        """The styles (1, L, W) that a request asks for. Raises ValueError for layers that there are not."""
        net: Any = self.drawer()
        layers: int = net.num_styles
        space = Latent(net.w_avg.shape[0])  # straight lines: a style has no length that it should keep
        style = request.latent(lambda seed: self._style(seed, request), space)
        styles = repeat_styles(style, layers)
        if request.mix is not None:
            first = CROSSING if request.crossing is None else request.crossing
            if first >= layers:
                raise ValueError(f"--crossing is {first}; this model has the layers 0 to {layers - 1}")
            later = torch.arange(layers, device=styles.device) >= first
            styles = torch.where(later[:, None], self._style(request.mix, request)[:, None], styles)
        return truncate(styles, net.w_avg, request.factors(layers))

    def _style(self, seed: int, request: Any) -> Tensor:
        return self._mapped(self.latent.draw(Seeded(seed), 1), request)

    def _mapped(self, z: Tensor, request: Any) -> Tensor:
        """The styles (N, W) of latents, in the class that a request asks for."""
        net: Any = self.drawer()
        label = self.label(request)
        labels = None if label is None else torch.full((len(z),), label, device=net.w_avg.device)
        w: Tensor = net.mapping(z.to(net.w_avg), labels)
        return w
