"""f-divergences: the reference's numbers, conjugates against their definition, and derivatives anywhere."""

from __future__ import annotations

import inspect
import math
from importlib import import_module

import pytest
import torch
from i2i_zoo import cards, spelling
from i2i_zoo.objectives.divergences import log_lambert
from i2i_zoo.parts import Divergence

PI = 0.3
ROWS = {  # spelling: row of the reference, f, f'(1)
    "fgan-total-variation": ("total_variation", lambda u: 0.5 * (u - 1).abs(), None),
    "fgan-kl": ("kl", lambda u: u * u.log(), 1),
    "fgan-reverse-kl": ("reverse_kl", lambda u: -u.log(), -1),
    "fgan-pearson": ("pearson", lambda u: (u - 1).square(), 0),
    "fgan-neyman": ("neyman", lambda u: (1 - u).square() / u, 0),
    "fgan-hellinger": ("squared_hellinger", lambda u: (u.sqrt() - 1).square(), 0),
    "fgan-jeffrey": ("jeffrey", lambda u: (u - 1) * u.log(), 0),
    "fgan-js": ("jensen_shannon", lambda u: u * u.log() - (u + 1) * ((1 + u) / 2).log(), 0),
    f"fgan-weighted-js:pi={PI}": (
        "jensen_shannon_weighted_pi0.3",
        lambda u: PI * u * u.log() - (1 - PI + PI * u) * (1 - PI + PI * u).log(),
        0,
    ),
    "fgan-gan": ("gan", lambda u: u * u.log() - (u + 1) * (u + 1).log(), -math.log(2)),
}


def make(text, heuristic=False):
    return spelling.make(
        "objective", text + ("," if ":" in text else ":") * heuristic + "heuristic=true" * heuristic, ""
    )


@pytest.mark.parametrize("heuristic", [False, True])
@pytest.mark.parametrize("text", ROWS)
def test_a_divergence_equals_the_reference(golden, text, heuristic):
    data = golden.load("zoo_objectives")
    expected = data["losses"][f"fgan_{ROWS[text][0]}" + "_heuristicG" * heuristic]
    real, fake = (torch.tensor(data[f"{k}_logits"], dtype=torch.float64, requires_grad=True) for k in ("real", "fake"))
    objective = make(text, heuristic)
    for player, loss in (("d", objective.d(real, fake)), ("g", objective.g(fake, None))):
        assert loss.item() == pytest.approx(expected[f"{player}_loss"], rel=1e-10)
        gradients = torch.autograd.grad(loss, (real, fake), allow_unused=True)
        for key, gradient in zip(("real", "fake"), gradients, strict=True):
            values = [0.0] * 4 if gradient is None else gradient.tolist()
            assert values == pytest.approx(expected[f"d{player.upper()}_d{key}"], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("text", ROWS)
def test_a_conjugate_is_the_largest_of_its_lines(text):
    objective, f = make(text), ROWS[text][1]
    u = torch.cat([torch.logspace(-7, 5, 400_001, dtype=torch.float64), torch.ones(1, dtype=torch.float64)])
    for v in torch.linspace(-1.9, 1.9, 13, dtype=torch.float64):  # where Pearson's largest is at a u above 0
        t = objective.t(v)
        largest = (u * t - f(u)).max()
        assert objective.conjugate(v).item() == pytest.approx(largest.item(), rel=1e-6, abs=1e-6), v


@pytest.mark.parametrize("text", [text for text in ROWS if "total" not in text])
def test_the_best_logits_give_the_divergence(text):
    """At t = f'(p / q) the bound is tight: on two small distributions the loss is minus the divergence."""
    objective, f = make(text), ROWS[text][1]
    p, q = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64), torch.tensor([0.2, 0.2, 0.6], dtype=torch.float64)
    v = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([v], max_iter=500, line_search_fn="strong_wolfe", tolerance_grad=1e-12)

    def loss():
        optimizer.zero_grad()
        value = (q * objective.conjugate(v) - p * objective.t(v)).sum()
        value.backward()
        return value

    optimizer.step(loss)
    divergence = (q * f(p / q)).sum().item()
    assert -loss().item() == pytest.approx(divergence, rel=1e-8)
    if text == "fgan-pearson":
        assert divergence == pytest.approx(((p - q).square() / q).sum().item())
    if text == "fgan-neyman":
        assert divergence == pytest.approx(((p - q).square() / p).sum().item())


