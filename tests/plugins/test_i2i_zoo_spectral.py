"""Spectral norm and self-attention: the references' numbers, singular values, what is kept in training."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
import waves
from i2i_zoo.layers.attention import SelfAttention
from i2i_zoo.layers.spectral import PLAIN, SPECTRAL, ConvTranspose2d, kit
from torch import nn

from i2i import networks

LAYERS = {
    "conv": (lambda: SPECTRAL.conv(3, 5, 3, padding=1), lambda: torch.randn(2, 3, 6, 6)),
    "strided": (lambda: SPECTRAL.conv(3, 5, 4, 2, 1, bias=False), lambda: torch.randn(2, 3, 6, 6)),
    "transposed": (lambda: SPECTRAL.transposed(3, 5, 4, 2, 1), lambda: torch.randn(2, 3, 6, 6)),
    "linear": (lambda: SPECTRAL.linear(7, 5), lambda: torch.randn(2, 7)),
    "embedding": (lambda: SPECTRAL.embedding(5, 7), lambda: torch.tensor([0, 4, 4])),
}


def layer(name):
    torch.manual_seed(0)
    make, given = LAYERS[name]
    return make(), given()


def plain(spectral, scale):
    """The same layer without spectral norm, its weights divided by a number."""
    base = next(kind for kind in type(spectral).__mro__ if kind.__module__.startswith("torch.nn.modules"))
    other = copy.deepcopy(spectral)
    other.__class__ = base
    with torch.no_grad():
        other.weight.div_(scale)
    return other


def rows(spectral):
    """The weights as (numbers given, rest), by another way than the layer's."""
    if isinstance(spectral, ConvTranspose2d):
        return torch.stack([spectral.weight[:, number].flatten() for number in range(spectral.weight.shape[1])])
    return spectral.weight.reshape(len(spectral.weight), -1)


def iterated(matrix, u):
    """One step from u, by the formula: the next u and sigma."""
    v = matrix.T @ u
    v = v / v.norm()
    u = matrix @ v
    u = u / u.norm()
    return u, u @ matrix @ v


@pytest.mark.parametrize("name", LAYERS)
def test_after_many_passes_weights_are_divided_by_their_largest_singular_value(name):
    spectral, given = layer(name)
    for _ in range(300):
        spectral(given)
    largest = torch.linalg.svdvals(rows(spectral).detach())[0]
    assert spectral.sigma.item() == pytest.approx(largest.item(), rel=1e-4)
    assert torch.allclose(spectral(given), plain(spectral, largest)(given), atol=1e-4)
    assert spectral.u.norm().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_a_pass_in_training_is_one_step_and_one_in_evaluation_keeps_nothing(name):
    spectral, given = layer(name)
    spectral.double()
    given = given.double() if given.is_floating_point() else given
    u, sigma = iterated(rows(spectral).detach(), spectral.u.clone())
    spectral(given)
    assert torch.allclose(spectral.u, u)
    assert spectral.sigma.item() == pytest.approx(sigma.item(), rel=1e-12)
    before = copy.deepcopy(spectral.state_dict())
    spectral.eval()
    _, sigma = iterated(rows(spectral).detach(), u)
    for _ in range(2):  # of the kept u, each time
        assert torch.allclose(spectral(given), plain(spectral, sigma)(given))
    assert all(torch.equal(value, before[key]) for key, value in spectral.state_dict().items())


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_pass_through_sigma_alone(name):
    """d(W / s)/dW with s = u'Wv, of u and v that stay."""
    spectral, given = layer(name)
    spectral.double().eval()
    given = given.double() if given.is_floating_point() else given
    weights = torch.randn_like(spectral(given))
    (spectral(given) * weights).sum().backward()
    matrix = rows(spectral).detach()
    v = F.normalize(matrix.T @ spectral.u, dim=0)
    u = F.normalize(matrix @ v, dim=0)
    other = plain(spectral, 1.0)
    free = other.weight.detach().clone().requires_grad_()
    as_rows = free.transpose(0, 1).flatten(1) if isinstance(spectral, ConvTranspose2d) else free.flatten(1)
    del other.weight
    other.weight = free / (u @ as_rows @ v)
    (other(given) * weights).sum().backward()
    assert torch.allclose(spectral.weight.grad, free.grad)


@pytest.mark.parametrize("name", LAYERS)
def test_autocast_does_not_reach_the_iteration(name):
    (one, given), (two, _) = layer(name), layer(name)
    one(given)
    with torch.autocast("cpu", torch.bfloat16):
        two(given)
        assert two.normalised().dtype == torch.float32
    one(given)
    assert torch.equal(one.u, two.u)
    assert torch.equal(one.sigma, two.sigma)


