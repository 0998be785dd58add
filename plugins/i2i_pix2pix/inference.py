"""How a batch norm and dropout behave while pictures are translated: pix2pix can use both in three ways."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def inference(net: nn.Module, mode: str) -> Iterator[None]:
    """Let a network translate, as `mode` says; everything is put back afterwards, and no statistics are kept.

    - `running`: batch norms use the statistics gathered in training, dropout is off;
    - `instance`: they use those of what they are given, one picture at a time then, dropout is off;
    - `dropout`: the same with dropout on, drawing from torch's generator.
    """
    norms = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]
    tracking = [norm.track_running_stats for norm in norms]
    training = [(layer, layer.training) for layer in net.modules()]
    try:
        net.eval()
        if mode != "running":
            for norm in norms:
                norm.training, norm.track_running_stats = True, False  # its buffers are neither read nor written
        if mode == "dropout":
            for layer in net.modules():
                if isinstance(layer, nn.Dropout):
                    layer.training = True
        yield
    finally:
        for layer, was in training:
            layer.training = was
        for norm, was in zip(norms, tracking, strict=True):
            norm.track_running_stats = was
