"""Methods with steps of their own do what the shared step does, and refuse what their steps cannot use."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from i2i_zoo.presets import few_labels, methods

import i2i
from i2i.device import Engine
from i2i.loop import run_step
from i2i.options import build
from i2i.testing import synthetic_batch, synthetic_spec

TINY = {
    "bigan": (methods.BIGAN, "images", {"architecture": "bigan:width=4", "latent": "normal:4"}),
    "infogan": (methods.INFOGAN, "images", {"architecture": "infogan:width=2"}),
    "vaegan": (methods.VAEGAN, "images", {"architecture": "vaegan:width=2", "latent": "normal:4"}),
    "cogan": (methods.COGAN, "unpaired", {"architecture": "cogan-conv:width=2", "latent": "normal:4"}),
    "triplegan": (methods.TRIPLEGAN, "labelled", {"architecture": "triplegan:width=2", "latent": "normal:4"}),
    "lapgan": (methods.LAPGAN, "labelled", {"architecture": "lapgan:width=2", "coarsest": "mlp:width=2"}),
    "s2gan": (
        few_labels.S2GAN,
        "labelled",
        {"architecture": "biggan:width=2", "labeller_width": 2, "average": "none", "n_critic": 1},
    ),
}


def model(name, **options):
    torch.manual_seed(0)
    cls, kind, given = TINY[name]
    return cls(build(cls.Options, given | options), synthetic_spec(kind, 32))


def logged(net, phase):
    """What a step of a phase logs."""
    spec = dataclasses.replace(net.spec, image_size=phase.image_size or net.spec.image_size)
    batch = synthetic_batch(spec, 4)
    return run_step(net, net.optimizers(phase), batch, i2i.Progress(phase, 0, 10), Engine())


@pytest.mark.parametrize("name", TINY)
def test_what_elements_say_of_their_state_is_logged(name):
    net = model(name, augment="ada:p=0.25,kimg=0")
    for phase in net.phases():
        if phase.name != "labeller":
            assert logged(net, phase)["p"].item() == 0.25
