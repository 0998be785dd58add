"""StackGAN's and StackGAN++'s published layouts: the references' numbers, sizes, what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from i2i_stackgan import layouts, objectives
from i2i_stackgan.gan_cls import GANCLS, Discriminator, Generator
from i2i_stackgan.model import StackGAN
from i2i_stackgan.networks import Conditioning, FirstGenerator, SecondGenerator
from i2i_stackgan.networks import Discriminator as Judge
from i2i_stackgan.tree import StackGANTree
from i2i_stackgan.tree_networks import Tree

from i2i import bundle, importing
from i2i.options import build


def fill(rows):
    """The state dict of case B, by integer arithmetic."""
    state = {}
    for i, (key, shape, rule) in enumerate(rows):
        count = math.prod(shape)
        j = torch.arange(count, dtype=torch.int64)
        u = 2 * ((3 * j * j + 7919 * j + 104729 * (i + 1)) % 10007).double() / 10006 - 1
        value = math.sqrt(6 * shape[0] / count) * u if len(shape) > 1 else 0.1 * u
        value = {"base": value, "one_plus": 1 + value, "zero": 0 * value, "one": 0 * value + 1}[rule]
        state[key] = value.view(shape)
    return state


def wave(given):
    flat = torch.arange(math.prod(given["shape"]), dtype=torch.float64)
    value = {
        "sin(0.01*flat)": torch.sin(0.01 * flat),
        "-sin(0.01*flat)": -torch.sin(0.01 * flat),
        "3*sin(0.01*flat)": 3 * torch.sin(0.01 * flat),
    }[given["rule"]]
    return value.view(given["shape"])


def check(output, expected):
    assert list(output.shape) == expected["shape"]
    flat = output.flatten()
    figures = {"mean": flat.mean(), "std": flat.std(correction=0), "min": flat.min(), "max": flat.max()}
    for name, value in figures.items():
        assert value.item() == pytest.approx(expected[name], abs=1e-9, rel=1e-7), name
    for index, value in zip(expected["indices"], expected["values"], strict=True):
        assert flat[index].item() == pytest.approx(value, abs=1e-9, rel=1e-7), index


def imported(cls, files):
    """A model in float64 with the weights of files, which hold whole networks."""
    found = cls.import_weights(files, ())
    model = cls(build(cls.Options, dict(found.options)), found.spec).double().eval()
    missing, unexpected = model.load_state_dict(found.weights, strict=False)
    assert not unexpected
    held = {name.split(".")[0] for name in found.weights}
    assert not [name for name in missing if name.split(".")[0] in held], "a network is not whole"
    return model, found


def parameters(*nets):
    return sum(p.numel() for net in nets for p in net.parameters())


@pytest.fixture(scope="module")
def stack(golden):
    """StackGAN of the references' weights: the generators and both discriminators."""
    names = ("stage2_g", "stage1_d", "stage2_d")
    files = {name: fill(golden.load(f"stackgan_{name}_small")["tensors"]) for name in names}
    return imported(StackGAN, files)[0]


def judge_of(levels):
    """A small discriminator of StackGAN++ in the authors' layout: without one, the model's own are large."""
    net = Judge(3, levels, 6, 4, alone=True, sentence_first=True)
    return layouts.written(net.double(), layouts.tree_judge(levels))


def no_noise(like):
    return torch.zeros(len(like), 6, dtype=torch.float64)


@torch.no_grad()
def test_conditioning_is_the_references(golden):
    data = golden.load("stackgan_ca_net_small")
    net = Conditioning(20, 6).double()
    assert parameters(net) == data["num_parameters"]
    net.load_state_dict({key.replace("fc", "linear"): value for key, value in fill(data["tensors"]).items()})
    text = wave(data["inputs"][0])
    condition, mu, logvar = net(text, no_noise(text))
    case = data["cases"]["B"]
    check(mu, case["mu"])
    check(logvar, case["logvar"])
    assert torch.equal(condition, mu)
    drawn, _, _ = net(text, torch.ones(2, 6))
    assert torch.allclose(drawn, mu + (logvar / 2).exp())


