"""The interface of a dataset kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from torch import Tensor

from i2i.model import Batch
from i2i.options import Options, Request
from i2i.spec import DataSpec


class Transform(Protocol):
    """Turn the pictures of one sample into tensors, with one random draw for all of them.

    Takes arrays (H, W, C) in the files' own depth; returns float32 (C, H, W) in [-1, 1], and for the keys `label` and
    `instance` int64 (1, H, W), for `mask` float32 (1, H, W) of 0 and 1, all resized by nearest neighbour.
    """

    def __call__(self, rng: np.random.Generator, **images: np.ndarray) -> dict[str, Tensor]: ...


class Dataset(ABC):
    """A folder read as samples of one kind."""

    kind: ClassVar[str]
    divided = True  # whether the data itself says what is held back
    Options: ClassVar[type[Options]] = Options

    def __init__(self, root: Path, split: str, options: Any) -> None:
        """Read what the folder holds. `split` is "train" or "test" (held back)."""
        self.root = root
        self.split = split
        self.options = options
        self.notes: list[str] = []  # what was skipped or decided, in sentences
        self.licence = ""

    @property
    def unlabelled(self) -> int:
        """How many of the samples to train on have the label -1: of these nothing is known."""
        return 0

    @abstractmethod
    def __len__(self) -> int:
        """Samples in an epoch."""

    @abstractmethod
    def spec(self) -> DataSpec:
        """What the data says to a model; `image_size` is filled in by core."""

    @abstractmethod
    def sample(self, index: int, rng: np.random.Generator, transform: Transform) -> Batch:
        """One sample, without the N axis. Everything random in it comes from `rng`."""

    @abstractmethod
    def examples(self, transform: Transform, count: int) -> list[tuple[Batch, Request]]:
        """What previews and evaluation ask of a model: inputs (1, C, H, W) and the request to make of them."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of the names and contents of this data, of both splits."""

    @abstractmethod
    def files(self) -> list[Path]:
        """The pictures of this split, relative to the root, sorted."""
