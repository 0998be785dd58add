"""What is asked of weights as matrices: the references' numbers, and what singular values become."""

from __future__ import annotations

import types

import pytest
import torch
import zoo_golden
from i2i_zoo import spelling
from i2i_zoo.layers.spectral import SPECTRAL, matrix_of
from i2i_zoo.model import TwoPlayer
from i2i_zoo.presets.large import BIGGAN
from i2i_zoo.singular import Orthogonal, SingularClamp, SpectralPenalty, off_diagonal
from torch import nn

import i2i
from i2i.options import build
from i2i.testing import synthetic_batch, synthetic_spec


def of_the_golden_file():
    """The convolution whose weights the file names."""
    conv = nn.Conv2d(3, 4, (2, 1), bias=False).double()
    with torch.no_grad():
        conv.weight.copy_(zoo_golden.sines(24).view(4, 3, 2, 1))
    return conv


def players(net):
    return types.SimpleNamespace(model=types.SimpleNamespace(generator=net, discriminator=net))


def test_right_angles_are_the_formula(golden):
    data, conv = golden.load("zoo_regularisers")["orthogonal"], of_the_golden_file()
    assert off_diagonal(conv).item() == pytest.approx(data["off_diagonal_frob_sq"], rel=1e-9)
    for weight, name in ((1e-4, "grad_of_beta_times_off_diagonal"), (5e-5, "grad_added_by_public_code_strength_1em4")):
        conv.weight.grad = None
        Orthogonal(weight).generator(players(conv), None, None)["ortho"].backward()
        assert conv.weight.grad.flatten().tolist() == pytest.approx(data[name], rel=1e-7, abs=1e-12)


def test_right_angles_and_lengths_are_the_formula(golden):
    data, conv = golden.load("zoo_regularisers")["orthogonal"], of_the_golden_file()
    full = spelling.make("regulariser", "ortho:weight=1,form=full", "")
    value = full.generator(players(conv), None, None)["ortho"]
    assert value.item() == pytest.approx(data["full_frob_sq"], rel=1e-8, abs=1e-10)
    value.backward()
    matrix = matrix_of(conv).detach()
    gradient = 4 * (matrix @ matrix.T - torch.eye(4)) @ matrix
    assert torch.allclose(conv.weight.grad.flatten(1), gradient, rtol=1e-9)


def test_rows_at_right_angles_cost_nothing_whatever_their_length():
    net = nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3), nn.Embedding(4, 3))
    nn.init.orthogonal_(net[0].weight)
    with torch.no_grad():
        net[0].weight.mul_(torch.tensor([[1.0], [2.0], [7.0]]))
    assert off_diagonal(net).item() == pytest.approx(0, abs=1e-4)
    one, both = players(nn.Linear(3, 3)), Orthogonal(1.0, "gd")
    assert both.generator(one, None, None).keys() == both.discriminator(one, None, None).keys() == {"ortho"}
    assert Orthogonal().discriminator(one, None, None) == {}
    assert Orthogonal(of="d").generator(one, None, None) == {}


def test_the_penalty_is_the_formula(golden):
    data, conv = golden.load("zoo_regularisers")["spectral"], of_the_golden_file()
    penalty = SpectralPenalty(0.01)
    penalty.prepare(conv, conv)
    penalty.double().u0.fill_(0.5)
    sigmas = [penalty.squares(conv).sqrt().item() for _ in range(20)]
    wanted = [data["sigma_1_iter"], data["sigma_2_iter"], data["sigma_20_iter"]]
    assert [sigmas[0], sigmas[1], sigmas[19]] == pytest.approx(wanted, rel=1e-8)
    assert penalty.squares(conv).sqrt().item() == pytest.approx(data["sigma_exact"], rel=1e-8)
    terms = penalty.discriminator(players(conv), None, None)
    assert terms["sn_penalty"].item() == pytest.approx(data["yoshida_penalty_lambda_0p01"], rel=1e-8)
    terms["sn_penalty"].backward()
    u, s, v = torch.linalg.svd(matrix_of(conv).detach())
    gradient = 0.01 * s[0] * u[:, 0].outer(v[0])
    assert torch.allclose(conv.weight.grad.flatten(1), gradient, atol=1e-8)


