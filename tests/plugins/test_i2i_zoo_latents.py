"""Latents: what lies between two, sums of several, and where those of a search are kept."""

from __future__ import annotations

import math

import pytest
import torch
from i2i_zoo.codes import Codes
from i2i_zoo.latents import Bernoulli, Censored, Latent, Normal, Seeded, Sphere, Uniform


def test_normal_latents_are_joined_by_a_great_circle():
    latent = Normal(3)
    a, b = torch.tensor([[2.0, 0.0, 0.0]]), torch.tensor([[0.0, 2.0, 0.0]])
    assert torch.equal(latent.between(a, b, 0.0), a)
    assert torch.equal(latent.between(a, b, 1.0), b)
    third = latent.between(a, b, 1 / 3)
    expected = torch.tensor([[2 * math.cos(math.pi / 6), 2 * math.sin(math.pi / 6), 0.0]])
    assert torch.allclose(third, expected, atol=1e-6)
    assert torch.allclose(Sphere(3).between(a, b, 0.5), torch.tensor([[2.0, 2.0, 0.0]]) / 2**0.5, atol=1e-6)
    assert torch.equal(latent.between(a, a, 0.5), a)  # no circle, and no division by zero


@pytest.mark.parametrize("latent", [Uniform(2), Bernoulli(2), Latent(2)])
def test_other_latents_are_joined_straight(latent):
    a, b = torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.5]])
    assert torch.equal(latent.between(a, b, 0.25), torch.tensor([[0.25, 0.875]]))


def test_categories_change_half_of_the_way():
    latent = Codes(noise=1, categories=3, sets=1, continuous=1)
    a, b = torch.tensor([[-1.0, 1, 0, 0, 0.5]]), torch.tensor([[1.0, 0, 0, 1, -0.5]])
    assert latent.between(a, b, 0.25).tolist() == [[-0.5, 1, 0, 0, 0.25]]
    assert latent.between(a, b, 0.75).tolist() == [[0.5, 0, 0, 1, -0.25]]


WEIGHTS = torch.tensor([0.5, 0.5, -1.0])


def test_sums_of_normal_latents_are_as_long_as_what_was_summed():
    z = torch.tensor([[3.0, 0.0], [0.0, 3.0], [0.0, -6.0]])
    sum_of = torch.tensor([1.5, 7.5])  # (3, 0) / 2 + (0, 3) / 2 - (0, -6)
    expected = sum_of / sum_of.norm() * 4  # the mean of 3, 3 and 6
    assert torch.allclose(Normal(2).mixed(z, WEIGHTS), expected[None])
    assert torch.allclose(Latent(2).mixed(z, WEIGHTS), sum_of[None])
    assert torch.equal(Normal(2).mixed(z[:1], torch.ones(1)), z[:1])
    assert torch.equal(Normal(2).mixed(z[[0, 0]], torch.tensor([1.0, -1.0])), torch.zeros(1, 2))


def test_sums_of_uniform_latents_stay_in_their_range():
    z = torch.tensor([[0.2, 0.9], [0.4, 0.7], [0.1, -0.5]])
    assert torch.allclose(Uniform(2).mixed(z, WEIGHTS), torch.tensor([[0.2, 1.0]]))
    assert torch.allclose(Uniform(2, -4, 4).mixed(z, WEIGHTS), torch.tensor([[0.2, 1.3]]))
    codes = Codes(noise=1, categories=2, sets=1, continuous=0)
    mixed = codes.mixed(torch.tensor([[0.2, 1.0, 0.0], [0.4, 0.0, 1.0], [-0.9, 1.0, 0.0]]), WEIGHTS)
    assert mixed.tolist() == [[1.0, 0.0, 1.0]]  # of the categories -0.5 and 0.5


@pytest.mark.parametrize(
    "latent", [Normal(50), Sphere(50), Uniform(50, 0, 3), Bernoulli(50), Censored(50), Codes(20, 5, 2, 3)]
)
def test_what_was_drawn_is_kept_as_it_is(latent):
    z = latent.draw(Seeded(0), 20)
    assert torch.allclose(latent.kept(z), z)
    far = latent.kept(7 * z + 5)
    assert torch.allclose(latent.kept(far), far)
    if type(latent) is not Censored:  # which has no end above
        assert not torch.allclose(far, 7 * z + 5)


def test_lengths_are_kept_within_three_deviations():
    latent = Normal(50)  # a square of length 50 +- 3 * 10
    z = torch.nn.functional.one_hot(torch.tensor([0, 0, 0]), 50) * torch.tensor([[1.0], [7.0], [20.0]])
    assert torch.allclose(latent.kept(z)[:, 0].square(), torch.tensor([20.0, 49.0, 80.0]))
    assert Sphere(4).kept(torch.tensor([[3.0, 0, 0, 0]])).tolist() == [[2.0, 0, 0, 0]]
    assert torch.equal(Normal(2).kept(torch.zeros(1, 2)), torch.zeros(1, 2))
