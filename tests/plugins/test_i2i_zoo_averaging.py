"""Averages of the generator's weights: the reference's numbers, and how much of them an update keeps."""

from __future__ import annotations

import pytest
import torch
from i2i_zoo.model import TwoPlayer

from i2i.options import build
from i2i.testing import synthetic_spec


def make(average):
    given = {"architecture": "dcgan:width=2", "latent": "normal:4", "average": average}
    return TwoPlayer(build(TwoPlayer.Options, given), synthetic_spec("images", 16)).double()


@torch.no_grad()
def fill(model, value):
    for weights in model.generator.parameters():
        weights.fill_(value)


def follow(model, value, count=4):
    """Update the generator, whose weights then have one value; what the average's then have."""
    fill(model, value)
    model.clock.tick("generator")
    model.follow(count)
    kept = torch.cat([model.average.net.get_buffer(name).flatten() for name, _ in model.generator.named_parameters()])
    return kept.unique().tolist()


def test_an_average_equals_the_reference(golden):
    data = golden.load("zoo_regularisers")["ema"]
    model = make(f"constant:{data['decay']},start=1")
    assert follow(model, data["start"]) == [data["start"]]  # until its start it is a copy
    for value, wanted in zip(data["values"], data["trace"], strict=True):
        (found,) = follow(model, value)
        assert found == pytest.approx(wanted, rel=1e-8, abs=1e-10)


def test_a_half_life_equals_the_reference(golden):
    """As StyleGAN counts: half is kept over 10,000 pictures, in batches of 32."""
    wanted = golden.load("zoo_regularisers")["ema"]["stylegan_beta_for_batch32_kimg10"]
    model = make("half-life:kimg=10")
    fill(model, 1.0)
    model.make_average()
    assert follow(model, 0.0, 32) == pytest.approx([wanted], rel=1e-8, abs=1e-10)


def test_averages_of_short_runs_are_kept_less():
    growing, ramped = make("constant:0.99").decay, make("half-life:kimg=10,ramp=0.05").decay
    assert [growing(n, 8) for n in (0, 8, 10_000)] == pytest.approx([0.1, 0.5, 0.99])
    assert ramped(10, 32) == pytest.approx(0.5 ** (32 / (0.05 * 320)))
    assert ramped(100_000, 32) == make("half-life:kimg=10").decay(0, 32)
