"""Residual networks of the zoo: what recipes rely on, and what is easily got wrong."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from i2i_zoo.architectures.biggan import BigGAN
from i2i_zoo.architectures.biggan_deep import BigGANDeep
from i2i_zoo.architectures.residual import pooled
from i2i_zoo.architectures.resnet import ResNet
from i2i_zoo.architectures.sncnn import SNCNN
from i2i_zoo.layers.norms import ClassNorm, class_linear, class_table
from i2i_zoo.parts import Shape
from torch import nn

SHARED = "shared+projection"


def shape(side=32, latent=128, classes=0, conditioning="none", channels=3):
    return Shape(channels, side if isinstance(side, tuple) else (side, side), latent, classes, conditioning)


PAIRS = {
    "sncnn": (SNCNN(width=4), shape((32, 48), 6)),
    "sncnn-gd": (SNCNN(width=4, spectral="gd"), shape(28, 6, channels=1)),
    "sncnn-batch": (SNCNN(width=4, spectral="none", norm="batch"), shape(32, 6)),
    "resnet": (ResNet(width=4), shape((32, 64), 6)),
    "resnet-48": (ResNet(width=4, norm="layer", upsample="bilinear"), shape(48, 6)),
    "sagan": (ResNet(width=8, spectral="gd", attention=16), shape(32, 6, 3, "table+projection")),
    "acgan": (ResNet(width=4, spectral="none", norm="batch", pool="mean"), shape(32, 6, 3, "table+ac", 1)),
    "ssgan": (ResNet(width=4, turns=True), shape(32, 6)),
    "biggan": (BigGAN(width=4, shared=5, attention=16), shape((32, 40), 9, 3, SHARED)),
    "s3gan": (BigGAN(width=4, shared=5, turns=True, predictor=True), shape(32, 9, 3, SHARED)),
    "biggan-whole": (BigGAN(width=4, shared=5, hier=False), shape(32, 9, 3, SHARED)),
    "biggan-alone": (BigGAN(width=4), shape(32, 9)),
    "biggan-deep": (BigGANDeep(width=8, shared=5, attention=16), shape(32, 9, 3, SHARED)),
    "biggan-deep-alone": (BigGANDeep(width=8, hier=False), shape(32, 9)),
}


def pair(name):
    architecture, to = PAIRS[name]
    architecture.check(to)
    torch.manual_seed(0)
    nets = architecture.generator(to), architecture.discriminator(to)
    for net in nets:
        architecture.initialise(net)
    labels = torch.tensor([0, 2, 1]) if to.classes else None
    return architecture, to, *nets, labels


@pytest.mark.parametrize("name", PAIRS)
def test_a_pair_draws_and_judges(name):
    architecture, to, generator, discriminator, labels = pair(name)
    images = generator(torch.randn(3, to.latent), labels)
    assert images.shape == (3, to.channels, *to.size)
    assert images.abs().max() <= 1
    judged = discriminator(images, labels)
    assert judged.images is images
    assert judged.logit.shape == (3,)
    assert judged.features.shape[0] == 3
    assert (judged.turns is None) == ("turns" not in architecture.gives)
    told = to.discriminator_conditioning
    assert (judged.classes is None) == ("classes" not in architecture.gives and told != "ac")
    (judged.logit.sum() + sum(x.sum() for x in (judged.classes, judged.turns) if x is not None)).backward()
    for net in (generator, discriminator):
        for key, parameter in net.named_parameters():
            assert parameter.grad is not None, key
            assert parameter.grad.isfinite().all(), key
    again = pickle.loads(pickle.dumps(generator.eval()))
    z = torch.randn(2, to.latent)
    assert torch.equal(
        again(z, None if labels is None else labels[:2]), generator(z, None if labels is None else labels[:2])
    )
    pickle.loads(pickle.dumps(discriminator))


@pytest.mark.parametrize("name", PAIRS)
def test_bfloat16_gives_finite_gradients_and_logits_near_those_of_float32(name):
    _, to, generator, discriminator, labels = pair(name)
    z = torch.randn(3, to.latent)
    generator.eval(), discriminator.eval()  # with batch norms of three pictures, rounding decides
    plain = discriminator(generator(z, labels), labels).logit
    with torch.autocast("cpu", torch.bfloat16):
        judged = discriminator(generator(z, labels), labels)
        loss = judged.logit.sum()
    assert judged.logit.dtype == judged.features.dtype == torch.float32
    assert judged.logit.tolist() == pytest.approx(plain.tolist(), abs=0.05 * (1 + plain.abs().max().item()))
    generator.train(), discriminator.train()
    with torch.autocast("cpu", torch.bfloat16):
        loss = discriminator(generator(z, labels), labels).logit.sum()
    loss.backward()
    gradients = [p.grad for net in (generator, discriminator) for p in net.parameters() if p.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("name", PAIRS)
def test_a_joint_batch_is_judged_picture_by_picture(name):
    """And one that is not joint, for its batch norm, is not: real pictures' logits change with the others."""
    _, to, _, discriminator, labels = pair(name)
    first = torch.randn(3, to.channels, *to.size)
    state = copy.deepcopy(discriminator.state_dict())
    logits = []
    for scale in (1.0, 3.0):
        discriminator.load_state_dict(state)
        images = torch.cat([first, scale * torch.randn(3, to.channels, *to.size)])
        judged = discriminator(images, None if labels is None else labels.repeat(2))
        logits.append(judged.split(3, 3)[0].logit)
    assert torch.allclose(*logits, atol=1e-5) == discriminator.joint
    assert discriminator.joint == (
        not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in discriminator.modules())
    )


