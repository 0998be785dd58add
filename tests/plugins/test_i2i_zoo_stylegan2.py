"""StyleGAN2: the references' numbers in both layouts, counts, derivatives."""

from __future__ import annotations

import pickle

import pytest
import torch
from i2i_zoo import stylegan2_layouts as layouts
from i2i_zoo.architectures.stylegan2 import Discriminator, Generator, StyleGAN2
from i2i_zoo.layers.equalised import LEAKY
from i2i_zoo.layers.modulated import Modulated, demodulation
from i2i_zoo.layers.styles import Mapping, repeat_styles, truncate
from i2i_zoo.parts import Shape
from torch.autograd import gradcheck, gradgradcheck
from zoo_golden import check, filled, params, sines, wave


def generator(channels, latent=16, size=16, later=False):
    mapping = Mapping(latent, 0, size, 2, 0.01, activation=LEAKY)
    return Generator(mapping, channels, 3, size, later=later).double().eval()


def load(net, layout, data):
    """Load a golden file through the layout that imports published weights, all noise being sin(0.01 j)."""
    state = filled(data)
    for row in data["buffers"]:
        if row["rule"].startswith("sin"):
            state[row["key"]] = wave(row["shape"])
    missing, unexpected = net.load_state_dict(layouts.read(net, *layout(net), "golden", state), strict=False)
    assert not unexpected
    assert set(missing) <= {"mapping.w_avg"}


@torch.no_grad()
def test_the_generator_is_rosinalitys(golden):
    data = golden.load("zoo_stylegan2_g16")
    net = generator((16, 12, 8))
    assert params(net) == data["param_count"]
    load(net, layouts.rosinality, data)
    shape, expected = data["inputs"]["z"]["shape"], data["outputs"]
    z = wave(shape)
    w = net.mapping(z)
    check(w, expected["w"])
    check(net(z), expected["image"])
    styles = repeat_styles(w, net.num_styles)
    check(net.synthesis(truncate(styles, torch.zeros(16), 0.5)), expected["image_truncated_psi05_wavg0"])
    other = net.mapping(torch.cos(0.01 * torch.arange(z.numel(), dtype=torch.float64)).view(shape))
    mixed = torch.cat([styles[:, :2], repeat_styles(other, net.num_styles)[:, 2:]], dim=1)
    check(net.synthesis(mixed), expected["image_mixed_at_2"])


@torch.no_grad()
def test_the_generator_is_nvlabs(golden):
    data = golden.load("zoo_stylegan2ada_g16")
    net = generator((16, 16, 8), later=True)
    assert params(net) == data["param_count"]
    load(net, layouts.nvlabs, data)
    z = wave(data["inputs"]["z"]["shape"])
    check(net.mapping(z), data["outputs"]["w"])
    check(net(z), data["outputs"]["image"])
    halfway = truncate(repeat_styles(net.mapping(z), net.num_styles), net.w_avg, 0.5)
    check(net.synthesis(halfway), data["outputs"]["image_psi05"])


def test_the_discriminator_is_rosinalitys(golden):
    data = golden.load("zoo_stylegan2_d16")
    net = Discriminator((16, 12, 8), 3, group=4).double()
    assert params(net) == data["param_count"]
    load(net, layouts.rosinality, data)
    x = wave(data["inputs"]["x"]["shape"]).requires_grad_()
    judged = net(x)
    check(judged.logit[:, None], data["outputs"]["logit"])
    (gradient,) = torch.autograd.grad(judged.logit.sum(), x)
    check(gradient, data["outputs"]["grad_sum_logit_wrt_x"])


@pytest.mark.parametrize(
    ("side", "multiplier", "counts"),
    [
        (32, 2, (21_523_475, 21_507_073)),
        (64, 2, (27_032_600, 26_488_833)),
        (128, 2, (29_328_669, 28_389_121)),
        (256, 2, (30_034_338, 28_864_129)),
        (512, 2, (30_276_583, 28_982_849)),
        (1024, 2, (30_370_060, 29_012_513)),
        (256, 1, (24_767_458, 24_001_089)),
    ],
)
def test_sizes_are_the_references(side, multiplier, counts):
    architecture, shape = StyleGAN2(multiplier=multiplier), Shape(3, (side, side), 512)
    with torch.device("meta"):
        assert (params(architecture.generator(shape)), params(architecture.discriminator(shape))) == counts


def test_sizes_of_cifar_are_nvlabs():
    shape = Shape(3, (32, 32), 512, 10, "embed+projection")
    architecture = StyleGAN2(mapping=2, mixing=0.0, group=32, discriminator_blocks="plain")
    with torch.device("meta"):
        assert params(architecture.generator(shape)) == 20_215_315
        assert params(architecture.discriminator(shape)) == 23_089_664


