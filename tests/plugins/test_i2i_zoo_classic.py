"""The zoo's classic objectives, DCGAN's networks and the first penalties equal the reference's numbers."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from i2i_zoo import spelling
from i2i_zoo.architectures.dcgan import DCGAN
from i2i_zoo.architectures.mlp import MLP, Maxout, MaxoutMLP
from i2i_zoo.parts import Judged, Shape

from i2i.networks import BatchNorm2d

OBJECTIVES = {  # row: spelling
    "minimax": "minimax",
    "nonsaturating": "ns",
    "nonsaturating_half_D": "ns:d_scale=0.5",
    "nonsaturating_onesided_smooth_0.9": "ns:smooth=0.9",
    "lsgan_a0_b1_c1_half": "lsgan",
    "lsgan_a-1_b1_c0_half": "lsgan:a=-1,b=1,c=0",
    "lsgan_a0_b1_c1_nohalf": "lsgan:scale=1",
    "wgan": "wgan",
    "hinge": "hinge",
}


def sines(count, first, step):
    return torch.sin(first + step * torch.arange(count, dtype=torch.float64))


def wave(shape):
    return sines(math.prod(shape), 0.0, 0.01).view(shape)


def fill(net, data):
    """Fill a network whose parameters come in the reference's order."""
    for own, row in zip(net.parameters(), data["params"], strict=True):
        assert list(own.shape) == row["shape"]
        own.data = (row["offset"] + row["scale"] * sines(own.numel(), 1.0 + row["i"], 0.37)).view(own.shape)
    assert sum(p.numel() for p in net.parameters()) == data["param_count"]
    return net.double().eval()


def check(output, expected):
    flat = output.detach().flatten()
    assert len(flat) == math.prod(expected["shape"])
    assert flat.mean().item() == pytest.approx(expected["mean"], rel=1e-8, abs=1e-10)
    assert flat.std(correction=0).item() == pytest.approx(expected["std"], rel=1e-8, abs=1e-10)
    assert flat[expected["flat_idx"]].tolist() == pytest.approx(expected["values"], rel=1e-8, abs=1e-10)


def judged(logits):
    return Judged(torch.zeros(len(logits), 1, 1, 1), logits)


@pytest.mark.parametrize(("row", "text"), OBJECTIVES.items())
def test_an_objective_equals_the_reference(golden, row, text):
    data = golden.load("zoo_objectives")
    expected = data["losses"][row]
    real, fake = (torch.tensor(data[f"{k}_logits"], dtype=torch.float64, requires_grad=True) for k in ("real", "fake"))
    objective = spelling.make("objective", text, "--objective")
    for player, terms in (
        ("D", objective.discriminator(None, judged(real), judged(fake))),
        ("G", objective.generator(None, judged(fake), judged(real) if objective.needs_real else None)),
    ):
        assert terms["gan"].item() == pytest.approx(expected[f"{player.lower()}_loss"], rel=1e-12)
        gradients = torch.autograd.grad(terms["gan"], (real, fake), allow_unused=True)
        for key, gradient in zip(("real", "fake"), gradients, strict=True):
            values = [0.0] * 4 if gradient is None else gradient.tolist()
            assert values == pytest.approx(expected[f"d{player}_d{key}"], abs=1e-12)


@pytest.mark.parametrize("logit", [-200.0, 200.0])
def test_cross_entropies_are_finite_far_from_0(logit):
    fake = torch.tensor([logit], requires_grad=True)
    loss = spelling.make("objective", "ns", "").g(fake, None)
    (slope,) = torch.autograd.grad(loss, fake)
    assert (loss.item(), slope.item()) == pytest.approx((max(-logit, 0.0), -1.0 if logit < 0 else 0.0))


def test_the_generator_of_dcgan_equals_the_reference(golden):
    data = golden.load("zoo_dcgan_g64")
    net = fill(DCGAN(8).generator(Shape(3, (64, 64), 16)), data)
    assert {layer.eps for layer in net.modules() if isinstance(layer, BatchNorm2d)} == {1e-5}
    z = wave((2, 16))
    check(net(z), data["outputs"]["image"])
    check(net.main[:-1](z[:, :, None, None]), data["outputs"]["pre_tanh"])


def test_the_discriminator_of_dcgan_equals_the_reference(golden):
    data = golden.load("zoo_dcgan_d64")
    net = fill(DCGAN(8).discriminator(Shape(3, (64, 64), 16)), data)
    images = wave((2, 3, 64, 64)).requires_grad_()
    says = net(images)
    check(says.logit, data["outputs"]["logit"])
    check(says.logit.sigmoid(), data["outputs"]["prob"])
    check(torch.autograd.grad(says.logit.sum(), images)[0], data["outputs"]["grad_sum_logit_wrt_x"])
    assert says.features.shape == (2, 8 * 8 * 4 * 4)


DIGIT, PICTURE = Shape(1, (28, 28), 100), Shape(3, (64, 64), 100)


@pytest.mark.parametrize(
    ("architecture", "shape", "counts"),
    [
        (DCGAN(), PICTURE, (3_576_704, 2_765_568)),
        (DCGAN(128), PICTURE, (12_658_432, 11_036_160)),
        (MLP(), DIGIT, (1_510_032, 533_505)),
        (MaxoutMLP(), DIGIT, (2_503_984, 1_231_441)),
    ],
)
def test_networks_have_the_published_numbers_of_weights(architecture, shape, counts):
    with torch.device("meta"):
        nets = architecture.generator(shape), architecture.discriminator(shape)
    assert tuple(sum(p.numel() for p in net.parameters()) for net in nets) == counts


