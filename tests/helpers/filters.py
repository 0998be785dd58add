"""Models that translate without training: what they do to a picture can be said in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

import i2i
from i2i import bundle
from i2i.spec import DataSpec


@i2i.hookimpl
def models() -> list[i2i.ModelCard]:
    return [
        i2i.ModelCard("invert", "filters:Invert", data="unpaired", summary="The negative."),
        i2i.ModelCard("double", "filters:Double", data="unpaired", summary="Twice the size."),
        i2i.ModelCard("tint", "filters:Tint", data="labelled", summary="Attributes as brightness of channels."),
        i2i.ModelCard("plug", "filters:Plug", data="images", summary="Fill holes with white."),
        i2i.ModelCard("dots", "filters:Dots", data="images", summary="Noise of a colour."),
        i2i.ModelCard("suits", "filters:Suits", data="labelled", summary="Noise, dark or bright."),
        i2i.ModelCard("colours", "filters:Colours", data="images", summary="One colour."),
        i2i.ModelCard("paint", "filters:Paint", data="paired", summary="A label map as gray levels."),
    ]


class Invert(i2i.Model):
    """Make the negative; the sides it takes are checked. `--strength 0` leaves the picture as it is."""

    size_multiple = 4
    min_size = 8

    @dataclass(frozen=True, kw_only=True)
    class Request(i2i.Request):
        strength: float = i2i.option(1.0, help="1 for the whole negative, 0 for none of it.", min=0, max=1)
        noise: bool = i2i.option(False, help="Draw noise instead.")

    def __init__(self, options: i2i.Options, spec: DataSpec) -> None:
        super().__init__(options, spec)
        self.weight = torch.nn.Parameter(-torch.ones(()))
        self.dropout = torch.nn.Dropout(0.5)  # must be off
        self.seen: list[tuple[int, ...]] = []

    def optimizers(self, phase: i2i.Phase) -> dict[str, torch.optim.Optimizer]:
        return {"all": torch.optim.SGD(self.parameters(), 0.1)}

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        yield "all", {"zero": self.weight * 0}

    def translate(self, inputs: i2i.Batch, request: Request) -> torch.Tensor:
        source = inputs["source"]
        self.seen.append(tuple(source.shape))
        assert all(side % self.size_multiple == 0 and side >= self.min_size for side in source.shape[2:])
        if request.noise:
            return torch.rand_like(source) * 2 - 1
        return self.dropout(source * (1 + (self.weight - 1) * request.strength))


class Double(Invert):
    """Repeat every pixel twice on each side."""

    scale = 2

    def translate(self, inputs: i2i.Batch, request: i2i.Request) -> torch.Tensor:
        return inputs["source"].repeat_interleave(2, 2).repeat_interleave(2, 3)


class Tint(Invert):
    """Set the first channel to 1 for attribute "Big", the second for "Old", and to -1 for "not-" of them."""

    joins_targets = True
    trains_jointly = True

    def translate(self, inputs: i2i.Batch, request: i2i.Request) -> torch.Tensor:
        result = inputs["source"].clone()
        for asked in request.to.split(","):
            result[:, ("Big", "Old").index(asked.removeprefix("not-"))] = -1.0 if asked.startswith("not-") else 1.0
        return result


class Paint(Invert):
    """Paint label k at k / 10 of the range; where an instance map is given, its odd numbers are black."""

    inputs = ("label",)
    companions = {"instance": "Map of single objects."}  # noqa: RUF012

    def translate(self, inputs: i2i.Batch, request: i2i.Request) -> torch.Tensor:
        labels = inputs["label"]
        assert labels.dtype == torch.int64
        assert all(side % self.size_multiple == 0 and side >= self.min_size for side in labels.shape[2:])
        painted = (labels / 10 * 2 - 1).to(self.weight).expand(-1, 3, -1, -1)
        odd = inputs["instance"] % 2 if "instance" in inputs else torch.zeros_like(labels)
        return torch.where(odd.bool(), -torch.ones_like(painted), painted)


class Plug(Invert):
    """Fill the hole with white, and change all the rest: core puts that back."""

    inputs = ("source", "mask")

    def targets(self) -> tuple[str, ...]:
        return ()

    def translate(self, inputs: i2i.Batch, request: i2i.Request) -> torch.Tensor:
        assert set(inputs["mask"].unique().tolist()) <= {0.0, 1.0}
        assert inputs["mask"].shape[2:] == inputs["source"].shape[2:]
        return torch.where(inputs["mask"].bool(), 1.0, -inputs["source"])


class Dots(Invert):
    """Noise, brightened by --light; there is nothing to translate."""

    inputs = ()

    @dataclass(frozen=True, kw_only=True)
    class Request(i2i.Request):
        light: float = i2i.option(0.0, help="What is added.", min=-1, max=1)

    def targets(self) -> tuple[str, ...]:
        return ()

    def translate(self, inputs: i2i.Batch, request: Request) -> torch.Tensor:
        assert (inputs, request.samples) == ({}, 1)
        return (torch.rand(1, 3, 6, 7) - 0.5 + request.light).clamp(-1, 1)


class Suits(Dots):
    """Noise of a class: "0" is dark, "7" is bright; --steps brightens a seed step by step."""

    @dataclass(frozen=True, kw_only=True)
    class Request(Dots.Request):
        steps: int = i2i.option(0, help="Pictures from dark to bright.", min=0)

    def targets(self) -> tuple[str, ...]:
        return self.spec.domains

    def suit(self, request: Request) -> str:
        return request.to or self.targets()[request.seed % 2]  # without --to the seed draws it

    def grid(self, request: Request) -> list[list[tuple[str, Request]]] | None:
        if request.steps:
            lights = [step / request.steps for step in range(request.steps)]
            return [[("brighter", replace(request, light=light)) for light in lights]]
        seeds = range(request.seed, request.seed + request.samples)
        return [[(f"seed {seed}: {self.suit(one)}", one) for seed in seeds if (one := replace(request, seed=seed))]]

    def translate(self, inputs: i2i.Batch, request: Request) -> torch.Tensor:
        return super().translate(inputs, request) / 4 + (0.5 if self.suit(request) == "7" else -0.5)


class Colours(Dots):
    """One colour, which is the latent: of the seed, or of a file, or what a search by gradients finds."""

    latent_shape = (3,)

    @dataclass(frozen=True, kw_only=True)
    class Request(i2i.Request):
        search_steps: int = i2i.option(60, help="Steps of the search.", min=1)
        interrupted: int = i2i.option(0, help="Step at which Ctrl-C is pressed.", min=0)
        light: float = i2i.option(0.0, help="What is added to what is drawn.")

    def draw(self, latent: torch.Tensor) -> torch.Tensor:
        return (self.dropout(latent) * self.weight).view(1, 3, 1, 1).expand(1, 3, *self.spec.image_size)

    def translate(self, inputs: i2i.Batch, request: Request) -> torch.Tensor:
        return self.draw(inputs["latent"] if "latent" in inputs else torch.rand(1, 3) - 0.5) + request.light

    def find(self, wanted: i2i.Batch, request: Request) -> Iterator[tuple[int, int, float, torch.Tensor]]:
        self.state = (torch.is_grad_enabled(), self.training, self.weight.requires_grad)
        goal = wanted["like"]
        if "mask" in wanted:
            goal = torch.lerp(goal, wanted["stroke"], wanted["mask"])
        latent = (torch.rand(1, 3) - 0.5).requires_grad_()
        for step in range(1, request.search_steps + 1):
            distance = (self.draw(latent) - goal).square().mean()
            (slope,) = torch.autograd.grad(distance, latent)
            yield step, request.search_steps, distance.item(), latent[0]
            if step == request.interrupted:
                raise KeyboardInterrupt
            latent = (latent - slope).detach().requires_grad_()


def make(cls: type[Invert] = Invert, **spec: object) -> Invert:
    """A model of two domains, summer and winter, of RGB of 8 bits, except for what `spec` says."""
    values = {"domains": ("summer", "winter"), "channels": {"a": 3, "b": 3}} | spec
    return cls(cls.Options(), DataSpec(**values)).train()


def keep(folder: Path, cls: type[Invert] = Invert, step: int = 300, **spec: object) -> Path:
    """Write such a model as the run `folder`; the `filters` fixture must be on."""
    model = make(cls, **spec)
    name = next(card.name for card in models() if card.target.endswith(cls.__name__))
    bundle.write(folder / "checkpoints" / "last", model, bundle.describe(name, model, step=step))
    return folder
