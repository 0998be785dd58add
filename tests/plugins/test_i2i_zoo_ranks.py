"""Elements that couple the samples of a batch: two processes with half a batch each compute what one does."""

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

STEPS, BATCH = 3, 8
RECIPES = {
    "averages": {"architecture": "mlp:width=4", "objective": "ra"},
    "pairs": {"architecture": "mlp:width=4,norm=none", "objective": "rs-hinge"},
    "divergence": {"architecture": "dcgan:width=2", "objective": "fgan-js"},
    "feature means": {"architecture": "mlp:width=4", "regularisers": "feature-matching:norm=l2"},
    "few labels": {"architecture": "mlp:width=4", "objective": "kplus1", "conditioning": "none+ac"},
    "classes": {"architecture": "mlp:width=4", "regularisers": "ac", "conditioning": "concat+ac"},
    "wrong labels": {"architecture": "mlp:width=4", "objective": "gan-cls", "conditioning": "concat+concat"},
    "codes": {"architecture": "ebgan:width=2,code=4", "objective": "ebgan", "regularisers": "pull-away"},
    "balance": {"architecture": "began:width=2,code=4", "objective": "began:gamma=5,rate=0.1"},
    "deviation": {"architecture": "dcgan:width=2,norm=none", "gradient_penalty": "dragan"},
    "slopes": {"architecture": "sncnn:width=2", "gradient_penalty": "r1+r2:every=2", "objective": "ra-hinge"},
    "past": {"architecture": "mlp:width=4", "regularisers": "historical", "objective": "hinge"},
    "augmented": {
        "architecture": "dcgan:width=2,norm=none",
        "augment": "ada:p=0.5,kimg=1,interval=2",
        "objective": "ns",
    },
    "noise": {"architecture": "mlp:width=4", "augment": "noise+diffaugment:translation=false"},
}


def train(rank, options, ranks=2):
    """Train on a rank's share of each batch; return the weights and the terms of all steps."""
    torch.manual_seed(0)
    spec = synthetic_spec("labelled", 16)
    model = TwoPlayer(build(TwoPlayer.Options, {"latent": "normal:4"} | options), spec).double()
    (phase,) = model.phases()
    optimizers, terms = model.optimizers(phase), []
    for step in range(STEPS):
        batch, mine = synthetic_batch(spec, BATCH, step), slice(rank * BATCH // ranks, (rank + 1) * BATCH // ranks)
        batch["label"][:3] = -1 if "kplus1" in options.get("objective", "") else batch["label"][:3]
        batch = {key: value[mine].double() if key == "image" else value[mine] for key, value in batch.items()}
        progress = i2i.Progress(phase, step, STEPS, run_step=step, rank=rank, ranks=ranks)
        terms.append(run_step(model, optimizers, batch, progress, Engine(precision="fp64")))
    return {"weights": model.state_dict(), "terms": terms}


def train_all(rank, recipes, ranks=2):
    return {name: train(rank, options, ranks) for name, options in recipes.items()}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train_all(0, RECIPES, 1), *on_two_ranks(train_all, tmp_path_factory.mktemp("ranks"), RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_two_processes_compute_what_one_does(trained, name):
    alone, one, two = (each[name] for each in trained)
    for key, value in alone["weights"].items():
        assert torch.equal(one["weights"][key], two["weights"][key]), key
        assert torch.allclose(one["weights"][key], value, rtol=1e-7, atol=1e-9), key
    for step, terms in enumerate(alone["terms"]):
        for term, value in terms.items():
            mean = (one["terms"][step][term] + two["terms"][step][term]) / 2
            assert mean.item() == pytest.approx(value.item(), rel=1e-6, abs=1e-9), term
