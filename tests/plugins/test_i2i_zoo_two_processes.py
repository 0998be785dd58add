"""Recipes of the zoo on two processes: what one process with the whole batch computes, and what is exempt."""

from __future__ import annotations

import pytest
import torch
from i2i_zoo.model import TwoPlayer
from two_ranks import on_two_ranks

import i2i
from i2i.device import Engine
from i2i.loop import run_step
from i2i.options import build
from i2i.testing import synthetic_batch, synthetic_spec

RECIPES = {
    "batch norm": {"architecture": "dcgan:width=2", "reuse": True},
    "penalty": {"architecture": "dcgan:width=2,norm=layer", "gradient_penalty": "gp", "objective": "wgan"},
    "classes": {"architecture": "mlp:width=4", "conditioning": "concat+concat", "objective": "hinge", "n_critic": 2},
    "average": {"architecture": "mlp:width=4", "average": "constant:0.9", "gradient_penalty": "r1:every=2"},
}


def train(rank, options, ranks=2):
    """Train on a rank's share of each batch; return the weights and the terms of all steps."""
    torch.manual_seed(0)
    spec = synthetic_spec("labelled", 16)
    model = TwoPlayer(build(TwoPlayer.Options, {"latent": "normal:4"} | options), spec).double()
    (phase,) = model.phases()
    optimizers, terms = model.optimizers(phase), []
    for step in range(4):
        batch, mine = synthetic_batch(spec, 8, step), slice(rank * 8 // ranks, (rank + 1) * 8 // ranks)
        batch = {key: value[mine].double() if key == "image" else value[mine] for key, value in batch.items()}
        progress = i2i.Progress(phase, step, 4, run_step=step, rank=rank, ranks=ranks)
        terms.append(run_step(model, optimizers, batch, progress, Engine(precision="fp64")))
    return {"weights": model.state_dict(), "terms": terms}


@pytest.mark.parametrize("name", RECIPES)
def test_two_processes_compute_what_one_does(tmp_path, name):
    alone = train(0, RECIPES[name], 1)
    one, two = on_two_ranks(train, tmp_path, RECIPES[name])
    for key, value in alone["weights"].items():
        assert torch.equal(one["weights"][key], two["weights"][key]), key
        assert torch.allclose(one["weights"][key], value, rtol=1e-7, atol=1e-9), key
    for step, terms in enumerate(alone["terms"]):
        for term, value in terms.items():
            mean = (one["terms"][step][term] + two["terms"][step][term]) / 2
            assert mean.item() == pytest.approx(value.item(), rel=1e-7), term