def test_files_hold_as_many_tensors_as_the_references():
    shape = Shape(3, (256, 256), 512)
    with torch.device("meta"):
        nets = StyleGAN2().generator(shape), StyleGAN2().discriminator(shape)
        assert [sum(map(len, layouts.nvlabs(net))) for net in nets] == [144, 64]
        assert [sum(map(len, layouts.rosinality(net))) for net in nets] == [135, 50]


@torch.no_grad()
def test_scaling_maps_is_scaling_weights():
    """The definition, one grouped convolution of a weight for each picture, against ours of a common weight."""
    generator = torch.Generator().manual_seed(0)
    layer = Modulated(3, 4, 3, 5).double()
    x, w = (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((2, 3, 6, 6), (2, 5)))
    style = layer.affine(w)
    weights = layer.weight * layer.scale * style[:, None, :, None, None]  # (N, out, in, 3, 3)
    weights = weights / (weights.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8).sqrt()
    wanted = torch.cat([torch.conv2d(x[n : n + 1], weights[n], padding=1) for n in range(2)])
    assert torch.allclose(layer(x, w), wanted, rtol=1e-10, atol=1e-12)


def test_demodulation_is_the_references(golden):
    data = golden.load("zoo_regularisers")["modulated_conv"]
    weight = sines(54).view(3, 2, 3, 3) / 18**0.5
    style = torch.tensor(data["style"], dtype=torch.float64)
    inverse = demodulation(weight, style)
    assert torch.allclose(inverse, torch.tensor(data["demod"], dtype=torch.float64), rtol=1e-8)
    final = weight[0] * style[0, :, None, None] * inverse[0, 0]
    assert final.flatten()[:9].tolist() == pytest.approx(data["first_9_of_final_weight"], rel=1e-8)


@torch.no_grad()
def test_pictures_are_not_demodulated_and_features_are():
    net = generator((4, 4), size=16)
    x, w = torch.randn(2, 4, 4, 4, dtype=torch.float64), torch.randn(2, 16, dtype=torch.float64)
    for layer, factor in ((net.to_rgb[0].conv, 2.0), (net.layers[0].conv, 1.0)):
        once = layer(x, w)
        layer.affine.weight.mul_(2)
        layer.affine.bias.mul_(2)
        assert torch.allclose(layer(x, w), factor * once, rtol=1e-6)


@torch.no_grad()
def test_features_are_amplified_and_the_mappings_biases_are_slow():
    net = generator((4, 4), size=16)
    x, w = torch.randn(2, 4, 4, 4, dtype=torch.float64), torch.randn(2, 16, dtype=torch.float64)
    net.layers[0].bias.normal_()
    plain = net.layers[0].conv(x, w) + net.layers[0].bias[:, None, None]
    assert torch.allclose(net.layers[0](x, w, None), 2**0.5 * torch.nn.functional.leaky_relu(plain, 0.2))

    first = net.mapping.layers[0]
    first.weight.zero_()
    first.bias.fill_(100.0)
    assert torch.allclose(first(torch.ones(1, 16, dtype=torch.float64)), torch.ones(1, 16, dtype=torch.float64))


def test_the_players_are_differentiated_twice():
    torch.manual_seed(0)
    draw, judge = generator((3, 2), size=4, latent=4), Discriminator((3, 2), 1, group=2).double()
    styles = torch.randn(2, draw.num_styles, 4, dtype=torch.float64, requires_grad=True)
    images = torch.randn(2, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    for function, at in ((lambda s: draw.synthesis(s), styles), (lambda x: judge(x).logit, images)):
        assert gradcheck(function, (at,))
        assert gradgradcheck(function, (at,))


@torch.no_grad()
def test_noise_is_new_in_training_and_fixed_otherwise():
    import i2i

    net = generator((4, 4)).train()
    for layer in net.layers:
        layer.noise.strength.fill_(1.0)
    z = wave([2, 16])
    steps = [i2i.Progress(i2i.Phase("train"), step, 10, run_step=step) for step in (0, 1)]
    assert torch.equal(net(z), net(z))
    assert not torch.allclose(net(z, None, steps[0]), net(z, None, steps[1]))


def test_networks_are_pickled_and_sizes_are_refused():
    shape = Shape(3, (16, 16), 8)
    small = StyleGAN2(width=8, mapping=2)
    for net, x in ((small.generator(shape), torch.ones(2, 8)), (small.discriminator(shape), torch.ones(4, 3, 16, 16))):
        again = pickle.loads(pickle.dumps(net))
        ours, theirs = (out if isinstance(out, torch.Tensor) else out.logit for out in (net(x), again(x)))
        assert torch.equal(ours, theirs)
    for size, words in (((24, 24), "use --image-size 16 or 32"), ((4, 4), "use --image-size 8"), ((16, 32), "32x16")):
        with pytest.raises(ValueError, match=words):
            small.check(Shape(3, size, 8))
