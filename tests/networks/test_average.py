"""An average of a network: what it holds, how it moves, and what layers in common mean to it."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from i2i.networks import Average


def test_it_starts_as_a_copy_and_is_not_trained():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()
    average = Average(net)
    x = torch.ones(3, 2)
    assert torch.equal(average(x), net(x))
    assert not list(average.parameters())
    assert average.net.state_dict().keys() == net.state_dict().keys()
    with torch.no_grad():
        net[0].weight.zero_()
    assert not torch.equal(average(x), net(x))
    for copied in (copy.deepcopy(average), pickle.loads(pickle.dumps(average))):
        assert torch.equal(copied(x), average(x))


def test_weights_and_statistics_move_and_counts_are_taken():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = Average(net)
    with torch.no_grad():
        net[0].weight.fill_(1.0)
        net[1].running_mean.fill_(4.0)
        net[1].num_batches_tracked.fill_(7)
        before = average.net[0].weight.clone()
    average.update(net, 0.75)
    torch.testing.assert_close(average.net[0].weight, 0.75 * before + 0.25)
    assert average.net[1].running_mean.tolist() == [1.0, 1.0]
    assert average.net[1].num_batches_tracked.item() == 7


def test_two_updates_follow_the_closed_form():
    net = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(net.weight, 2.0)
    average = Average(net)
    nn.init.constant_(net.weight, 10.0)
    average.update(net, 0.9)
    average.update(net, 0.5)
    # 0.9 of 2 and 0.1 of 10 are 2.8; then half of it and half of 10
    assert average.net.weight.item() == pytest.approx(6.4, abs=1e-12)
    average.update(net, 0.0)
    assert average.net.weight.item() == 10.0


class Twins(nn.Module):
    """Two ways through one layer, and another layer with the same weight."""

    def __init__(self):
        super().__init__()
        self.one = nn.Sequential(nn.Linear(1, 1, bias=False))
        self.two = nn.Sequential(self.one[0])
        self.three = nn.Linear(1, 1, bias=False)
        self.three.weight = self.one[0].weight


def test_what_layers_have_in_common_moves_once():
    net = Twins()
    nn.init.constant_(net.three.weight, 0.0)
    average = Average(net)
    nn.init.constant_(net.three.weight, 8.0)
    average.update(net, 0.75)
    assert {name: value.item() for name, value in average.net.state_dict().items()} == {
        "one.0.weight": 2.0,
        "two.0.weight": 2.0,
        "three.weight": 2.0,
    }
