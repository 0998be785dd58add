"""run_step and update: whose parameters move, in which order, and what is logged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from i2i.device import Engine, fuse
from i2i.loop import run_step, set_learning_rates, update
from i2i.model import Model, Phase, Progress
from i2i.options import Options
from i2i.spec import DataSpec


class Two(Model):
    """Two scalars a and b whose update requests a test supplies."""

    def __init__(self, requests: Any) -> None:
        super().__init__(Options(), DataSpec())
        self.a = nn.Parameter(torch.tensor(2.0))
        self.b = nn.Parameter(torch.tensor(3.0))
        self.requests = requests

    def optimizers(self, phase: Phase) -> dict[str, torch.optim.Optimizer]:
        return {"a": torch.optim.SGD([self.a], 0.1), "b": torch.optim.SGD([self.b], 0.1)}

    def train_step(self, batch: Any, progress: Progress) -> Iterator[Any]:
        yield from self.requests(self)

    def translate(self, inputs: Any, request: Any) -> torch.Tensor:
        return inputs["source"]


def step(requests: Any) -> tuple[Two, dict[str, torch.Tensor]]:
    model = Two(requests)
    phase = Phase("train")
    return model, run_step(model, model.optimizers(phase), {}, Progress(phase, 0, 1), Engine())


def test_an_update_moves_its_own_parameters_only() -> None:
    model, logged = step(lambda m: iter([("a", {"product": m.a * m.b})]))
    assert model.a.item() == pytest.approx(2 - 0.1 * 3)
    assert model.b.item() == 3
    assert model.b.grad is None
    assert logged["a/product"].item() == 6


def test_terms_are_added_up() -> None:
    model, _ = step(lambda m: iter([("a", {"x": m.a * 1.0, "y": m.a * 2.0})]))
    assert model.a.item() == pytest.approx(2 - 0.1 * 3)


def test_the_second_update_sees_the_first_one_s_step() -> None:
    def requests(m: Two) -> Iterator[Any]:
        yield "a", {"x": m.a * m.b}
        yield "b", {"x": m.a * m.b}

    model, logged = step(requests)
    assert logged["b/x"].item() == pytest.approx(1.7 * 3)
    assert model.b.item() == pytest.approx(3 - 0.1 * 1.7)


def test_a_dict_takes_all_gradients_before_the_first_step() -> None:
    def requests(m: Two) -> Iterator[Any]:
        product = m.a * m.b
        yield {"a": {"x": product}, "b": {"x": product * product}}

    model, _ = step(requests)
    assert model.a.item() == pytest.approx(2 - 0.1 * 3)
    assert model.b.item() == pytest.approx(3 - 0.1 * 2 * 6 * 2)


def test_none_logs_without_an_update() -> None:
    model, logged = step(lambda m: iter([(None, {"k": m.a * 1.0})]))
    assert model.a.item() == 2
    assert logged["k"].item() == 2
    assert not logged["k"].requires_grad


def test_an_unknown_optimizer_is_named() -> None:
    with pytest.raises(LookupError, match='updates "c", but this phase has the optimizers a, b'):
        step(lambda m: iter([("c", {"x": m.a * 1.0})]))


def test_dropout_and_global_chance_replay_by_step() -> None:
    drawn = []
    for run_step_number in (4, 4, 5):
        model = Two(lambda m: iter([(None, {"x": torch.rand(())})]))
        progress = Progress(Phase("train"), 0, 1, run_step=run_step_number)
        drawn.append(run_step(model, {}, {}, progress, Engine())["x"].item())
    assert drawn[0] == drawn[1] != drawn[2]


def test_learning_rates_are_a_function_of_the_factor() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.2)
    for factor in (1.0, 0.5, 0.1):
        set_learning_rates({"x": optimizer}, factor)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(0.2 * factor)


def test_fused_adam_computes_what_adam_computes() -> None:
    torch.manual_seed(0)
    weights = [nn.Parameter(torch.randn(7, 5, dtype=torch.float64)) for _ in range(2)]
    weights[1].data.copy_(weights[0].data)
    plain = torch.optim.Adam([weights[0]], 1e-2, foreach=False, fused=False)
    fused = torch.optim.Adam([weights[1]], 1e-2)
    fuse({"x": fused})
    assert fused.param_groups[0]["fused"]
    for _ in range(5):
        gradient = torch.randn(7, 5, dtype=torch.float64)
        for weight, optimizer in zip(weights, (plain, fused), strict=True):
            weight.grad = gradient.clone()
            optimizer.step()
    torch.testing.assert_close(weights[0], weights[1], rtol=1e-12, atol=1e-14)


def test_update_leaves_graphs_of_other_optimizers_alone() -> None:
    model = Two(None)
    optimizers = model.optimizers(Phase("train"))
    update({"a": {"x": model.a**2}}, optimizers, Engine())
    assert model.a.item() == pytest.approx(2 - 0.1 * 4)