def test_no_discriminator_ends_in_a_probability():
    for name in PAIRS:
        assert not any(isinstance(module, (nn.Sigmoid, nn.Softmax)) for module in pair(name)[3].modules())


# ---------------------------------------------------------------- traps


@pytest.mark.parametrize(("pool", "factor"), [("sum", 4.0), ("mean", 1.0)])
@torch.no_grad()
def test_sngan_sums_over_places_and_wgan_gp_takes_the_mean(pool, factor):
    maps = torch.randn(2, 5, 3, 3)
    four = maps.repeat(1, 1, 2, 2)
    assert torch.allclose(pooled(four, pool), factor * pooled(maps, pool), atol=1e-5)
    assert ResNet().pool == "sum"
    head = nn.Linear(5, 1, bias=False)
    net = ResNet(pool=pool).discriminator(shape())
    assert net.pool == pool
    assert torch.allclose(head(pooled(four, net.pool)), factor * head(pooled(maps, net.pool)), atol=1e-5)


def test_a_latent_is_cut_in_equal_parts_and_the_rest_is_not_used():
    architecture, to = BigGAN(width=1), shape(128, 128, 3, SHARED)
    net = architecture.generator(to).eval()
    assert (net.latent, net.parts) == (126, 6)
    assert net.linear.in_features == 21
    z, labels = torch.randn(2, 128), torch.tensor([0, 1])
    stem, told = net.told(z[:, :126], labels)
    assert torch.equal(stem, z[:, :21])
    for number, condition in enumerate(told, start=1):
        assert torch.equal(condition[:, 128:], z[:, 21 * number : 21 * number + 21])
    other = z.clone()
    other[:, 126:] = 5.0
    assert torch.equal(net(z, labels), net(other, labels))


def test_the_shared_embedding_is_looked_up_once():
    net = BigGAN(width=2).generator(shape(32, 80, 3, SHARED))
    calls = []
    net.shared.register_forward_hook(lambda *_: calls.append(1))
    net(torch.randn(2, 80), torch.tensor([0, 1]))
    assert calls == [1]


@pytest.mark.parametrize("kind", ["table", "linear"])
def test_a_class_norm_of_zeros_has_a_gain_of_1(kind):
    norm = class_table(4, 3) if kind == "table" else class_linear(4, 6)
    for layer in (norm.gain, norm.bias):
        nn.init.zeros_(layer.weight)
    x = torch.randn(8, 4, 5, 5)
    condition = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1]) if kind == "table" else torch.randn(8, 6)
    assert torch.allclose(norm(x, condition), F.batch_norm(x, None, None, training=True), atol=1e-6)


@torch.no_grad()
def test_a_class_norm_scales_and_shifts_by_class():
    norm, x = class_table(2, 3).double(), torch.randn(3, 2, 4, 4, dtype=torch.float64)
    labels = torch.tensor([2, 0, 1])
    normal = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
    gain, bias = (table.weight[labels][:, :, None, None] for table in (norm.gain, norm.bias))
    assert torch.allclose(norm(x, labels), (1 + gain) * normal + bias)


def test_norms_have_the_references_epsilon():
    for name in PAIRS:
        for net in pair(name)[2:4]:
            norms = [m for m in net.modules() if isinstance(m, (nn.modules.batchnorm._BatchNorm, nn.GroupNorm))]
            assert all(norm.eps == 1e-5 for norm in norms)


def test_generated_pictures_are_judged_by_their_own_labels():
    """Real and generated ones in one batch: each logit is that of its picture with its label."""
    discriminator = ResNet(width=4).discriminator(shape(32, 6, 3, "table+projection")).eval()
    real, fake = torch.randn(2, 2, 3, 32, 32)
    labels = torch.tensor([0, 1, 2, 2])
    both = discriminator(torch.cat([real, fake]), labels)
    apart = torch.cat([discriminator(real, labels[:2]).logit, discriminator(fake, labels[2:]).logit])
    assert torch.allclose(both.logit, apart, atol=1e-5)
    assert not torch.allclose(discriminator(fake, labels[:2]).logit, both.logit[2:], atol=1e-3)


def test_first_weights_are_the_references():
    architecture, to = ResNet(spectral="gd"), shape(32, 128, 10, "table+projection")
    net = architecture.generator(to)
    architecture.initialise(net)
    conv = net.blocks[0][0].conv1  # Xavier: U(-b, b) with b = sqrt(2) sqrt(6 / (fan in + fan out)), and the 1x1 plain
    assert conv.weight.abs().max().item() == pytest.approx((2 * 6 / (9 * 512)) ** 0.5, rel=1e-3)
    assert net.blocks[0][0].conv_sc.weight.abs().max().item() == pytest.approx((6 / 512) ** 0.5, rel=1e-3)
    tables = [module for module in net.modules() if isinstance(module, ClassNorm)]
    assert len(tables) == 6
    for norm in tables:
        assert norm.gain.weight.std().item() == pytest.approx(0.02, rel=0.1)
        assert not norm.bias.weight.any()
    architecture, to = BigGAN(width=4), shape(32, 80, 10, SHARED)
    net = architecture.discriminator(to)
    architecture.initialise(net)
    for matrix in (net.blocks[1][0].conv1.weight.flatten(1), net.head.embed.weight):
        assert torch.allclose(matrix @ matrix.T, torch.eye(len(matrix)), atol=1e-4)
    assert not net.head.linear.bias.any()
