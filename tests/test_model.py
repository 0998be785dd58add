"""Progress: chance as a function of (seed, step, draw), and fractions."""

from __future__ import annotations

import pytest
import torch

from i2i.model import Phase, Progress, mix
from i2i.rates import linear_decay


def test_draws_replay_and_differ_by_seed_step_and_draw() -> None:
    def draws(**where: int) -> tuple[torch.Tensor, torch.Tensor]:
        progress = Progress(Phase("train"), 3, 10, **where)
        return progress.randn(2, 5), progress.randn(2, 5)

    first, second = draws(run_step=3, seed=1)
    again, _ = draws(run_step=3, seed=1)
    assert torch.equal(first, again)
    for other in (second, draws(run_step=4, seed=1)[0], draws(run_step=3, seed=2)[0]):
        assert not torch.equal(first, other)


def test_ranks_share_one_global_draw() -> None:
    whole = Progress(Phase("train"), 0, 1, seed=5).rand(6, 2)
    halves = [Progress(Phase("train"), 0, 1, seed=5, rank=rank, ranks=2).rand(3, 2) for rank in (0, 1)]
    assert torch.equal(whole, torch.cat(halves))
    orders = [Progress(Phase("train"), 0, 1, seed=5, rank=rank, ranks=2).randperm(7) for rank in (0, 1)]
    assert torch.equal(orders[0], orders[1])
    assert sorted(orders[0].tolist()) == list(range(7))


def test_the_fraction_stays_at_its_end_in_added_steps() -> None:
    assert Progress(Phase("train"), 5, 10).fraction == 0.5
    assert Progress(Phase("train"), 9, 30, extra=20).fraction == 0.9
    assert Progress(Phase("train"), 25, 30, extra=20).fraction == 0.9


def test_mixed_seeds_are_spread_and_fit_a_generator() -> None:
    seeds = {mix(0, step) for step in range(10_000)}
    assert len(seeds) == 10_000
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert mix(1, 2) != mix(2, 1)


def test_linear_decay_refuses_a_start_outside_the_phase() -> None:
    with pytest.raises(ValueError, match="outside 0-1"):
        linear_decay(2.0)
    assert [linear_decay(0.5)(f) for f in (0.0, 0.5, 0.75, 1.0)] == [1.0, 1.0, 0.5, 0.0]