@torch.no_grad()
def test_the_first_generator_is_the_references(golden):
    data = golden.load("stackgan_stage1_g_small")
    model, found = imported(StackGAN, {"netG_epoch_120.pth": fill(data["tensors"])})
    assert parameters(model.stage1) == data["num_parameters"]
    assert found.options["stages"] == 1
    assert found.spec.image_size == (64, 64)
    text, noise = map(wave, data["inputs"])
    condition, mu, logvar = model.stage1.condition(text, no_noise(text))
    case = data["cases"]["B"]
    check(model.stage1(noise, condition), case["output"])
    check(mu, case["mu"])
    check(logvar, case["logvar"])


@torch.no_grad()
def test_the_second_generator_is_the_references(golden, stack):
    data = golden.load("stackgan_stage2_g_small")
    assert parameters(stack.stage1, stack.stage2) == data["num_parameters"]
    text, noise = map(wave, data["inputs"])
    case = data["cases"]["B"]
    base = stack._first(text, noise, no_noise(text))
    check(base, case["stage1"])
    condition, mu, _ = stack.stage2.condition(text, no_noise(text))
    check(mu, case["mu"])
    check(stack.stage2(base, condition), case["output"])


@torch.no_grad()
@pytest.mark.parametrize("stage", [1, 2])
def test_the_discriminators_are_the_references(golden, stack, stage):
    data = golden.load(f"stackgan_stage{stage}_d_small")
    net = stack.get_submodule(f"discriminator{stage}")
    assert parameters(net) == data["num_parameters"]
    images, condition = map(wave, data["inputs"])
    features = net(images)
    case = data["cases"]["B"]
    check(features, case["img_code"])
    check(net.judge(features, condition).sigmoid(), case["cond"])
    if stage == 2:
        check(net.judge_alone(features).sigmoid(), case["uncond"])
    else:
        assert net.alone is None


@torch.no_grad()
def test_the_tree_is_the_references(golden):
    data, judge = golden.load("stackgan_v2_g_small"), golden.load("stackgan_v2_d128_small")
    files = {"netG_1.pth": fill(data["tensors"]), "netD1.pth": fill(judge["tensors"])}
    model, found = imported(StackGANTree, files)
    assert parameters(model.generator) == data["num_parameters"]
    assert (found.options["branches"], found.spec.image_size) == (3, (256, 256))
    noise, text = map(wave, data["inputs"])
    case = data["cases"]["B"]
    for net in (model.generator, model.average.net):
        condition, mu, logvar = net.condition(text, no_noise(text))
        check(mu, case["mu"])
        check(logvar, case["logvar"])
        for side, images in zip((64, 128, 256), net(noise, condition), strict=True):
            check(images, case[f"img{side}"])

    net = model.discriminator2
    assert parameters(net) == judge["num_parameters"]
    images, condition = map(wave, judge["inputs"])
    features = net(images)
    check(net.judge(features, condition).sigmoid(), judge["cases"]["B"]["cond"])
    check(net.judge_alone(features).sigmoid(), judge["cases"]["B"]["uncond"])


def test_sizes_of_stackgan_are_the_specifications():
    with torch.device("meta"):
        assert parameters(Conditioning(1024, 128)) == 262_400
        for width, judge, blocks, counts in (
            (128, 64, 4, (10_301_248, 26_290_080, 5_715_713, 71_269_122)),
            (192, 96, 2, (20_020_832, 37_130_480, 12_407_425, 159_889_538)),
        ):
            nets = (
                FirstGenerator(3, 4, 1024, 128, 100, width),
                SecondGenerator(3, 1024, 128, width, blocks),
                Judge(3, 4, 128, judge, alone=False),
                Judge(3, 6, 128, judge, alone=True),
            )
            assert tuple(map(parameters, nets)) == counts


def test_sizes_of_the_tree_are_the_specifications():
    with torch.device("meta"):
        net = Tree(3, 4, 3, 1024, 128, 100, 64, 2)
        assert parameters(net) == 21_239_696
        assert parameters(net.condition) == 524_800
        assert parameters(net.seed, net.up) == 20_074_240
        assert [parameters(branch) for branch in net.branches] == [480_384, 157_248]
        judges = [Judge(3, levels, 128, 64, alone=True, sentence_first=True) for levels in (4, 5, 6)]
        assert [*map(parameters, judges)] == [5_723_906, 18_834_178, 71_269_122]


def test_sizes_of_gan_cls_are_the_specifications():
    with torch.device("meta"):
        assert parameters(Generator(3, 4, 1024, 128, 100, 128)) == 18_909_699
        assert parameters(Discriminator(3, 4, 1024, 128, 64)) == 4_032_321


