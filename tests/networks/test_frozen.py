"""A frozen network is used, follows the model, and leaves no trace in weights or optimizers."""

from __future__ import annotations

import copy

import torch
from torch import nn

from i2i.networks import Frozen


class Holder(nn.Module):
    def __init__(self):
        super().__init__()
        self.trained = nn.Linear(2, 2)
        self.judge = Frozen(nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1)))


def test_frozen_is_outside_state_and_parameters():
    holder = Holder()
    assert set(holder.state_dict()) == {"trained.weight", "trained.bias"}
    holder.load_state_dict(Holder().state_dict())
    assert len(list(holder.parameters())) == 2
    assert not any(p.requires_grad for p in holder.judge.net.parameters())


def test_frozen_stays_in_eval_mode_and_follows_the_type():
    holder = Holder().train().double()
    assert not holder.judge.net.training
    x = torch.ones(1, 2, dtype=torch.float64, requires_grad=True)  # batch norm in training refuses a batch of one
    holder.judge(x).sum().backward()
    assert x.grad is not None
    copied = copy.deepcopy(holder)
    assert copied.judge.net is not holder.judge.net
    assert torch.equal(copied.judge(x), holder.judge(x))
