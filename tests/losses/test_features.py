"""Feature matching and the multi-scale adversarial losses against pix2pixHD's numbers."""

from __future__ import annotations

import pytest
import torch

from i2i import losses, networks
from i2i.networks.reference import from_reference


def test_equals_the_reference(golden):
    expected = golden.load("losses_pix2pixhd")["values"]
    net = networks.MultiScaleDiscriminator(8, 8, scales=2, features=True).double()
    net.load_state_dict(from_reference(net, golden.fill(golden.load("pix2pixhd_multiscale_d")["tensors"])))
    real = golden.wave([1, 8, 64, 96])
    fake = torch.cos(0.013 * torch.arange(real.numel(), dtype=torch.float64)).view_as(real)
    fake[:, :5] = real[:, :5]
    real_layers, fake_layers = net(real), net(fake)
    real_logits, fake_logits = ([scale[-1] for scale in layers] for layers in (real_layers, fake_layers))
    assert 10 * losses.feature_matching(fake_layers, real_layers).item() == pytest.approx(
        expected["G_GAN_Feat"], rel=1e-12
    )
    assert losses.generator(fake_logits, "lsgan").item() == pytest.approx(expected["G_GAN"], rel=1e-12)
    both = losses.discriminator(real_logits, fake_logits, "lsgan").item()
    assert both == pytest.approx(expected["D_real"] + expected["D_fake"], rel=1e-12)


def test_value_by_hand_and_the_factor_of_fewer_layers():
    fake = [[torch.zeros(1, 2), torch.ones(1), torch.zeros(1)]]
    real = [[torch.ones(1, 2), torch.full((1,), 4.0), torch.ones(1)]]
    assert losses.feature_matching(fake, real).item() == 4 / 2 * (1 + 3)


def test_gradient_flows_to_the_fake_only():
    torch.manual_seed(0)
    fake, real = (torch.randn(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda f: losses.feature_matching([[f, f]], [[real.detach(), real]]), (fake,))
    losses.feature_matching([[fake, fake]], [[real, real]]).backward()
    assert real.grad is None


def test_differing_layers_are_refused():
    with pytest.raises(ValueError, match=r"fake features have \[1\] layers by scale and real ones \[2\]"):
        losses.feature_matching([[torch.ones(1)]], [[torch.ones(1)] * 2])