def logits(values):
    return torch.logit(torch.tensor(values, dtype=torch.float64))


def total(terms):
    return sum(terms.values()).item()


def test_losses_are_the_references(golden):
    case = golden.load("restoration_losses")["case"]
    said = {name: logits(values) for name, values in case["probabilities"].items()}
    real, wrong, fake = said["real_c"], said["wrong_c"], said["fake_c"]
    yes = objectives.yes
    one = case["stackgan_stage1"]
    assert total(objectives.first_stage(real, wrong, fake)) == pytest.approx(one["D"], rel=1e-9)
    assert yes(fake).item() == pytest.approx(one["G_adv"], rel=1e-9)
    two = case["stackgan_stage2"]
    alone = said["real_u"], said["fake_u"]
    assert total(objectives.second_stage(real, wrong, fake, *alone)) == pytest.approx(two["D"], rel=1e-9)
    assert (yes(fake) + yes(said["fake_u"])).item() == pytest.approx(two["G_adv"], rel=1e-9)
    tree = case["stackgan_v2_branch"]
    terms = objectives.branch(real, wrong, fake, alone, 1.0, said["wrong_u"])
    assert total(terms) == pytest.approx(tree["D_u1"], rel=1e-9)
    assert total(objectives.branch(real, wrong, fake, alone, 0.0)) == pytest.approx(tree["D_u0"], rel=1e-9)
    assert total(objectives.branch(real, wrong, fake, None)) == pytest.approx(tree["D_u0"], rel=1e-9)
    for weight, name in ((0.5, "D_c0.5"), (0.0, "D_c0")):
        found = total(objectives.gan_cls(real, wrong, fake, weight))
        assert found == pytest.approx(case["gan_cls"][name], rel=1e-9)


def test_the_divergence_is_a_mean(golden):
    case = golden.load("restoration_losses")["case"]
    flat = torch.arange(24, dtype=torch.float64)
    mu, logvar = torch.sin(0.4 + 0.37 * flat).view(4, 6), 0.7 * torch.sin(1.1 + 0.53 * flat).view(4, 6)
    found = objectives.divergence(mu, logvar)
    assert found.item() == pytest.approx(case["kl"]["mean"], rel=1e-9)
    gan = objectives.yes(logits(case["probabilities"]["fake_c"]))
    assert (gan + 2.0 * found).item() == pytest.approx(case["stackgan_stage1"]["G_total_with_kl2"], rel=1e-9)


def test_colours_are_compared_as_the_reference_does(golden):
    case = golden.load("restoration_losses")["case"]["stackgan_v2_colour"]
    flat = torch.arange(2 * 3 * 16 * 16, dtype=torch.float64)
    large = torch.sin(0.1 + 0.07 * flat).view(2, 3, 16, 16).requires_grad_()
    small = torch.sin(0.5 + 0.11 * flat[: 2 * 3 * 8 * 8]).view(2, 3, 8, 8).requires_grad_()
    mean, covariance = objectives.colour_consistency(large, small)
    assert (50 * mean).item() == pytest.approx(case["mean_term_w50"], rel=1e-9)
    assert (50 * covariance).item() == pytest.approx(case["cov_term_w50x5"], rel=1e-9)
    (mean + covariance).backward()
    assert small.grad is None, "the smaller picture is the example"
    assert large.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("cls", "names"),
    [
        (
            StackGAN,
            {"netG_epoch_last.pth": "stackgan_stage2_g_small", "netD_epoch_last.pth": "stackgan_stage2_d_small"},
        ),
        (
            StackGAN,
            {"netG_epoch_last.pth": "stackgan_stage1_g_small", "netD_epoch_last.pth": "stackgan_stage1_d_small"},
        ),
        (StackGANTree, {"netG_last.pth": "stackgan_v2_g_small"}),
    ],
)
def test_weights_go_back_as_they_came(golden, cls, names):
    files = {file: fill(golden.load(name)["tensors"]) for file, name in names.items()}
    if cls is StackGANTree:
        files |= {f"netD{number}.pth": judge_of(4 + number) for number in range(3)}
    model, found = imported(cls, files)
    held = tuple(dict.fromkeys(name.split(".")[0] for name in found.weights))
    model.holds = lambda name: name in held
    exported = model.export_weights()
    assert exported.keys() == files.keys()
    for file, state in files.items():
        back = {key: value for key, value in exported[file].items() if not key.endswith("num_batches_tracked")}
        state = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
        assert list(back) == list(state), "in the reference's order"
        assert all(torch.equal(back[key], state[key]) for key in state)


