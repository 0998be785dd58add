"""BigGAN: its published layout, read and written, and the statistics that it draws with."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
import waves
from i2i_zoo import biggan_weights, spelling
from i2i_zoo.architectures.biggan import BigGAN as Networks
from i2i_zoo.biggan import PICTURES, Request
from i2i_zoo.latents import Seeded
from i2i_zoo.parts import Shape
from i2i_zoo.presets import large
from i2i_zoo.presets.few_labels import S3GAN
from i2i_zoo.presets.large import BIGGAN
from i2i_zoo.presets.spectral import SNGAN

from i2i import bundle, importing
from i2i.options import build
from i2i.testing import synthetic_spec

NAMES = ("G.pth", "G_ema.pth", "D.pth")


def published(data):
    """A file of the reference: its parameters, and buffers as the golden numbers have them."""
    state = waves.filled(data)
    for row in data["buffers"]:
        shape = torch.zeros(row["shape"], dtype=torch.float64)
        even = row["key"].endswith("u0")
        ones = row["key"].endswith(("stored_var", "sv0"))
        state[row["key"]] = shape + (row["shape"][-1] ** -0.5 if even else 1.0 if ones else 0.0)
    return state


@pytest.fixture(scope="module")
def files(golden):
    return {"G_ema.pth": published(golden.load("zoo_biggan32_g")), "D.pth": published(golden.load("zoo_biggan32_d"))}


def model_of(found):
    model = BIGGAN(build(BIGGAN.Options, dict(found.options)), found.spec).double().eval()
    missing, unexpected = model.load_state_dict(found.weights, strict=False)
    assert not unexpected
    assert not [key for key in missing if not key.startswith("clock")]
    return model


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("biggan", (9_416_196, 2_415_170)),
        ("biggan-128", (70_433_988, 87_982_370)),
        ("biggan-256", (82_097_604, 99_191_330)),
        ("biggan-deep-128", (50_244_484, 34_590_210)),
    ],
)
def test_presets_have_the_papers_networks(name, weights):
    cls = getattr(large, name.replace("-", "").upper())
    options, side = build(cls.Options, {}), cls.run_defaults["image_size"]
    architecture = spelling.make("architecture", options.architecture, "--architecture")
    size = spelling.make("latent", options.latent, "--latent").size
    shape = Shape(3, (side, side), size, 10 if side == 32 else 1000, options.conditioning)
    architecture.check(shape)
    with torch.device("meta"):
        nets = architecture.generator(shape), architecture.discriminator(shape)
    assert tuple(sum(p.numel() for p in net.parameters()) for net in nets) == weights


@pytest.mark.parametrize(("cls", "eps"), [(large.BIGGAN, 1e-4), (large.BIGGAN128, 1e-5), (S3GAN, 1e-4)])
def test_norms_add_to_the_variance_what_the_recipe_had(cls, eps):
    """StudioGAN's at 32 pixels 1e-4, BigGAN-PyTorch's 1e-5."""
    options, side = build(cls.Options, {}), cls.run_defaults["image_size"]
    architecture = spelling.make("architecture", options.architecture, "--architecture")
    with torch.device("meta"):
        net = architecture.generator(Shape(3, (side, side), 120, 10, options.conditioning))
    norms = [layer.eps for layer in net.modules() if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm)]
    assert norms == [eps] * (2 * len(net.blocks) + 1)


@torch.no_grad()
@pytest.mark.parametrize(
    ("architecture", "conditioning"),
    [("biggan", "shared+projection"), ("biggan", "table+projection"), ("biggan-deep", "shared+projection")],
)
def test_a_norm_of_one_value_is_told_by_what_is_added_to_its_variance(architecture, conditioning):
    """A batch of variance 1e-4 comes out of a norm with that epsilon with half the variance."""
    net = made(f"{architecture}:width=8,hier=false,eps=1e-4", conditioning=conditioning).generator.train()
    norm = net.blocks[0][0].bn1.norm
    x = torch.tensor([-0.01, 0.01]).view(2, 1, 1, 1).expand(2, norm.num_features, 1, 1)
    assert torch.allclose(norm(x).square(), torch.full_like(x, 0.5), rtol=1e-4)


def test_what_published_layouts_do_not_say_is_told():
    with pytest.warns(UserWarning, match="--BN_eps 0.0001, and i2i import takes it for 1e-05"):
        made("biggan:width=2,shared=5,eps=1e-4").export_weights()


def made(architecture, side=32, latent=20, classes=3, conditioning="shared+projection"):
    spec = synthetic_spec("labelled", side, classes)
    options = {"architecture": architecture, "latent": f"normal:{latent}", "conditioning": conditioning}
    torch.manual_seed(0)
    return BIGGAN(build(BIGGAN.Options, options), spec).eval()


# ---------------------------------------------------------------- published weights


@torch.no_grad()
def test_imported_networks_give_the_references_numbers(golden, files):
    found = BIGGAN.import_weights(files, ())
    model = model_of(found)
    given, judged = golden.load("zoo_biggan32_g"), golden.load("zoo_biggan32_d")
    z, labels = waves.given(given, "z"), torch.tensor(given["inputs"]["y"])
    for net in (model.generator, model.average.net):
        waves.check(net(z, labels), given["outputs"]["image"])
    logit = model.discriminator(waves.given(judged, "x"), torch.tensor(judged["inputs"]["y"])).logit
    waves.check(logit, judged["outputs"]["logit"])
    assert found.options["latent"] == "normal:32"
    assert found.spec.num_labels == 10
    assert "32 pixels of 10 classes and 32 random numbers" in found.found[0]


def test_weights_go_back_as_they_came(files):
    exported = model_of(BIGGAN.import_weights(files, ())).export_weights()
    assert exported.keys() == set(NAMES)
    for name, state in {**files, "G.pth": files["G_ema.pth"]}.items():
        assert exported[name].keys() == state.keys()
        for key, value in state.items():
            assert exported[name][key].shape == value.shape, key
            assert torch.equal(exported[name][key], value), key


@pytest.mark.parametrize(
    ("architecture", "more"),
    [
        ("biggan:width=2,shared=5", {}),
        ("biggan:width=2,shared=5,spectral=none", {}),
        ("biggan:width=4,shared=5,attention=16,attend=d,spectral=d,ratio=0.5", {}),
        ("biggan:width=2,shared=5,hier=false,spectral=g", {}),
        ("biggan:width=2,hier=false", {"conditioning": "table+projection"}),
        ("biggan:width=1,shared=5,attention=32", {"side": 64, "latent": 25}),
    ],
)
def test_what_was_exported_is_understood_again(architecture, more):
    one = made(architecture, **more)
    exported = one.export_weights()
    found = BIGGAN.import_weights(exported, one.spec.domains)
    other = BIGGAN(build(BIGGAN.Options, dict(found.options)), found.spec)
    other.load_state_dict(found.weights, strict=False)
    for name, value in one.state_dict().items():
        if not name.startswith("clock"):
            assert torch.equal(other.state_dict()[name], value), name
    asked = Request(to=one.spec.domains[1], seed=3, standing=0)
    assert torch.equal(one.translate({}, asked), other.eval().translate({}, asked))


def test_a_large_file_is_understood_without_its_numbers():
    """Of the network of 128 pixels that was published, on no device: names and shapes alone."""
    shape = Shape(3, (128, 128), 120, 1000, "shared+projection")
    with torch.device("meta"):
        net = Networks(attention=64).generator(shape)
    state = {key: biggan_weights._reshaped(key, net.state_dict()[own]) for key, own in biggan_weights._keys(net)}
    assert len(state) == 166
    assert state["linear.weight"].shape == (24576, 20)
    assert state["blocks.0.0.bn1.gain.weight"].shape == (1536, 148)
    assert state["blocks.3.1.gamma"].shape == ()
    assert state["output_layer.2.u0"].shape == (1, 3)
    assert state["blocks.0.0.conv1.sv0"].shape == (1,)
    found = biggan_weights.read({"G_ema.pth": state}, ())
    assert "width=96" in found.options["architecture"]
    assert found.spec.image_size == (128, 128)
    with torch.device("meta"):
        judge = Networks(attention=64).discriminator(shape)
    assert sum(1 for _ in biggan_weights._keys(judge)) == 88


def test_files_become_a_bundle_that_draws(files, tmp_path):
    for name, state in files.items():
        torch.save({f"module.{key}": value.float() for key, value in state.items()}, tmp_path / name)
    model, manifest, _ = importing.understand("biggan", [tmp_path / name for name in files], ())
    bundle.write(tmp_path / "bundle", model, manifest)
    loaded = bundle.load(tmp_path / "bundle")
    (picture,) = loaded.sample_images(to="7", truncation=0.5)
    assert picture.size == (32, 32)


def test_what_is_no_biggan_is_refused(files):
    g, d = files["G_ema.pth"], files["D.pth"]

    def without(state, key):
        return {name: value for name, value in state.items() if name != key}

    def changed(state, key, *shape):
        return {**state, key: torch.ones(shape)}

    for given, words in (
        ({"a": {"conv.weight": torch.ones(3)}}, "a holds neither a generator of BigGAN-PyTorch nor a discriminator"),
        ({"a": d}, "a discriminator alone draws nothing; give a generator"),
        ({"a": g, "b": g}, "a and b are the same network"),
        ({"a": without(g, "linear.bias")}, "a is not whole: it lacks linear.bias"),
        ({"a": without(g, "linear.weight")}, "a is not whole: it has no linear.weight"),
        ({"a": changed(g, "extra.weight", 3)}, "a holds extra.weight, which has no place"),
        ({"a": changed(g, "linear.bias", 3)}, r"its linear.bias is \(3,\), and \(512,\) would fit the rest"),
        ({"a": changed(g, "linear.weight", 3)}, "a is not whole: it has no linear.weight"),
        ({"a": changed(g, "blocks.99999.0.conv1.weight", 3)}, "which no network of BigGAN-PyTorch does"),
        ({"a": changed(g, "linear.u0", 0)}, "without a number"),
        ({"a": changed(g, "blocks.9.0.conv1.weight", 3)}, "a holds blocks.9.0.conv1.weight, which has no place"),
        ({"a": {k: v for k, v in g.items() if "blocks.2" not in k}}, "a has 2 blocks; BigGAN's generators have 3 to 6"),
        ({"a": g, "b": changed(d, "embed.weight", 4, 32)}, "b knows 4 classes, and the generator 10"),
        (
            {"a": g, "b": {k: v for k, v in d.items() if "blocks.3" not in k}},
            "b has 3 blocks, and a discriminator of 32",
        ),
        (
            {"a": g, "b": changed(d, "blocks.2.1.theta.weight", 4)},
            "b has attention at 8 pixels, and the generator at 16",
        ),
    ):
        with pytest.raises(ValueError, match=words) as caught:
            BIGGAN.import_weights(given, ())
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="know 10 classes, and --domains names 2"):
        BIGGAN.import_weights(files, ("cat", "dog"))


def test_other_networks_have_no_such_layout():
    for asked, words in (
        ({"architecture": "resnet:width=2"}, "of BigGAN alone; use --architecture biggan"),
        (
            {"architecture": "biggan:width=2", "conditioning": "none"},
            "by shared.projection or table.projection, not none",
        ),
        ({"architecture": "biggan:width=2,turns=true", "regularisers": "rotation"}, "tells neither turns nor classes"),
    ):
        options = {"conditioning": "table+projection" if "resnet" in asked["architecture"] else "shared+projection"}
        model = BIGGAN(build(BIGGAN.Options, options | asked), synthetic_spec("labelled", 32, 3))
        with pytest.raises(ValueError, match=words):
            model.export_weights()
    with pytest.raises(ValueError, match="no published layout"):
        SNGAN.import_weights({"a": {}}, ())


# ---------------------------------------------------------------- standing statistics


def norms(net):
    return [module for module in net.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]


@torch.no_grad()
def test_standing_statistics_are_the_mean_of_those_of_batches():
    model = made("biggan:width=2,shared=5").double()
    state = copy.deepcopy(model.state_dict())
    stood = model.stand(3, 0.7)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())

    chance, net, sums = Seeded(0), copy.deepcopy(model.average.net), None
    net.train()
    for layer in net.modules():
        if hasattr(layer, "u"):
            layer.eval()  # no step of power iteration
    for layer in norms(net):
        layer.momentum = 1.0  # keep the last batch's alone
    for _ in range(3):
        z = model.latent.truncated(chance, PICTURES, 0.7).double()
        net(z, (chance.rand(PICTURES) * 3).long())
        places = [PICTURES * side * side for side in (4, 8, 8, 16, 16, 32, 32)]
        found = [(m.running_mean.clone(), m.running_var * (n - 1) / n) for m, n in zip(norms(net), places, strict=True)]
        sums = found if sums is None else [(a + c, b + d) for (a, b), (c, d) in zip(sums, found, strict=True)]
    for layer, (mean, variance) in zip(norms(stood), sums, strict=True):
        assert torch.allclose(layer.running_mean, mean / 3)
        assert torch.allclose(layer.running_var, variance / 3)


def test_pictures_are_drawn_with_them_until_the_generator_moves():
    model = made("biggan:width=2,shared=5")
    keys = model.state_dict().keys()
    asked = Request(to=model.spec.domains[0], seed=1)
    with torch.inference_mode():
        standing, plain = model.translate({}, asked), model.translate({}, Request(to=asked.to, seed=1, standing=0))
        assert not torch.allclose(standing, plain, atol=1e-3)
        assert torch.equal(model.translate({}, asked), standing)
        first = model.painter(asked)
        model.translate({}, Request(to=asked.to, seed=2))
        assert model.painter(asked) is first
        truncated = Request(to=asked.to, seed=2, truncation=0.5)
        assert norms(model.painter(truncated))[0].running_mean.ne(norms(first)[0].running_mean).any()
    assert model.state_dict().keys() == keys
    assert not any(parameter.is_inference() for parameter in model.painter(truncated).buffers())
    pickle.loads(pickle.dumps(model))
    first = model.painter(truncated)
    model.clock.tick("generator")
    assert model.painter(truncated) is not first


@torch.no_grad()
def test_what_draws_is_never_that_of_earlier_weights_or_of_another_request():
    """The figure of memorisation draws with it, after pictures were drawn truncated, before more steps."""
    model = made("biggan:width=2,shared=5")
    z, labels = torch.randn(4, 20), torch.tensor([0, 1, 2, 0])
    model.translate({}, Request(to=model.spec.domains[0], truncation=0.5))
    assert torch.equal(model.drawer()(z, labels), model.stand(16, None)(z, labels))
    for weights in model.average.net.parameters():
        weights.mul_(0.5)
    model.clock.tick("generator")
    assert torch.equal(model.drawer()(z, labels), model.stand(16, None)(z, labels))
