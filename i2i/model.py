"""The interface of a model: what a plugin subclasses, and the few values that core hands to it."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from i2i.options import Options, Request
from i2i.rates import constant
from i2i.spec import DataSpec

if TYPE_CHECKING:
    import PIL.Image

    from i2i.bundle import Manifest
    from i2i.importing import Imported

Batch = dict[str, Any]
"""Images as float32 (N, C, H, W) in [-1, 1]; label and instance maps as int64 (N, 1, H, W); texts as list[str]."""

Terms = dict[str, Tensor]
"""Weighted scalar losses by name."""

Updates = Iterator[tuple[str | None, Terms] | dict[str, Terms]]
"""What a train step yields: (optimizer name, terms) for one update; (None, terms) to log only; a dict of
{optimizer name: terms} for several optimizers of one graph (all gradients first, then all steps)."""


@dataclass(frozen=True)
class Phase:
    """A stretch of training with its own optimizers, learning-rate curve and, if need be, size."""

    name: str
    share: float = 1.0  # of the run's steps, relative to the other phases
    lr: Callable[[float], float] = constant  # factor on the learning rate at a fraction of the phase
    image_size: int | tuple[int, int] | None = None  # None: the run's, times image_scale
    image_scale: float = 1.0
    batch_size: int | None = None  # None: the run's


@dataclass(frozen=True)
class Watch:
    """A bound on a logged term: when it is crossed for `steps` steps in a row, the run says `advice` once."""

    term: str  # "discriminators/a"
    below: float | None = None
    above: float | None = None
    steps: int = 200
    advice: str = ""


@dataclass(frozen=True)
class Progress:
    """Where a train step stands, and its source of chance.

    Draws are a function of (seed, step of the run, number of the draw) and are made for the global batch, of which each
    rank gets its slice: nothing random needs saving and any number of ranks computes the same.
    """

    phase: Phase
    step: int  # batches done in this phase
    steps: int  # batches the phase has
    extra: int = 0  # how many of them were added to a finished run: there `fraction` stays at its end
    run_step: int = 0  # batches done in the run
    seed: int = 0
    rank: int = 0
    ranks: int = 1
    device: torch.device | str = "cpu"
    _draws: Iterator[int] = field(default_factory=itertools.count, repr=False, compare=False)

    @property
    def fraction(self) -> float:
        """How much of the phase is done, in [0, 1)."""
        planned = self.steps - self.extra
        return min(self.step, planned - 1) / planned

    def generator(self) -> torch.Generator:
        """A new CPU generator for the next draw, the same on every rank."""
        return torch.Generator().manual_seed(mix(self.seed, self.run_step, next(self._draws)))

    def randn(self, *shape: int) -> Tensor:
        """Draw from N(0, 1): a tensor (N, ...) where N is this rank's share of the batch."""
        return self._slice(torch.randn(shape[0] * self.ranks, *shape[1:], generator=self.generator()))

    def rand(self, *shape: int) -> Tensor:
        """Draw from U[0, 1): a tensor (N, ...) where N is this rank's share of the batch."""
        return self._slice(torch.rand(shape[0] * self.ranks, *shape[1:], generator=self.generator()))

    def randperm(self, n: int) -> Tensor:
        """Draw a permutation of 0..n-1, the same on every rank (int64)."""
        return torch.randperm(n, generator=self.generator()).to(self.device)

    def _slice(self, drawn: Tensor) -> Tensor:
        local = drawn.shape[0] // self.ranks
        return drawn[self.rank * local : (self.rank + 1) * local].to(self.device)


