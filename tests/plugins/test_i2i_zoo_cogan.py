"""CoGAN: both domains share layers and latents, and are drawn side by side."""

from __future__ import annotations

import pytest
import torch
from i2i_zoo.architectures.coupled import Convolutions, Digits
from i2i_zoo.methods.cogan import CoGAN, Domains, edges
from i2i_zoo.parts import Shape

import i2i
from i2i.device import Engine
from i2i.loop import run_step
from i2i.options import build
from i2i.sampling import rows_of
from i2i.testing import check_model, synthetic_batch, synthetic_spec

SPEC = synthetic_spec("unpaired", 20)


def model(spec=SPEC, **options):
    torch.manual_seed(0)
    return CoGAN(build(CoGAN.Options, {"architecture": "cogan:width=2,units=5", "latent": "normal:3"} | options), spec)


def progress(net):
    return i2i.Progress(net.phases()[0], 0, 10)


def test_networks_have_the_published_numbers_of_weights():
    shape = Shape(1, (28, 28), 100)
    with torch.device("meta"):
        generator, discriminator = Digits().generator(shape), Digits().discriminator(shape)
    assert sum(p.numel() for p in generator.parameters()) == 7_842_694
    assert sum(p.numel() for p in discriminator.parameters()) == 427_593
    norms = [layer for layer in generator.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert len(norms) == 4
    assert not any(layer.affine for layer in norms)


@pytest.mark.parametrize(("architecture", "size"), [(Digits(2, 5), (20, 28)), (Convolutions(2), (16, 24))])
def test_domains_share_the_first_layers_of_one_pair_and_the_last_of_the_other(architecture, size):
    shape = Shape(2, size, 3)
    generator, discriminator = architecture.generator(shape).eval(), architecture.discriminator(shape).eval()
    a, b = generator.pair(torch.randn(2, 3))
    assert a.shape == (2, 2, *size)
    assert not torch.equal(a, b)
    discriminator(torch.cat([a, b]), torch.tensor([0, 0, 1, 1])).logit.sum().backward()
    for net, last in ((generator, False), (discriminator, True)):
        own = {id(p) for branch in (net.a, net.b) for p in branch.parameters()}
        shared = {id(p) for p in net.shared.parameters()}
        assert own
        assert shared
        assert not own & shared  # one set of layers serves both
        assert all(p.grad is not None for p in net.parameters())
        names = [name.partition(".")[0] for name, _ in net.named_children()]
        assert names.index("shared") == (2 if last else 0)


def test_a_domain_is_judged_and_drawn_by_its_own_layers():
    net = model().eval()
    z, images = torch.randn(2, 3), torch.rand(2, 3, 20, 20)
    a, b = net.generator.pair(z)
    assert torch.equal(net.generator(z, torch.tensor([0, 1])), torch.stack([a[0], b[1]]))
    both = [net.discriminator(images, torch.full((2,), domain)).logit for domain in (0, 1)]
    mixed = net.discriminator(images, torch.tensor([1, 0])).logit
    assert torch.equal(mixed, torch.stack([both[1][0], both[0][1]]))


def test_both_generators_get_the_same_latents_in_one_pass():
    net, seen = model(), []
    net.generator.shared.register_forward_hook(lambda layer, inputs, output: seen.append(inputs[0]))
    now = Domains(net, synthetic_batch(SPEC, 4), progress(net))
    drawn = now.draw(grad=False)
    assert [z.shape for z in seen] == [(4, 3)]
    assert drawn.labels.tolist() == [0] * 4 + [1] * 4
    assert torch.equal(drawn.z, torch.cat([seen[0], seen[0]]))


def test_a_loss_is_the_mean_of_both_domains():
    net, batch = model(), synthetic_batch(SPEC, 4)
    name, terms = next(net.train_step(batch, progress(net)))
    fake = Domains(net, batch, progress(net)).draw(grad=False).images
    alone = 0.0
    for domain, key in enumerate("ab"):
        labels = torch.full((4,), domain)
        real_logit = net.discriminator(batch[key], labels).logit
        fake_logit = net.discriminator(fake[4 * domain : 4 * domain + 4], labels).logit
        alone += torch.nn.functional.softplus(-real_logit).mean() + torch.nn.functional.softplus(fake_logit).mean()
    assert name == "discriminator"
    assert terms["gan"].item() == pytest.approx(alone.item() / 2, rel=1e-5)


def test_the_figure_of_memorisation_is_of_both_domains():
    net, seen = model().eval(), []
    net.discriminator.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs))
    training, held_back = synthetic_batch(SPEC, 4, 0), synthetic_batch(SPEC, 4, 1)
    with torch.no_grad():
        assert len(net.diagnose([training], [held_back])) == 3
    for (images, labels), batch in ((seen[0], training), (seen[2], held_back)):
        assert torch.equal(images, torch.cat([batch["a"], batch["b"]]))
        assert labels.tolist() == [0] * 4 + [1] * 4


