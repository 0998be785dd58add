"""A linear probe: how well a linear classifier tells classes by the features of a network that stays as it is.

Multinomial logistic regression, features scaled to mean 0 and deviation 1, the sum of squared weights halved and
divided by the number of samples added to the mean cross-entropy. It is convex, and solved in float64: the result
depends on no chance and on no order.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Classifier:
    """Weights (F, K) and bias (K,) for features (N, F) that are shifted by `mean` and divided by `scale` first."""

    mean: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor

    def logits(self, features: Tensor) -> Tensor:
        """Logits (N, K) of the classes."""
        return (features - self.mean) / self.scale @ self.weight + self.bias

    def accuracy(self, features: Tensor, labels: Tensor) -> float:
        """The share of samples whose class has the largest logit."""
        return (self.logits(features).argmax(1) == labels).double().mean().item()


def fit(features: Tensor, labels: Tensor, classes: int, steps: int = 500) -> Classifier:
    """Fit a classifier to features (N, F) with labels (N,) from 0 to `classes` - 1, in at most so many L-BFGS steps."""
    features = features.double()
    mean, deviation = features.mean(0), features.std(0, correction=0)
    scale = torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation))
    scaled = (features - mean) / scale
    weight = features.new_zeros(features.shape[1], classes).requires_grad_()
    bias = features.new_zeros(classes).requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=steps, tolerance_grad=1e-8, tolerance_change=1e-12, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(scaled @ weight + bias, labels) + weight.square().sum() / (2 * len(labels))
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call, arg-type]
    return Classifier(mean, scale, weight.detach(), bias.detach())