def mix(*numbers: int) -> int:
    """Mix whole numbers into one 63-bit seed (splitmix64), so that neighbouring steps draw unrelated numbers."""
    state = 0
    for number in numbers:
        state = (state + number + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 31
    return state >> 1


class Model(nn.Module, ABC):
    """A method: networks, how they are trained, how they translate.

    Every network and average is an attribute: `state_dict()` is the checkpoint. What only training needs (an image
    pool) is a submodule with `resume_state()` and `load_resume_state(state)`: it is kept for resuming and never
    enters the weights.
    """

    inputs: tuple[str, ...] = ("source",)  # images translate() needs; () when it draws from noise or text
    size_multiple: int = 1  # sides translate() accepts are multiples of this; core pads and crops back
    min_size: int = 1  # the smallest side translate() accepts
    scale: int = 1  # output side / input side
    run_defaults: ClassVar[Mapping[str, Any]] = {}  # this model's defaults of run options
    small: ClassVar[Mapping[str, Any]] = {}  # what --small sets for a CPU, of the run's options and its own
    eager: tuple[str, ...] = ()  # submodules that --compile leaves alone (differentiated twice)
    trains_jointly: ClassVar[bool] = False  # whether it can be trained on several data sets (spec.parts)
    takes_unlabelled: ClassVar[bool] = False  # whether labels may be -1 in training: of these nothing is known
    sees_pieces: ClassVar[bool] = False  # whether it learns of pieces of pictures: held-back ones are cut, not shrunk
    joins_targets: bool = False  # whether --to x,y asks for several targets at once (attributes)
    companions: ClassVar[Mapping[str, str]] = {}  # further inputs of translate() that may be given: key -> help
    latent_shape: tuple[int, ...] | None = None  # of a latent, where translate() takes inputs["latent"] (1, *shape)
    watches: tuple[Watch, ...] = ()
    metric: ClassVar[str] = ""  # its natural figure; empty: the default of the dataset kind
    Options: ClassVar[type[Options]] = Options  # to build and train
    Request: ClassVar[type[Request]] = Request  # one translate call

    def __init__(self, options: Any, spec: DataSpec) -> None:
        """Build the networks; touch no device, no file and no global."""
        super().__init__()
        self.options = options
        self.spec = spec
        self.manifest: Manifest | None = None  # where it was loaded from, if it was
        self.phase: str = ""  # name of the current phase; core sets it at each start and at load

    def check_training(self) -> None:
        """Look whether what training needs besides data is there (a file of weights, a package). Default: nothing.

        Core asks once, before a run writes anything, and never where pictures are only translated. Raises ValueError.
        """

    def check_batch(self, phase: Phase, batch_size: int) -> None:
        """Look whether a phase can be trained with batches of so many samples, of all processes. Default: any.

        Core asks when it asks `check_training`. Raises ValueError.
        """

    def phases(self) -> list[Phase]:
        """The stretches of training, in order."""
        return [Phase("train")]

    @abstractmethod
    def optimizers(self, phase: Phase) -> dict[str, Optimizer]:
        """Make the optimizers of a phase, by name; state is carried over where name and parameters are the same."""

    @abstractmethod
    def train_step(self, batch: Batch, progress: Progress) -> Updates:
        """Compute one step: each `yield` asks core for one update. Never yield inside a `with`."""

    def start(self, phase: Phase, batches: Iterable[Batch]) -> None:
        """Look at data before a phase's first step (a mean pixel, a reference batch). Default: nothing."""

    def finish(self, phase: Phase, batches: Iterable[Batch]) -> None:
        """Pass over data at a phase's end (standing statistics, clusters). Default: nothing."""

    def question(self, inputs: Batch) -> Batch:
        """Make of a held-back sample what previews and figures ask: the inputs of translate and, if known, `target`.

        Default: the sample as it is. Anything random must be the same each time.
        """
        return inputs

    @abstractmethod
    def translate(self, inputs: Batch, request: Any) -> Tensor:
        """Translate images (N, C, H, W) in [-1, 1] to images in [-1, 1]; may not change `state_dict()`."""

    def targets(self) -> tuple[str, ...]:
        """What `--to` accepts; default: the data's domains, of pairs the second only."""
        return self.spec.domains[1:] if "target" in self.spec.channels else self.spec.domains

    def grid(self, request: Any) -> list[list[tuple[str, Any]]] | None:
        """What a request for pictures of nothing stands for: rows of titles and requests, each of them one picture.

        For what is best seen side by side: a sweep, a mixture, what lies between two seeds; and where a title says
        more than the seed, as the class does. Default: None, one picture a seed.
        """
        return None

    def find(self, wanted: Batch, request: Any) -> Iterator[tuple[int, int, float, Tensor]]:
        """Search for the latent whose picture is most like `wanted["like"]` (1, C, H, W), in so many steps.

        Where `wanted["mask"]` (1, 1, H, W), if there is one, is not 0, it shall be like `wanted["stroke"]` instead.
        Yields after each step (step, steps, distance, latent of `latent_shape`), of which core keeps the best. Runs
        with gradients, in eval mode, with frozen parameters. Default: refuses.
        """
        raise ValueError("this model cannot search for a picture, only draw; leave --like out")

    def preview(self, examples: Sequence[tuple[Batch, Any]]) -> list[dict[str, Tensor]]:
        """Make the rows of the sample sheet: for each example its columns, {title: image (C, H, W) in [-1, 1]}.

        Default: the inputs, the translation and, where the example holds one, the target.
        """
        rows = []
        for inputs, request in examples:
            row = {key: inputs[key][0] for key in self.inputs}
            row[f"to {request.to}" if request.to else "translated"] = self.translate(inputs, request)[0]
            if "target" in inputs:
                row["target"] = inputs["target"][0]
            rows.append(row)
        return rows

    def features(self, images: Tensor) -> Tensor:
        """Describe pictures (N, C, H, W) by features (N, ...), for `i2i evaluate --probe`. Default: refuses."""
        raise ValueError(f"{type(self).__name__} has no features to probe; leave out --probe")

    def diagnose(self, training: Iterable[Batch], held_back: Iterable[Batch]) -> dict[str, float]:
        """Measure what `i2i evaluate` says beside the figure, such as signs of learning by heart. Default: nothing."""
        return {}

    @classmethod
    def import_weights(cls, files: Mapping[str, Mapping[str, Tensor]], domains: tuple[str, ...]) -> Imported:
        """Understand published weights: {name of the file: its state dict}, tensors alone, without `module.`.

        `domains` are what the user calls them, or (). Raises ValueError where they are not this model's. Default:
        refuses.
        """
        raise ValueError(f"{cls.__name__} has no published layout to import")

    def export_weights(self) -> dict[str, dict[str, Tensor]]:
        """Return the weights in the published layout, {name of the file: state dict}, of networks that it `holds`.

        Raises ValueError where that layout cannot say what an option does. Default: refuses.
        """
        raise ValueError(f"{type(self).__name__} has no published layout to export to")

    def holds(self, name: str) -> bool:
        """Whether a network (an attribute) has weights to speak of: a bundle of imported ones may lack some."""
        held = self.manifest.held if self.manifest is not None else ()
        return not held or name in held

    def translate_image(self, image: PIL.Image.Image, **request: Any) -> PIL.Image.Image:
        """Translate one picture of any size and mode; keyword arguments are the fields of `Request`.

        Raises LookupError for an unknown target or field, ValueError for a bad value.
        """
        from i2i.translation import translate_image

        return translate_image(self, image, **request)

    def sample_images(self, count: int = 1, **request: Any) -> list[PIL.Image.Image]:
        """Draw pictures of a model that takes none: with seeds one after another from `seed` on, or its `grid`.

        Keyword arguments are the fields of `Request`. Raises ValueError for a model that translates pictures.
        """
        from i2i.sampling import sample_images

        return sample_images(self, count, **request)


@contextmanager
def evaluating(model: Model) -> Iterator[None]:
    """Evaluate without gradients; every module's mode is put back afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module, training in modes:
            module.training = training
