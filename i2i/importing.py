"""Weights that others published: from the files of a reference implementation to a bundle, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from i2i.spec import DataSpec

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Imported:
    """What a model understood of published weights: `Model.import_weights` returns it.

    Of the model's networks some may be missing (one file of a CycleGAN holds one generator), but each is whole.
    """

    options: Mapping[str, Any]  # of the model, as understood from keys and shapes
    spec: DataSpec
    weights: Mapping[str, Tensor]  # under the model's own names, as in its state_dict()
    targets: tuple[str, ...]  # what the networks that are there lead to
    found: tuple[str, ...]  # sentences: what was understood, for the user
