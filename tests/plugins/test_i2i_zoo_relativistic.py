"""Relativistic objectives: the reference's numbers, what averages and pairs share, and the second look at real ones."""

from __future__ import annotations

import pytest
import torch
from i2i_zoo import spelling
from i2i_zoo.model import TwoPlayer
from i2i_zoo.presets.spectral import SNGAN

import i2i
from i2i.options import build
from i2i.testing import synthetic_batch, synthetic_spec

ROWS = {
    "rsgan": "rs",
    "rlsgan": "rs-ls",
    "rhinge": "rs-hinge",
    "rasgan_half": "ra",
    "rasgan_sum": "ra:scale=1",
    "ralsgan_half": "ra-ls",
    "ralsgan_sum": "ra-ls:scale=1",
    "rahinge_half": "ra-hinge",
    "rahinge_sum": "ra-hinge:scale=1",
}


@pytest.mark.parametrize(("row", "text"), ROWS.items())
def test_an_objective_equals_the_reference(golden, row, text):
    data = golden.load("zoo_objectives")
    expected = data["losses"][row]
    real, fake = (torch.tensor(data[f"{k}_logits"], dtype=torch.float64, requires_grad=True) for k in ("real", "fake"))
    objective = spelling.make("objective", text, "")
    assert objective.needs_real
    for player, loss in (("d", objective.d(real, fake)), ("g", objective.g(fake, real))):
        assert loss.item() == pytest.approx(expected[f"{player}_loss"], rel=1e-12)
        for key, gradient in zip(("real", "fake"), torch.autograd.grad(loss, (real, fake)), strict=True):
            assert gradient.tolist() == pytest.approx(expected[f"d{player.upper()}_d{key}"], abs=1e-12)


def test_every_row_of_the_reference_has_a_test(golden):
    rows = {row for row in golden.load("zoo_objectives")["losses"] if row.startswith("r")}
    assert rows == ROWS.keys()


@pytest.mark.parametrize(("average", "pair"), [("ra", "rs"), ("ra-ls", "rs-ls"), ("ra-hinge", "rs-hinge")])
def test_an_average_of_one_is_a_pair(average, pair):
    r, f = torch.tensor([0.3]), torch.tensor([-0.8])
    whole, one = spelling.make("objective", average, ""), spelling.make("objective", pair, "")
    assert whole.d(r, f).item() == pytest.approx(one.d(r, f).item())
    assert whole.g(f, r).item() == pytest.approx(one.g(f, r).item())
    r, f = torch.randn(2, 5)
    if average != "ra-ls":  # of squares alone the order does not matter less
        assert whole.d(r, f).item() != pytest.approx(one.d(r, f).item(), rel=1e-3)


@pytest.mark.parametrize("objective", ["ra", "ra-ls", "ra-hinge"])
def test_averages_are_of_any_number_of_pictures(objective):
    """The recipe of sngan draws twice as many for its generator."""
    torch.manual_seed(0)
    options = {"architecture": "resnet:width=2", "objective": objective, "gradient_penalty": "r1", "n_critic": 1}
    model = SNGAN(build(SNGAN.Options, options), synthetic_spec("images", 32))
    assert model.options.generator_draws == 2
    sizes = []
    model.discriminator.register_forward_pre_hook(lambda net, args: sizes.append(len(args[0])))
    terms = dict(model.train_step(synthetic_batch(model.spec, 4, 0), i2i.Progress(model.phases()[0], 0, 9)))
    assert sizes == [8, 4, 12]  # both, the penalty, and real ones with twice as many drawn ones
    assert set(terms["discriminator"]) == {"gan", "penalty"}
    assert all(term.isfinite() for updated in terms.values() for term in updated.values())


@pytest.mark.parametrize("text", ["rs", "ra-hinge"])
def test_the_generator_is_taught_by_real_pictures(text):
    torch.manual_seed(0)
    options = {"architecture": "sncnn:width=2", "latent": "normal:4", "objective": text}
    model = TwoPlayer(build(TwoPlayer.Options, options), synthetic_spec("images", 16))
    sizes = []
    model.discriminator.register_forward_pre_hook(lambda net, args: sizes.append(len(args[0])))
    for _ in model.train_step(synthetic_batch(model.spec, 4, 0), i2i.Progress(model.phases()[0], 0, 9)):
        pass
    assert sizes == [8, 8]  # in both updates real and drawn ones