@pytest.mark.parametrize("text", ROWS)
def test_a_divergence_has_the_right_derivative(text):
    logits = torch.tensor([-3.0, -0.4, 0.2, 2.5], dtype=torch.float64, requires_grad=True)
    for heuristic in (False, True):
        objective = make(text, heuristic)
        assert torch.autograd.gradcheck(objective.d, (logits, logits.detach().flip(0).requires_grad_()))
        assert torch.autograd.gradcheck(lambda f, made=objective: made.g(f, None), (logits,))


@pytest.mark.parametrize("text", ROWS)
def test_real_is_above_the_slope_at_equality(text):
    slope = ROWS[text][2]
    if slope is not None:
        u = torch.ones((), dtype=torch.float64, requires_grad=True)
        assert torch.autograd.grad(ROWS[text][1](u), u)[0].item() == pytest.approx(slope, abs=1e-12)
        v = torch.linspace(-5, 5, 10_001, dtype=torch.float64)
        t = make(text).t(v)
        assert t.min() < slope < t.max()
        assert (t.diff() > 0).all()


@pytest.mark.parametrize("logit", [-200.0, -50.0, 50.0, 200.0])
@pytest.mark.parametrize("text", ROWS)
def test_a_divergence_is_finite_far_from_0(text, logit):
    for heuristic in (False, True):
        v = torch.tensor([logit], requires_grad=True)
        objective = make(text, heuristic)
        for loss in (objective.d(v, v), objective.g(v, None)):
            assert torch.isfinite(loss)
            assert torch.isfinite(torch.autograd.grad(loss, v)[0])


def test_lamberts_function():
    y = torch.cat([torch.linspace(-80, 14, 500), torch.tensor([100.0, 1e4, 1e6])]).double().requires_grad_()
    log = log_lambert(y)
    assert (log.exp() + log).tolist() == pytest.approx(y.tolist(), rel=1e-12, abs=1e-12)
    assert log_lambert(torch.ones(1)).item() == pytest.approx(0, abs=1e-7)  # W(e) = 1
    assert log_lambert(torch.zeros(1)).exp().item() == pytest.approx(0.567143290409784)  # the omega constant
    few = torch.tensor([-2.0, 0.3, 1.7], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(log_lambert, (few,))
    assert torch.autograd.gradgradcheck(log_lambert, (few,))


@pytest.mark.parametrize("spelled", ["fgan-weighted-js:pi=0", "fgan-weighted-js:pi=1", "ns:smooth=0", "ns:smooth=1.5"])
def test_shares_that_are_none_are_refused(spelled):
    with pytest.raises(ValueError, match="give between 0 and 1"):
        make(spelled)


def divergences():
    """The classes of objectives that are nothing but two functions of logits, but for those of one method's players."""
    for part in (part for part in cards.parts() if part.target.startswith("i2i_zoo.objectives")):
        module, _, name = part.target.partition(":")
        cls = getattr(import_module(module), name)
        if isinstance(cls, type) and issubclass(cls, Divergence) and cls.discriminator is Divergence.discriminator:
            yield cls


@pytest.mark.parametrize("cls", {cls.__name__: cls for cls in divergences()}.values())
def test_a_divergence_is_at_most_10_lines(cls):
    assert cls.__doc__
    assert len(inspect.getsource(cls).splitlines()) <= 10


def test_all_kinds_of_divergences_are_counted():
    assert {"NonSaturating", "LeastSquares", "WeightedJensenShannon", "Jeffrey", "RaHinge", "EnergyBased"} <= {
        cls.__name__ for cls in divergences()
    }


def test_the_numbers_of_a_divergence_are_those_of_its_class():
    class Steep(Divergence):
        """D: steep mean f; G: -mean f."""

        needs_real, steep, times = False, 2.0, 3

        def d(self, r, f):
            return self.steep * f.mean()

        def g(self, f, r):
            return -f.mean()

    class Steeper(Steep):
        """As Steep."""

        steep, own = 5.0, True

    made = Steeper(own=False)
    assert (made.steep, made.own, made.times) == (5.0, False, 3)
    taken = inspect.signature(Steeper).parameters
    assert {name: each.annotation for name, each in taken.items()} == {"steep": float, "own": bool, "times": int}
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        Steep(own=True)
