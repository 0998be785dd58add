"""The labeller of s2gan: what it learns of turns and of known classes, and which clusters it finds."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from i2i_zoo.methods.labeller import Classifier, Clusters, Labeller, spherical_means, turned


class Given(torch.nn.Module):
    """Gives the same logits whatever it is asked."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, features):
        return self.logits


def test_pictures_are_turned_by_quarters():
    image = torch.arange(4.0).view(1, 1, 2, 2)
    wanted = [[0, 1, 2, 3], [1, 3, 0, 2], [3, 2, 1, 0], [2, 0, 3, 1]]
    assert turned(image).flatten(1).tolist() == wanted


def test_the_losses_of_turns_equal_the_reference(golden):
    data = golden.load("zoo_composite")["s3gan_rotation"]
    net = Labeller(3, 8, 2)
    net.turns = Given(torch.tensor(data["rot_logits_real"], dtype=torch.float64))  # of one picture, in all four turns
    terms = net.losses(torch.zeros(4, 4), {})
    assert terms["rotation"].item() == pytest.approx(data["ce_rot_real"], rel=1e-10)


def test_known_classes_count_in_all_turns_and_others_not_at_all():
    net = Classifier(3, 8, 2, classes=2, weight=0.5)
    net.classes = Given(torch.tensor([[0.0, 0.0], [9.0, 0.0]] * 2 + [[0.0, math.log(3)], [0.0, 9.0]] * 2))
    terms = net.losses(torch.zeros(8, 4), {"label": torch.tensor([1, -1])})
    by_hand = 0.5 * (2 * math.log(2) + 2 * math.log(4 / 3)) / 4  # of two turns 1/2, of two more 3/4
    assert terms["classes"].item() == pytest.approx(by_hand, rel=1e-6)
    nothing = net.losses(torch.zeros(8, 4), {"label": torch.tensor([-1, -1])})
    assert nothing["classes"] == 0


def test_what_is_known_stays_and_what_is_not_is_the_likeliest():
    net = Classifier(3, 8, 2, classes=3, weight=1)
    net.classes = Given(torch.tensor([[0.0, 1.0, 2.0], [3.0, 1.0, 2.0], [0.0, 1.0, 0.5]]))
    batch = {"image": torch.zeros(3, 3, 8, 8), "label": torch.tensor([0, -1, -1])}
    assert net.label(batch).tolist() == [0, 0, 1]


def test_labels_do_not_depend_on_the_batch():
    net = Classifier(3, 8, 2, classes=3, weight=1).train()
    state = {key: value.clone() for key, value in net.state_dict().items()}
    images = torch.randn(6, 3, 8, 8)
    unknown = torch.full((6,), -1)
    together = net.label({"image": images, "label": unknown})
    apart = [net.label({"image": image[None], "label": unknown[:1]}).item() for image in images]
    assert together.tolist() == apart
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())


def test_turns_can_be_learnt():
    torch.manual_seed(0)
    net = Labeller(1, 8, 4)
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    ramp = torch.linspace(-1, 1, 8).expand(1, 8, 8)  # bright on the right
    batch = {"image": torch.stack([ramp * 0.8, ramp, ramp * 0.5])}
    for _ in range(30):
        (loss,) = net.terms(batch).values()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.2 * math.log(4)


# ---------------------------------------------------------------- clusters


def test_clusters_are_directions():
    torch.manual_seed(0)
    wanted = torch.tensor([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0], [-1.0, 0, 0]])
    near = F.normalize(wanted.repeat_interleave(50, dim=0) + 0.05 * torch.randn(200, 3), dim=1)
    found = spherical_means(near, 4)
    likeness = found @ wanted.T
    assert sorted(likeness.argmax(dim=1).tolist()) == [0, 1, 2, 3]
    for place, centre in enumerate(found):  # the direction of the sum of its points
        own = near[(near @ found.T).argmax(dim=1) == place]
        assert centre.tolist() == pytest.approx(F.normalize(own.sum(dim=0), dim=0).tolist(), abs=1e-6)
    assert torch.equal(found, spherical_means(near, 4))


def test_more_clusters_than_pictures_leave_some_empty():
    found = spherical_means(torch.eye(3), 5)
    assert found.norm(dim=1).tolist() == pytest.approx([1] * 5)
    assert sorted(set(found.argmax(dim=1).tolist())) == [0, 1, 2]


def test_clusters_label_by_the_nearest_direction_from_the_middle():
    net = Clusters(3, 8, 1, 2)
    net.middle.copy_(torch.tensor([10.0, 10.0]))
    net.centres.copy_(torch.eye(2))
    features = torch.tensor([[11.0, 10.5], [10.0, 10.1], [10.2, 9.0]])
    assert net.labels(features, {}).tolist() == [0, 1, 0]
