"""What all models of the zoo share: a latent, an average of the generator's weights, and how pictures are drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

import i2i
from i2i import networks
from i2i_zoo import projection, recipe, requests, spelling
from i2i_zoo.clock import Clock
from i2i_zoo.curves import Curve
from i2i_zoo.latents import Seeded
from i2i_zoo.layers.batch import MinibatchDeviation, fitting
from i2i_zoo.parts import Shape

PREVIEWED, PER_CLASS = 8, 4  # pictures of a preview: without classes, and of each class
CLASSES = 10  # of a preview at most
OWN_STREAM = 1 << 40  # added to a seed: what the class is drawn from


class Zoo(i2i.Model):
    """A model that draws pictures of latents by its `generator`, or by the average of its weights.

    A subclass makes `generator`, calls `make_average` and says how it is trained.
    """

    inputs = ()
    Options = recipe.Common
    Request = requests.Request
    generator: nn.Module

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        self.latent = spelling.make("latent", options.latent, "--latent")
        self.latent_shape = (self.latent.size,)
        self.curve()  # which phases() asks for: here it is refused before anything is written
        attributes = spec.extra.get("labels") == "attributes"
        classes = 0 if attributes or "image" not in spec.channels else spec.num_labels
        conditioning = getattr(options, "conditioning", "none")
        self.shape = Shape(next(iter(spec.channels.values())), spec.image_size, self.latent.size, classes, conditioning)
        self.clock = Clock()
        self.decay = (
            None if options.average == spelling.NONE else spelling.make("average", options.average, "--average")
        )
        self.average: networks.Average | None = None

    def curve(self) -> Curve:
        """How learning rates go over a phase."""
        made: Curve = spelling.make("curve", self.options.lr_curve, "--lr-curve")
        return made

    def phases(self) -> list[i2i.Phase]:
        return [i2i.Phase("train", lr=self.curve())]

    def check_batch(self, phase: i2i.Phase, batch_size: int) -> None:
        super().check_batch(phase, batch_size)
        if batch_size < 2 and any(isinstance(layer, nn.BatchNorm1d) for layer in self.modules()):
            raise ValueError(f"batch norm compares samples, and a batch has {batch_size}; use --batch-size 2")
        for layer in self.modules():
            if isinstance(layer, MinibatchDeviation):
                for count in (batch_size, batch_size * getattr(self.options, "generator_draws", 1)):
                    fitting(layer.group, count)

    def make_average(self) -> None:
        """Begin the average of the generator's weights, if there is one: once it is built."""
        self.average = networks.Average(self.generator) if self.decay is not None else None

    def follow(self, count: int) -> None:
        """Let the average follow, after an update of the generator by `count` pictures."""
        if self.average is not None and self.decay is not None:
            self.average.update(self.generator, self.decay(self.clock.of("generator"), count))

    def optimizer(self, parameters: Iterable[nn.Parameter], lr: float, every: int = 1) -> Optimizer:
        """Make an optimizer of the recipe's kind.

        Where a lazy element has an update of its own after each `every`, Adam's rate and memory are those of
        every / (every + 1) of an update (Karras et al., 2019, arXiv:1912.04958).
        """
        o, share = self.options, every / (every + 1) if every > 1 else 1.0
        if o.optimizer == "sgd":
            return torch.optim.SGD(parameters, lr, o.betas[0], weight_decay=o.weight_decay)
        if o.optimizer == "rmsprop":
            return torch.optim.RMSprop(parameters, lr, eps=o.epsilon, weight_decay=o.weight_decay)
        betas = (o.betas[0] ** share, o.betas[1] ** share)
        return torch.optim.Adam(parameters, lr * share, betas, o.epsilon, o.weight_decay)

    def targets(self) -> tuple[str, ...]:
        return () if self.shape.generator_conditioning == "none" else self.spec.domains

    def drawer(self) -> nn.Module:
        """The network that pictures are drawn with."""
        return self.generator if self.average is None else self.average.net

    def translate(self, inputs: i2i.Batch, request: Any) -> Tensor:
        if "latent" in inputs:
            request.check_free("--latent")
        latents = inputs["latent"] if "latent" in inputs else self.drawn_latent(request)
        return self.paint(latents.to(next(self.generator.parameters())), request).clamp(-1, 1)

    def paint(self, latents: Tensor, request: Any) -> Tensor:
        """Draw pictures (N, C, H, W) of latents (N, *latent_shape), in the class that a request asks for."""
        label = self.label(request)
        labels = None if label is None else torch.full((len(latents),), label, device=latents.device)
        images: Tensor = self.painter(request)(latents, labels, None)
        return images

    def painter(self, request: Any) -> nn.Module:
        """The network that the pictures of a request are drawn with."""
        return self.drawer()

    def drawn_latent(self, request: Any) -> Tensor:
        """The latent (1, *latent_shape) that a request stands for."""
        return request.latent(partial(self.seeded, request), self.latent)  # type: ignore[no-any-return]

    def seeded(self, request: Any, seed: int) -> Tensor:
        """The latent (1, Z) of a seed, truncated as a request says."""
        if request.truncation is None:
            return self.latent.draw(Seeded(seed), 1)
        return self.latent.truncated(Seeded(seed), 1, request.truncation)

    def find(self, wanted: i2i.Batch, request: Any) -> Iterator[projection.Step]:
        request.check_free("--like")
        starts = self.starts(request).to(next(self.generator.parameters()))
        return projection.search(
            lambda latents: self.paint(latents, request), self.kept, starts, wanted, request.search_steps
        )

    def starts(self, request: Any) -> Tensor:
        """Latents (N, *latent_shape) that a search may begin at."""
        return self.latent.draw(Seeded(request.seed), projection.CANDIDATES)

    def kept(self, latents: Tensor) -> Tensor:
        """Bring latents (N, *latent_shape) of a search to where drawn ones are."""
        return self.latent.kept(latents)

    def label(self, request: Any) -> int | None:
        """The class that a request asks for; without one its seed chooses, and not the same one as the latent."""
        if not self.targets():
            return None
        if request.to is not None:
            return self.targets().index(request.to)
        return int(Seeded(request.seed + OWN_STREAM).rand(1) * self.shape.classes)

    def grid(self, request: Any) -> list[list[tuple[str, Any]]] | None:
        row = request.strip()
        if row is not None and self.targets():
            to = request.to or self._class(request, row[0][1].seed)  # one class through a strip
            row = [(f"{to}, {title}", dataclasses.replace(one, to=to)) for title, one in row]
        if row is not None:
            return [row]
        if not self.targets() or request.to is not None:
            return None
        seeds = range(request.seed, request.seed + request.samples)
        asked = [dataclasses.replace(request, seed=seed, to=self._class(request, seed)) for seed in seeds]
        named = [(f"{one.to}, seed {one.seed}", one) for one in asked]
        return [named[first : first + PREVIEWED] for first in range(0, len(named), PREVIEWED)]

    def _class(self, request: Any, seed: int) -> str:
        label = self.label(dataclasses.replace(request, seed=seed))
        return self.targets()[label or 0]

    def preview(self, examples: Sequence[tuple[i2i.Batch, Any]]) -> list[dict[str, Tensor]]:
        rows = []
        for target in self.targets()[:CLASSES] or (None,):
            count = PREVIEWED if target is None else PER_CLASS
            requests = [type(self).Request(to=target, seed=seed) for seed in range(count)]
            name = "" if target is None else f"{target}, "
            rows.append({f"{name}seed {one.seed}": self.translate({}, one)[0] for one in requests})
        real = [inputs["image"][0] for inputs, _ in examples[:PREVIEWED] if "image" in inputs]
        return [*rows, {f"real picture {number}": image for number, image in enumerate(real, 1)}]
