"""Completion: holes filled with what could have been there."""

from __future__ import annotations

import i2i


@i2i.hookimpl
def models() -> list[i2i.ModelCard]:
    """Announce the models."""
    return [
        i2i.ModelCard(
            "completion",
            "i2i_completion.model:Completion",
            data="images",
            summary="Fill holes in photos with what could have been there.",
            paper="https://doi.org/10.1145/3072959.3073659",
            year=2017,
        ),
        i2i.ModelCard(
            "context-encoder",
            "i2i_completion.context_encoder:ContextEncoder",
            data="images",
            summary="Fill the centre of a photo from what surrounds it.",
            paper="https://arxiv.org/abs/1604.07379",
            year=2016,
        ),
    ]


@i2i.hookimpl
def metrics() -> list[i2i.MetricCard]:
    """Announce the figure that they are measured by."""
    return [
        i2i.MetricCard(
            "masked_l1",
            "i2i_completion.filling:masked_l1",
            "Error inside the holes, in per cent of the range of values.",
            lower_is_better=True,
        )
    ]
