"""What the networks are told of a picture to be: its label map or source, the edges and the regions in it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import i2i
from i2i_pix2pixhd import maps


class Conditions:
    """Turn a model's inputs into what its networks see.

    `labels` is how many labels there are, 0 where pictures are told instead of label maps; `channels` how many channels
    all of it has.
    """

    def __init__(self, spec: i2i.DataSpec, instances: bool, features: str) -> None:
        if not {"label", "source"} & spec.channels.keys():
            raise ValueError("pix2pixhd makes pictures of label maps or of other pictures, and the data has neither")
        self.labels = spec.num_labels if "label" in spec.channels else 0
        has_instances = "instance" in spec.channels
        if features != "none" and not self.labels and not (features == "instance" and has_instances):
            raise ValueError(f"--features {features} needs {features} maps, and the data has none; use --features none")
        self.input = "label" if self.labels else "source"
        self.edges = instances and has_instances
        self.by_instance = features == "instance" and has_instances
        self.channels = (self.labels or spec.channels["source"]) + self.edges

    def told(self, inputs: Mapping[str, Tensor], dtype: torch.dtype, layout: torch.memory_format) -> Tensor:
        """What generators and discriminators are told, (N, channels, H, W) of this type and memory layout."""
        marked = None
        if self.edges:
            instances = inputs.get("instance", inputs.get("label"))  # without, things end where labels do
            marked = maps.edges(torch.zeros_like(inputs["source"][:, :1]) if instances is None else instances)
        if self.labels:
            return maps.one_hot(inputs["label"], self.labels, marked, dtype, layout)
        source = inputs["source"].to(dtype)
        told = source if marked is None else torch.cat([source, marked.to(dtype)], dim=1)
        return told.contiguous(memory_format=layout)

    def regions(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """The regions that share a feature, (N, 1, H, W): instance * labels + label.

        Where an instance holds several labels (number 0, as a rule, is all that was not counted), each is a region.
        """
        labels = inputs["label"] if self.labels else torch.zeros_like(inputs["source"][:, :1], dtype=torch.int64)
        if not self.by_instance or "instance" not in inputs:
            return labels
        return inputs["instance"] * max(1, self.labels) + labels

    def edited(self, inputs: Mapping[str, Tensor], edit: str | None) -> Mapping[str, Tensor]:
        """The inputs with labels exchanged. Raises LookupError for a label that is not there."""
        changes = maps.pairs(edit, "--edit")
        if not changes:
            return inputs
        if not self.labels:
            raise LookupError("this model was trained on pictures and knows no labels; leave --edit out")
        for label in chain(changes, changes.values()):
            if label >= self.labels:
                raise LookupError(
                    f"--edit names label {label}, which is outside 0-{self.labels - 1}; give one of these"
                )
        return {**inputs, "label": maps.edited(inputs["label"], changes)}

    def shown(self, inputs: Mapping[str, Tensor]) -> dict[str, Any]:
        """The input as a picture (C, H, W) under its title."""
        if self.labels:
            return {"label map": maps.colours(inputs["label"])[0]}
        return {"source": inputs["source"][0]}


def smaller(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Halve the sides of maps and pictures: of maps every second pixel is kept."""
    halves = {}
    for key, value in inputs.items():
        whole = not value.is_floating_point()
        halves[key] = value[..., ::2, ::2] if whole else F.avg_pool2d(value, 2)
    return halves
