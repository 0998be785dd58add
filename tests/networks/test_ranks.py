"""What is taken over ranks has the values and the gradients that one process with the whole batch has."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn
from two_ranks import on_two_ranks

from i2i import distributed, networks

WAVE = torch.sin(torch.arange(4 * 3 * 2 * 2, dtype=torch.float64)).view(4, 3, 2, 2)


def network() -> nn.Sequential:
    """Two layers of known weights with a norm between them."""
    net = nn.Sequential(
        nn.Conv2d(3, 2, 1, bias=False), networks.BatchNorm2d(2), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3)
    ).double()
    for number, parameter in enumerate(net.parameters()):
        parameter.data = torch.cos(torch.arange(parameter.numel()) + 2.0 * number).double().view(parameter.shape)
    return net


def coupled(net: nn.Sequential, batch: torch.Tensor, kind: str) -> torch.Tensor:
    """A loss in which every sample depends on every other, taken whole on each rank or of its own samples alone."""
    given = batch.clone().requires_grad_()
    own = net(given)
    (slope,) = torch.autograd.grad(own.square().sum(), given, create_graph=True)  # the norm is passed twice
    everyone = networks.gather(own)  # (4, 3)
    steep = networks.average_over_ranks(slope.square().mean())
    if kind == "whole":
        return everyone.std(dim=0).prod() + (everyone[0] * everyone[3]).sum() + steep * everyone.mean()
    distances = (own[:, None] - everyone[None]).square().sum(dim=2)  # (own, 4)
    return torch.exp(-distances).sum(dim=1).mean() * steep


def step(batch: torch.Tensor, kind: str) -> tuple[float, list[torch.Tensor], dict[str, torch.Tensor]]:
    """The loss, the gradients and the state after one pass, as core takes them."""
    net = network()
    loss = coupled(net, batch, kind)
    loss.backward()
    distributed.average_gradients(net.parameters())
    return distributed.average(loss.detach()).item(), [p.grad for p in net.parameters()], net.state_dict()


def step_of_half(rank: int, kind: str):
    return step(WAVE[2 * rank : 2 * rank + 2], kind)


@pytest.mark.parametrize("kind", ["whole", "sliced"])
def test_two_ranks_are_one(tmp_path, kind):
    loss, gradients, state = step(WAVE, kind)
    for other, others, after in on_two_ranks(step_of_half, tmp_path, kind):
        assert other == pytest.approx(loss, abs=1e-12)
        for one, two in zip(gradients, others, strict=True):
            torch.testing.assert_close(two, one, rtol=0, atol=1e-12)
            assert one.abs().max() > 1e-6
        for name, value in state.items():
            torch.testing.assert_close(after[name], value, rtol=0, atol=1e-12, msg=name)


def penalised_half(rank: int) -> list[torch.Tensor]:
    return penalised(WAVE[2 * rank : 2 * rank + 2])


def penalised(batch: torch.Tensor) -> list[torch.Tensor]:
    """Gradients of a gradient that has itself gone through a gather: backward of the backward."""
    net = network()
    given = batch.clone().requires_grad_()
    everyone = networks.gather(net(given))
    (slope,) = torch.autograd.grad((everyone.prod(dim=1) * everyone.sum()).mean(), given, create_graph=True)
    slope.square().mean().backward()
    distributed.average_gradients(net.parameters())
    return [p.grad for p in net.parameters() if p.grad is not None]


def test_a_gather_is_differentiated_twice(tmp_path):
    """Each rank's loss is the whole one, so that its gradient in its own samples is counted once a rank: twice here."""
    for gradients in on_two_ranks(penalised_half, tmp_path):
        for one, two in zip(penalised(WAVE), gradients, strict=True):
            torch.testing.assert_close(two, 4 * one, rtol=1e-10, atol=1e-12)


def kinds_of_numbers(rank: int):
    norm = networks.BatchNorm1d(2, momentum=None).train()
    x = (torch.arange(8).view(4, 2) + 8 * rank).bfloat16()
    out = norm(x)
    evaluated = norm.eval()(x.float())
    return networks.gather(torch.tensor([rank, 5])), out.dtype, norm.running_mean, norm.running_var, evaluated


def test_labels_are_gathered_and_bf16_is_summed_in_float32(tmp_path):
    whole = torch.arange(16.0).view(8, 2)
    for rank, (labels, kind, mean, variance, evaluated) in enumerate(on_two_ranks(kinds_of_numbers, tmp_path)):
        assert labels.tolist() == [0, 5, 1, 5]
        assert kind == torch.bfloat16
        torch.testing.assert_close(mean, whole.mean(dim=0))
        torch.testing.assert_close(variance, whole.var(dim=0))
        own = whole[4 * rank : 4 * rank + 4]  # in evaluation what was tracked counts, and no rank asks another
        torch.testing.assert_close(evaluated, (own - mean) / (variance + 1e-5).sqrt())


def test_alone_it_is_torchs():
    x = WAVE.clone().requires_grad_()
    assert networks.gather(x) is x
    assert networks.average_over_ranks(x) is x
    ours, theirs = networks.BatchNorm2d(3).double(), nn.BatchNorm2d(3).double()
    for mode in (True, False):
        assert torch.equal(ours.train(mode)(x), theirs.train(mode)(x))
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert isinstance(ours, nn.BatchNorm2d)
    for copied in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert torch.equal(copied(x), ours(x))