def test_a_prefix_of_data_parallel_is_taken_off(golden, tmp_path):
    files = {"netG_126000.pth": fill(golden.load("stackgan_v2_g_small")["tensors"]), "netD2.pth": judge_of(6)}
    for name, state in files.items():
        torch.save({f"module.{key}": value.float() for key, value in state.items()}, tmp_path / name)
    model, manifest, notes = importing.understand("stackgan-v2", [tmp_path / name for name in files], ())
    assert set(manifest.held) == {"generator", "average", "discriminator3"}
    assert "embeddings of 20" in notes[0]
    bundle.write(tmp_path / "bundle", model, manifest)
    loaded = bundle.load(tmp_path / "bundle")
    for asked in ({"text": "a bird"}, {}):
        with pytest.raises(ValueError, match=r"without its text encoder.*20 numbers in an \.npy, with --embedding"):
            loaded.sample_images(**asked)
    np.save(tmp_path / "bird.npy", np.linspace(-1, 1, 20, dtype=np.float32))
    (picture,) = loaded.sample_images(embedding=tmp_path / "bird.npy")
    assert picture.size == (256, 256)
    np.save(tmp_path / "short.npy", np.ones(3, np.float32))
    with pytest.raises(ValueError, match="holds 3 numbers; this model's embedding of a sentence has 20"):
        loaded.sample_images(embedding=tmp_path / "short.npy")


def test_what_is_no_stackgan_is_refused(golden):
    first, judge = (fill(golden.load(f"stackgan_{name}_small")["tensors"]) for name in ("stage1_g", "stage1_d"))
    tree = fill(golden.load("stackgan_v2_g_small")["tensors"])
    second_judge = fill(golden.load("stackgan_stage2_d_small")["tensors"])
    unconditional = {key: value for key, value in tree.items() if not key.startswith("ca_net")}
    for cls, files, words in (
        (StackGAN, {"a": tree}, "a holds neither a generator of StackGAN nor a discriminator; it has ca_net.fc.weight"),
        (StackGAN, {"a": judge}, "a discriminator alone draws nothing; give a generator"),
        (StackGAN, {"a": first, "b": first}, "a and b are the same network"),
        (StackGAN, {"a": first, "b": second_judge}, "b is of stage II; give stage II's generator"),
        (StackGAN, {"a": first | {"extra.weight": first["img.0.weight"]}}, "a holds extra.weight"),
        (StackGAN, {"a": {k: v for k, v in first.items() if k != "upsample2.2.bias"}}, "lacks upsample2.2.bias"),
        (StackGAN, {"a": first | {"fc.1.bias": torch.ones(3)}}, r"its fc.1.bias is \(3,\), and \(1024,\) would fit"),
        (StackGANTree, {"a": first}, "neither a generator of StackGAN\\+\\+"),
        (StackGANTree, {"a": unconditional}, "has no ca_net: it draws without sentences"),
    ):
        with pytest.raises(ValueError, match=words):
            cls.import_weights(files, ())
    with pytest.raises(ValueError, match="no published layout"):
        GANCLS.import_weights({"a": first}, ())


def test_other_sizes_have_no_published_layout():
    from i2i.testing import synthetic_spec

    options = {"text_size": 4, "generator_width": 4, "discriminator_width": 2, "encoder_width": 8}
    small = StackGAN(build(StackGAN.Options, options | {"stages": 1}), synthetic_spec("captioned", 32))
    with pytest.raises(ValueError, match="draws 64 pixels at stage I, and this model 32"):
        small.export_weights()
    tree = StackGANTree(build(StackGANTree.Options, options), synthetic_spec("captioned", 64))
    with pytest.raises(ValueError, match="draws 64 pixels at the smallest size, and this model 16"):
        tree.export_weights()


def test_old_files_count_no_batches():
    net = Judge(3, 4, 6, 2, alone=False)
    names = layouts.judge(4, alone=False)
    state = {key: value for key, value in layouts.written(net, names).items() if "tracked" not in key}
    back = layouts.read(net, names, "netD.pth", state)
    assert back.keys() == net.state_dict().keys()
    assert all(value.item() == 0 for key, value in back.items() if "tracked" in key)
