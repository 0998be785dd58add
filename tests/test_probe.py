"""The linear probe, beside scikit-learn's logistic regression, which minimises the same sum."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from i2i import probe


def test_it_finds_what_scikit_learn_finds() -> None:
    digits = load_digits()
    train, test = digits.data[:600], digits.data[600:900]
    scaler = StandardScaler().fit(train)
    known = LogisticRegression(C=1.0, tol=1e-8, max_iter=2000).fit(scaler.transform(train), digits.target[:600])
    features = torch.from_numpy(train)
    found = probe.fit(features, torch.from_numpy(digits.target[:600]), 10)
    expected = known.predict_proba(scaler.transform(test))
    actual = found.logits(torch.from_numpy(test)).softmax(1).numpy()
    assert np.abs(actual - expected).max() < 1e-3
    labels = torch.from_numpy(digits.target[600:900])
    assert found.accuracy(torch.from_numpy(test), labels) == pytest.approx(
        known.score(scaler.transform(test), digits.target[600:900]), abs=1e-9
    )
    assert found.accuracy(features, torch.from_numpy(digits.target[:600])) > 0.99


def test_features_that_never_change_are_left_alone() -> None:
    features = torch.tensor([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    found = probe.fit(features, torch.tensor([0, 0, 1, 1]), 2)
    assert found.accuracy(features, torch.tensor([0, 0, 1, 1])) == 1
    assert found.accuracy(features, torch.tensor([0, 1, 1, 0])) == 0.5
    assert (found.weight[1] == 0).all()


def test_the_mean_class_is_told_without_a_feature() -> None:
    found = probe.fit(torch.zeros(8, 1), torch.tensor([0, 0, 0, 0, 0, 0, 1, 1]), 2)
    share = found.logits(torch.zeros(1, 1)).softmax(1)[0]
    assert share.tolist() == pytest.approx([0.75, 0.25], abs=1e-4)


def test_it_depends_on_no_chance_and_no_order() -> None:
    features = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(50) % 3
    one = probe.fit(features, labels, 3)
    torch.rand(3)
    assert torch.equal(one.weight, probe.fit(features, labels, 3).weight)
    turned = probe.fit(features.flip(0), labels.flip(0), 3)
    assert torch.allclose(one.weight, turned.weight, atol=1e-6)