@pytest.mark.parametrize("architecture", [Digits(2, 5), Convolutions(2)])
def test_features_are_what_the_last_layer_gets(architecture):
    shape = Shape(2, (20, 20) if isinstance(architecture, Digits) else (16, 16), 3)
    net = architecture.discriminator(shape).eval()
    seen = []
    net.shared[-2].register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    says = net(torch.rand(2, 2, *shape.size), torch.tensor([0, 1]))
    assert torch.equal(says.features, seen[0].flatten(1))


def test_a_probe_sees_pictures_as_the_first_domain():
    net = model(synthetic_spec("labelled", 20)).eval()
    images = synthetic_batch(net.spec, 3)["image"]
    assert torch.equal(net.features(images), net.discriminator(images, torch.zeros(3)).features)
    assert not torch.equal(net.features(images), net.discriminator(images, torch.ones(3)).features)


def test_pictures_of_a_batch_are_compared_in_both_domains():
    net = model(regularisers="minibatch-discrimination:kernels=2")
    optimizers = net.optimizers(net.phases()[0])
    before = net.discriminator.closeness.weight.clone()
    run_step(net, optimizers, synthetic_batch(SPEC, 4), progress(net), Engine())
    assert not torch.equal(net.discriminator.closeness.weight, before)


@pytest.mark.parametrize("kind", ["images", "labelled"])
def test_of_one_domain_the_second_is_made(kind):
    net = check_model(
        "cogan", image_size=16, kind=kind, architecture="cogan-conv:width=2", latent="normal:3", second="negative"
    )
    assert net.targets() == ("pictures", "negative")
    batch = synthetic_batch(synthetic_spec(kind, 16), 3)
    a, b = net.pair_of(batch)
    assert torch.equal(a, batch["image"])
    assert torch.equal(b, -a[[2, 0, 1]])  # of another picture than its partner


def test_edges_are_what_is_brighter_beside_a_pixel():
    dot = torch.full((1, 1, 5, 5), -1.0)
    dot[0, 0, 2, 2] = 1.0
    ring = edges(dot)[0, 0]
    assert ring[1:4, 1:4].tolist() == [[1, 1, 1], [1, -1, 1], [1, 1, 1]]
    assert ring.sum().item() == 8 - 17


def test_both_domains_of_a_seed_stand_one_above_the_other():
    rows = rows_of(model().eval(), CoGAN.Request(seed=3, samples=2))
    assert [[title for title, _ in row] for row in rows] == [
        ["day, seed 3", "day, seed 4"],
        ["night, seed 3", "night, seed 4"],
    ]
    rows = rows_of(model().eval(), CoGAN.Request(seed=3, samples=2, to="night"))
    assert [[title for title, _ in row] for row in rows] == [["seed 3", "seed 4"]]


@pytest.mark.parametrize(
    ("options", "size", "said"),
    [
        ({"architecture": "dcgan:width=2"}, 16, "is no pair; use cogan or cogan-conv"),
        ({"architecture": "cogan"}, 32, "use --image-size 36, or --architecture cogan-conv"),
    ],
)
def test_networks_that_cannot_be_are_refused(options, size, said):
    with pytest.raises(ValueError, match=said):
        model(synthetic_spec("unpaired", size), **options)


def test_domains_with_other_channels_are_refused():
    spec = i2i.DataSpec(domains=("x", "y"), channels={"a": 1, "b": 3}, image_size=(20, 20))
    with pytest.raises(ValueError, match="all in colour or all in gray"):
        model(spec)