@pytest.mark.parametrize("architecture", [MLP(4), MLP(4, "none"), MaxoutMLP(8, 4, 3), DCGAN(2), DCGAN(2, "instance")])
@pytest.mark.parametrize("conditioning", ["none+ac", "concat+concat", "concat+none"])
def test_networks_are_told_the_class_and_tell_it(architecture, conditioning):
    shape = Shape(2, (8, 8), 5, 3, conditioning)
    generator, discriminator = architecture.generator(shape).eval(), architecture.discriminator(shape).eval()
    for net in (generator, discriminator):
        architecture.initialise(net)
    z, labels = torch.randn(1, 5).expand(3, -1), torch.tensor([0, 1, -1])
    images = generator(z, labels)
    assert images.shape == (3, 2, 8, 8)
    assert images.abs().max() <= 1
    assert torch.equal(images[0], images[1]) == (conditioning == "none+ac")
    says = discriminator(images[:1].expand(3, -1, -1, -1), labels)
    assert says.logit.shape == (3,)
    assert (says.logit[0] == says.logit[1]) == (conditioning != "concat+concat")
    assert (says.classes is not None) == (conditioning == "none+ac")
    assert says.classes is None or says.classes.shape == (3, 3)
    assert len(says.features) == 3


def test_maxout_units_are_the_largest_of_their_pieces():
    layer = Maxout(2, 2, 3)
    layer.linear.weight.data = torch.tensor([[1.0, 0], [0, 1], [-1, -1], [2, 0], [0, 2], [0, 0]])
    layer.linear.bias.data.zero_()
    assert layer(torch.tensor([[1.0, 3], [-1, -2]])).tolist() == [[3, 6], [3, 0]]


def test_no_discriminator_squashes_its_logit():
    for architecture in (MLP(4), MaxoutMLP(8, 4, 3), DCGAN(2)):
        layers = architecture.discriminator(Shape(2, (8, 8), 5)).modules()
        assert not [layer for layer in layers if isinstance(layer, (torch.nn.Sigmoid, torch.nn.Softmax))]


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (32, 48), (40, 56), (96, 128)])
def test_dcgan_has_any_size_that_can_be_halved(size):
    shape = Shape(1, size, 5, classes=3, conditioning="concat+concat")
    generator, discriminator = DCGAN(2).generator(shape), DCGAN(2, "layer").discriminator(shape)
    labels = torch.tensor([0, 2])
    images = generator(torch.zeros(2, 5), labels)
    assert images.shape == (2, 1, *size)
    assert not torch.equal(images[0], images[1])
    same = images[:1].expand(2, -1, -1, -1)
    logits = discriminator(same, labels).logit
    assert logits[0] != logits[1]


def critic_of(data):
    """The reference's: sum a x + 1/2 sum b x^2, on pictures of 2 x 3 x 3."""
    a, b = (torch.tensor(data[key], dtype=torch.float64) for key in "ab")
    return lambda images, labels=None: images.flatten(1) @ a + 0.5 * images.flatten(1).square() @ b


@pytest.fixture
def numbers(golden):
    """The reference's numbers, the moment of its critic, and what it judges."""
    data = golden.load("zoo_regularisers")
    shares = torch.tensor(data["eps"], dtype=torch.float64)
    now = SimpleNamespace(critic=critic_of(data), chance=SimpleNamespace(rand=lambda *shape: shares))
    real = wave((4, 2, 3, 3))
    fake = torch.cos(0.05 * torch.arange(72, dtype=torch.float64)).view(4, 2, 3, 3)
    return data, now, *(Judged(images, now.critic(images)) for images in (real, fake))


@pytest.mark.parametrize(
    ("text", "row", "key"),
    [
        ("gp:weight=1", "gp", "two_sided"),
        ("gp", "gp", "times_lambda_10_two_sided"),
        ("gp:1,sides=one", "gp", "one_sided"),
        ("gp:1,sides=zero", "gp", "zero_centred"),
        ("r1:gamma=2", "r1", "mean_sq_grad_norm"),
        ("r1", "r1", "half_gamma10"),
    ],
)
def test_a_penalty_equals_the_reference(numbers, text, row, key):
    data, now, real, fake = numbers
    penalty = spelling.make("penalty", text, "--gradient-penalty")
    (value,) = penalty.discriminator(now, real, fake).values()
    assert value.item() == pytest.approx(data[row][key], rel=1e-10, abs=1e-12)


@pytest.mark.parametrize(("length", "two", "one"), [(3.0, 4.0, 4.0), (0.5, 0.25, 0.0), (0.0, 1.0, 0.0)])
def test_penalties_of_a_linear_critic_are_known(length, two, one):
    slope = torch.full((12,), length / math.sqrt(12), requires_grad=True)
    chance = SimpleNamespace(rand=lambda *shape: torch.rand(*shape))
    now = SimpleNamespace(critic=lambda images, labels=None: images.flatten(1) @ slope, chance=chance)
    real, fake = (Judged(torch.randn(5, 3, 2, 2), torch.zeros(5)) for _ in range(2))
    for text, expected in (("gp:1", two), ("gp:1,sides=one", one), ("r1:gamma=1", length**2 / 2)):
        with torch.autocast("cpu", torch.bfloat16):  # which penalties leave
            (value,) = spelling.make("penalty", text, "").discriminator(now, real, fake).values()
        assert value.item() == pytest.approx(expected, rel=1e-5, abs=1e-6)
        assert torch.isfinite(torch.autograd.grad(value, slope)[0]).all()


@pytest.mark.parametrize(("size", "nearest"), [((4, 4), 8), ((33, 32), 32), ((50, 50), 48), ((200, 104), 192)])
def test_dcgan_refuses_other_sizes(size, nearest):
    with pytest.raises(ValueError, match=rf"4 to 7 pixels.* use --image-size {nearest}$"):
        DCGAN().check(Shape(3, size, 5))
