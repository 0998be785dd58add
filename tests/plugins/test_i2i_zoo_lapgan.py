"""LAPGAN: levels are phases, each adds detail to a picture scaled up, and sampling inverts the pyramid."""

from __future__ import annotations

import pytest
import torch
from i2i_zoo.architectures import lapgan
from i2i_zoo.layers.pyramid import blur, down, up
from i2i_zoo.methods.lapgan import Pyramids
from i2i_zoo.parts import Shape

import i2i
from i2i.options import build
from i2i.testing import check_model, synthetic_batch, synthetic_spec

SPEC = synthetic_spec("labelled", 32)


def model(spec=SPEC, **options):
    torch.manual_seed(0)
    given = {
        "architecture": "lapgan:width=2",
        "coarsest": "mlp:width=4",
        "latent": "uniform:5",
        "conditioning": "concat+concat",
    }
    return Pyramids(build(Pyramids.Options, given | options), spec)


def test_networks_have_the_published_numbers_of_weights():
    shape = Shape(3, (32, 32), 1024, 10, "concat+concat")
    with torch.device("meta"):
        nets = lapgan.LAPGAN().generator(shape), lapgan.LAPGAN().discriminator(shape)
    assert [sum(p.numel() for p in net.parameters()) for net in nets] == [232_579, 129_409]


def test_the_pyramids_pair_keeps_what_is_flat_and_blurs_by_the_binomial():
    flat = torch.full((1, 2, 8, 12), 0.3)
    assert torch.allclose(down(flat), torch.full((1, 2, 4, 6), 0.3))
    assert torch.allclose(up(flat), torch.full((1, 2, 16, 24), 0.3))
    dot = torch.zeros(1, 1, 7, 7)
    dot[0, 0, 3, 3] = 256.0
    row = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0])
    assert torch.allclose(blur(dot)[0, 0, 1:6, 1:6], row[:, None] * row)
    assert torch.equal(down(dot), blur(dot)[:, :, ::2, ::2])


def test_levels_are_phases_the_coarsest_first():
    net = model()
    assert [phase.name for phase in net.phases()] == ["8 x 8", "16 x 16", "32 x 32"]
    for number, phase in enumerate(net.phases()):
        held = {id(p) for o in net.optimizers(phase).values() for g in o.param_groups for p in g["params"]}
        assert held == {id(p) for p in net.generator.levels[number].parameters()}


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_level_is_taught_by_its_pictures_of_one_pyramid(number):
    net, batch = model(), synthetic_batch(SPEC, 4)
    level, judged, asked = net.generator.levels[number], [], []
    level.discriminator.register_forward_pre_hook(lambda layer, inputs: judged.append(inputs[0]))
    level.generator.register_forward_hook(lambda layer, inputs, output: asked.append((inputs, output)))
    phase = net.phases()[number]
    names = [name for name, _ in net.train_step(batch, i2i.Progress(phase, 0, 10))]
    assert names == ["discriminator", "generator"]
    pyramid = [batch["image"]]
    for _ in range(2):
        pyramid.append(down(pyramid[-1]))
    own = pyramid[2 - number]
    seen = torch.cat(judged)
    assert torch.equal(seen[:4], own)
    if number:
        coarse = up(pyramid[3 - number])
        (z, labels, _, given), added = asked[0]
        assert torch.equal(given, coarse)
        assert torch.equal(labels, batch["label"])  # of the picture that detail is added to
        assert z.shape == (4, own.shape[2] * own.shape[3])
        assert torch.equal(seen[4:8], coarse + added)


def test_sampling_runs_the_pyramid_down():
    net = model().eval()
    net.phase = "32 x 32"
    z = net.latent.draw(i2i.Progress(net.phases()[0], 0, 10), 2)
    assert z.shape == (2, 5 + 256 + 1024)
    labels, (first, second, third) = torch.tensor([0, 2]), net.generator.levels
    small = first.generator(z[:, :5], labels)
    middle = up(small) + second.generator(z[:, 5:261], labels, None, up(small))
    large = up(middle) + third.generator(z[:, 261:], labels, None, up(middle))
    assert torch.equal(net.drawer()(z, labels, None), large)
    for phase, expected in (("16 x 16", up(middle)), ("8 x 8", up(up(small)))):
        net.phase = phase  # what comes later is not trained yet
        assert torch.equal(net.drawer()(z, labels, None), expected)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_figure_of_memorisation_and_features_are_of_the_level_trained_last(number):
    net, batch, seen = model().eval(), synthetic_batch(SPEC, 4), []
    net.phase = net.phases()[number].name
    level = net.generator.levels[number]
    level.discriminator.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    own = batch["image"]
    for _ in range(2 - number):
        own = down(own)
    with torch.no_grad():
        assert len(net.diagnose([batch], [batch])) == 3
        found = net.features(batch["image"])
    training, drawn, held_back, probed = seen
    assert torch.equal(training, own)
    assert torch.equal(held_back, own)
    assert torch.equal(probed, own)
    assert drawn.shape == own.shape
    assert found.shape[0] == 4


def test_it_draws_without_classes_and_by_averages():
    net = check_model(
        "lapgan",
        image_size=16,
        kind="images",
        architecture="lapgan:width=2",
        coarsest="mlp:width=4",
        latent="uniform:5",
        conditioning="none",
        average="constant:0.9",
        levels=1,
    )
    assert net.targets() == ()
    assert [level.drawer() is level.average.net for level in net.generator.levels] == [True, True]


@pytest.mark.parametrize(
    ("size", "options", "said"),
    [
        (30, {}, "use --image-size 32, or fewer --levels"),
        (16, {}, "use --image-size 32, or fewer --levels"),
        (32, {"latent": "normal:5"}, "use --latent uniform:100"),
        (32, {"architecture": "dcgan:width=2"}, "use lapgan, and --coarsest for it"),
    ],
)
def test_what_cannot_be_is_refused(size, options, said):
    with pytest.raises(ValueError, match=said):
        model(synthetic_spec("labelled", size), **options)
