"""Adversarial losses against the reference's numbers, values computed by hand, and numerical gradients."""

from __future__ import annotations

import math

import pytest
import torch

from i2i import losses, networks
from i2i.networks.reference import from_reference

MODES = ("vanilla", "lsgan", "wgan", "hinge")


@pytest.fixture
def critic(golden):
    net = networks.PatchDiscriminator(3, 8).double()
    net.load_state_dict(from_reference(net, golden.fill(golden.load("patchgan_basic_instance")["tensors"])))
    return net


@pytest.fixture
def pictures(golden):
    real = golden.wave([2, 3, 64, 64])
    fake = torch.cos(0.013 * torch.arange(real.numel(), dtype=torch.float64)).view_as(real)
    return real, fake


@pytest.mark.parametrize(("mode", "key"), [("lsgan", "lsgan"), ("vanilla", "vanilla"), ("wgan", "wgangp")])
def test_losses_equal_the_reference(golden, mode, key):
    expected = golden.load("losses_gan")["gan_loss"][key]
    logits = (0.5 * torch.sin(0.3 * torch.arange(60, dtype=torch.float64))).view(1, 1, 6, 10)
    assert losses.generator(logits, mode).item() == pytest.approx(expected["target_real"], abs=1e-12)
    both = losses.discriminator(logits, logits, mode).item()
    assert both == pytest.approx(expected["target_real"] + expected["target_fake"], abs=1e-12)


def test_gradient_penalty_equals_the_reference(golden, critic, pictures):
    expected = golden.load("losses_gan")
    mixed = losses.interpolate(*pictures, torch.full((2,), 0.3, dtype=torch.float64))
    assert 10 * losses.gradient_penalty(critic, mixed).item() == pytest.approx(expected["mixed"], rel=1e-12)
    assert 10 * losses.gradient_penalty(critic, pictures[0]).item() == pytest.approx(expected["real_only"], rel=1e-12)
    assert losses.r1_penalty(critic, pictures[0]).item() == pytest.approx(expected["r1"], rel=1e-12)


def test_hinge_by_hand():
    real, fake = torch.tensor([0.5, 2.0]), torch.tensor([-0.5, 1.0, -3.0])
    assert losses.discriminator(real, fake, "hinge").item() == pytest.approx(0.25 + 2.5 / 3)
    assert losses.generator(fake, "hinge").item() == pytest.approx(2.5 / 3)


def test_vanilla_keeps_large_logits():
    logits = torch.tensor([1000.0, -1000.0])
    assert losses.generator(logits).item() == pytest.approx(500)
    assert losses.discriminator(logits, -logits).item() == pytest.approx(1000)


def test_scales_are_summed(golden):
    logits = [torch.randn(1, 1, 4, 4), torch.randn(1, 1, 2, 2)]
    for mode in MODES:
        parts = [losses.discriminator(t, -t, mode) for t in logits]
        torch.testing.assert_close(losses.discriminator(logits, [-t for t in logits], mode), sum(parts))
        torch.testing.assert_close(losses.generator(logits, mode), sum(losses.generator(t, mode) for t in logits))


@pytest.mark.parametrize("mode", MODES)
def test_gradients(mode):
    torch.manual_seed(0)
    real, fake = (torch.randn(2, 1, 3, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda r, f: losses.discriminator(r, f, mode), (real, fake))
    assert torch.autograd.gradcheck(lambda f: losses.generator(f, mode), (fake,))


@pytest.mark.parametrize("penalty", [losses.gradient_penalty, losses.r1_penalty])
def test_penalties_teach_the_weights(penalty):
    images = torch.randn(2, 1, 3, 3, dtype=torch.float64)
    weight = torch.randn(1, 1, 2, 2, dtype=torch.float64, requires_grad=True)

    def value(w):
        return penalty(lambda x: [torch.conv2d(x, w).tanh(), torch.conv2d(x, w).square()], images)

    assert torch.autograd.gradcheck(value, (weight,))


def test_penalty_of_a_linear_critic_by_hand():
    images = torch.randn(4, 1, 2, 2)
    assert losses.gradient_penalty(lambda x: 3 * x, images).item() == pytest.approx((math.sqrt(36) - 1) ** 2)
    assert losses.gradient_penalty(lambda x: 3 * x, images, norm=6).item() == pytest.approx(0, abs=1e-9)
    assert losses.r1_penalty(lambda x: 3 * x, images).item() == pytest.approx(18)


def test_losses_are_float32_from_bf16():
    logits = torch.randn(1, 1, 4, 4).bfloat16()
    for mode in MODES:
        assert losses.discriminator(logits, logits, mode).dtype == torch.float32
        torch.testing.assert_close(losses.generator(logits, mode), losses.generator(logits.float(), mode))
    net = networks.PatchDiscriminator(3, 4, layers=1)
    with torch.autocast("cpu", torch.bfloat16):
        inside = losses.gradient_penalty(net, torch.ones(1, 3, 16, 16).bfloat16())
    torch.testing.assert_close(inside, losses.gradient_penalty(net, torch.ones(1, 3, 16, 16)), rtol=0, atol=0)


def test_unknown_mode_is_answered_with_the_nearest():
    for call in (lambda: losses.generator(torch.ones(1), "lsgn"), lambda: losses.discriminator(*torch.ones(2), "lsgn")):
        with pytest.raises(LookupError, match='no adversarial loss "lsgn"; did you mean "lsgan"'):
            call()


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r"2 scale\(s\) of real logits and 1 of fake ones"):
        losses.discriminator([torch.ones(1)] * 2, torch.ones(1))
    with pytest.raises(ValueError, match=r"real \(2, 3, 4, 4\), fake \(1, 3, 4, 4\) and share \(2,\) do not fit"):
        losses.interpolate(torch.ones(2, 3, 4, 4), torch.ones(1, 3, 4, 4), torch.ones(2))