def test_it_can_be_differentiated_twice():
    torch.manual_seed(0)
    net = nn.Sequential(SPECTRAL.conv(2, 3, 3), nn.Softplus(), SPECTRAL.conv(3, 1, 2)).double().eval()
    images = torch.randn(1, 2, 5, 5, dtype=torch.float64, requires_grad=True)
    for _ in range(2):
        assert torch.autograd.gradcheck(net, images)
        assert torch.autograd.gradgradcheck(net, images)


def test_several_passes_before_one_backward_have_the_gradients_of_each():
    """A penalty judges again within an update: the first pass keeps its own u."""
    spectral, given = layer("conv")
    again = copy.deepcopy(spectral)
    (spectral(given).square().sum() + 2 * spectral(given + 1).square().sum()).backward()
    again(given).square().sum().backward()
    (2 * again(given + 1).square().sum()).backward()
    assert torch.allclose(spectral.weight.grad, again.weight.grad, rtol=1e-5)
    assert torch.equal(spectral.u, again.u)


def test_an_average_has_a_sigma_near_a_fresh_ones():
    """Its u is the mean of several, and not of its own weights; the step before use mends that."""
    torch.manual_seed(0)
    net = SPECTRAL.conv(8, 16, 3, padding=1)
    optimizer = torch.optim.SGD(net.parameters(), 0.05)
    average, given = networks.Average(net), torch.randn(4, 8, 6, 6)
    for _ in range(300):
        optimizer.zero_grad()
        (net(given) - given.mean()).square().mean().backward()
        optimizer.step()
        average.update(net, 0.9)
    found = average.net.eval()
    ratio = found.weight.flatten()[0] / found.normalised().flatten()[0]
    largest = torch.linalg.svdvals(found.weight.flatten(1))[0]
    assert ratio.item() == pytest.approx(largest.item(), rel=0.01)


def test_networks_with_it_are_copied_pickled_and_saved_whole():
    spectral, given = layer("conv")
    spectral(given)
    again = pickle.loads(pickle.dumps(spectral))
    other = SPECTRAL.conv(3, 5, 3, padding=1)
    other.load_state_dict(spectral.state_dict())
    expected = spectral(given)
    assert torch.equal(again(given), expected)
    assert torch.equal(other(given), expected)
    assert {"u", "sigma"} <= spectral.state_dict().keys()
    assert {key for key, _ in spectral.named_parameters()} == {"weight", "bias"}


def test_a_player_gets_the_kit_that_is_asked_for():
    given = {of: [kit(of, player) is SPECTRAL for player in "gd"] for of in ("none", "g", "d", "gd")}
    assert given == {"none": [False, False], "g": [True, False], "d": [False, True], "gd": [True, True]}


# ---------------------------------------------------------------- self-attention


@pytest.mark.parametrize("name", ["selfattention", "selfattention_sn"])
@torch.no_grad()
def test_self_attention_is_the_references(golden, name):
    data = golden.load(f"zoo_{name}")
    net = SelfAttention(16, SPECTRAL if data["config"]["spectral_norm"] else PLAIN)
    assert sum(parameter.numel() for parameter in net.parameters()) == data["param_count"]
    waves.load(net, waves.filled(data))
    waves.check(net(waves.given(data, "x")), data["outputs"]["out"])


@pytest.mark.parametrize(("channels", "weights"), [(64, 5_121), (256, 81_921), (512, 327_681)])
def test_self_attention_has_as_many_weights_as_the_references(channels, weights):
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in SelfAttention(channels).parameters()) == weights


def test_self_attention_begins_as_the_identity_and_learns_from_there():
    net, x = SelfAttention(16, SPECTRAL), torch.randn(2, 16, 8, 8)
    assert torch.equal(net(x), x)
    net(x).square().sum().backward()
    assert net.gamma.grad.abs() > 0


@torch.no_grad()
def test_keys_are_a_quarter_of_the_places_and_nothing_is_scaled():
    torch.manual_seed(0)
    net, x = SelfAttention(16).double(), torch.randn(1, 16, 4, 6, dtype=torch.float64)
    net.gamma.fill_(2.0)
    shapes = []
    net.o.register_forward_hook(lambda module, inputs, output: shapes.append(inputs[0].shape))
    theta, phi, g = (module(x) for module in (net.theta, net.phi, net.g))
    phi, g = (
        (m[..., ::2, ::2].max(m[..., 1::2, ::2])).max(m[..., ::2, 1::2].max(m[..., 1::2, 1::2])) for m in (phi, g)
    )
    expected = torch.empty_like(x)
    for row in range(4):
        for column in range(6):
            scores = (theta[0, :, row, column, None, None] * phi[0]).sum(0).flatten()
            assert scores.shape == (6,)
            found = (g[0].flatten(1) * scores.softmax(0)).sum(1)
            expected[0, :, row, column] = 2 * net.o.weight[:, :, 0, 0] @ found + x[0, :, row, column]
    assert torch.allclose(net(x), expected)
    assert shapes == [(1, 8, 4, 6)]