def test_the_penalty_sums_over_all_layers():
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[3.0, 0.0], [0.0, 1.0]]))
        net[2].weight.copy_(torch.tensor([[0.0, 4.0]]))
    penalty = SpectralPenalty(2.0)
    penalty.prepare(net, net)
    for _ in range(30):
        terms = penalty.discriminator(players(net), None, None)
    assert terms["sn_penalty"].item() == pytest.approx(9 + 16, rel=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: nn.Conv2d(3, 6, 3),
        lambda: nn.ConvTranspose2d(6, 4, 4),
        lambda: nn.Linear(7, 5),
        lambda: SPECTRAL.conv(3, 6, 3),
    ],
)
@pytest.mark.parametrize(
    ("numbers", "bound"), [({"bound": 0.5}, lambda s: 0.5), ({"ratio": 1.2}, lambda s: 1.2 * s[1])]
)
@torch.no_grad()
def test_the_largest_singular_value_is_bounded_and_others_stay(layer, numbers, bound):
    torch.manual_seed(0)
    net = layer().double()
    left, values, right = torch.linalg.svd(matrix_of(net), full_matrices=False)
    values = torch.linspace(0.45, 0.1, len(values), dtype=torch.float64)
    values[0] = 3.0
    wanted = left @ values.diag() @ right
    places = net.weight.transpose(0, 1) if isinstance(net, nn.ConvTranspose2d) else net.weight
    places.copy_(wanted.view(places.shape))
    clamp = SingularClamp(**numbers)
    clamp.prepare(net, net)
    clamp.double()
    for _ in range(60):
        clamp.vectors(0, matrix_of(net))
    clamp.stepped(players(net), "discriminator")
    assert torch.allclose(matrix_of(net), wanted)
    clamp.stepped(players(net), "generator")
    values[0] = bound(values)
    assert torch.allclose(matrix_of(net), left @ values.diag() @ right, atol=1e-6)
    before = matrix_of(net).clone()
    for _ in range(60):
        clamp.vectors(0, matrix_of(net))
    clamp.stepped(players(net), "generator")
    assert torch.allclose(matrix_of(net), before, atol=1e-6)


@torch.no_grad()
def test_one_row_has_no_second_singular_value_to_be_near():
    net = nn.Linear(4, 1)
    before = net.weight.clone()
    clamp = SingularClamp()
    clamp.prepare(net, net)
    clamp.stepped(players(net), "generator")
    assert torch.equal(net.weight, before)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Orthogonal(-1.0), "ortho:weight=-1 .*give 0 or more"),
        (lambda: SpectralPenalty(-1.0), "sn-penalty:weight=-1 .*give 0 or more"),
        (lambda: SingularClamp(0.0), "singular-clamp:bound=0.0,ratio=2: give a bound above 0"),
        (lambda: SingularClamp(ratio=0.5), "a ratio of 1 or more"),
    ],
)
def test_numbers_without_sense_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_biggan_logs_its_largest_singular_values():
    options = {"architecture": "biggan:width=2,shared=4", "latent": "normal:8", "n_critic": 1}
    spec = synthetic_spec("labelled", 32)
    model = BIGGAN(build(BIGGAN.Options, options | {"regularisers": "ortho+singular-clamp:ratio=1.5"}), spec).train()
    progress = i2i.Progress(model.phases()[0], 0, 10)
    asked = list(model.train_step(synthetic_batch(spec, 4), progress))
    assert [name for name, _ in asked] == ["discriminator", "generator", None]
    assert asked[1][1].keys() == {"gan", "ortho"}
    logged = asked[2][1]
    for name, net in (("generator", model.generator), ("discriminator", model.discriminator)):
        largest = max(module.sigma.item() for module in net.modules() if hasattr(module, "sigma"))
        assert logged[f"sigma_{name}"].item() == largest > 0


@pytest.mark.parametrize("asked", ["ortho", "ortho:of=d", "sn-penalty", "singular-clamp"])
def test_networks_without_plain_layers_are_refused(asked):
    given = {"architecture": "stylegan2:width=4,mapping=1", "latent": "normal:4", "regularisers": asked}
    name = asked.partition(":")[0]
    with pytest.raises(ValueError, match=f"^--regularisers {name} is for weights of plain convolutions"):
        TwoPlayer(build(TwoPlayer.Options, given), synthetic_spec("images", 16))
