"""pix2pix: whole steps and networks of the reference through its files, ways to translate, options and refusals."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from i2i_pix2pix.model import Pix2Pix, choose_depth
from PIL import Image

import i2i
from i2i import bundle, networks
from i2i.device import Engine
from i2i.loop import run_step
from i2i.model import evaluating
from i2i.options import build
from i2i.testing import check_model, synthetic_batch
from i2i.translation import make_request

SPEC = i2i.DataSpec(domains=("labels", "photo"), channels={"source": 3, "target": 3}, image_size=(64, 64))
TINY = {"generator_width": 4, "discriminator_width": 4, "discriminator_layers": 2}
G, D = "latest_net_G.pth", "latest_net_D.pth"


def make(spec=SPEC, **options):
    torch.manual_seed(0)
    return Pix2Pix(build(Pix2Pix.Options, TINY | options), spec)


def batch(size=64, count=1, channels=(3, 3)):
    pairs = zip(("source", "target"), channels, strict=True)
    return {key: torch.rand(count, n, size, size) * 2 - 1 for key, n in pairs}


def train(model, batches, precision="fp32"):
    (phase,) = model.phases()
    optimizers, logged = model.optimizers(phase), []
    for step, one in enumerate(batches):
        progress = i2i.Progress(phase, step, 200, run_step=step)
        terms = run_step(model, optimizers, one, progress, Engine(precision=precision))
        logged.append({name: value.item() for name, value in terms.items()})
    return logged


def imported(files, domains=(), **changes):
    """The model of published files, as a bundle of them would be loaded: double, with the weights they hold."""
    found = Pix2Pix.import_weights(files, domains)
    model = Pix2Pix(build(Pix2Pix.Options, dict(found.options) | changes), found.spec).double()
    missing, unexpected = model.load_state_dict(dict(found.weights), strict=False)
    assert not unexpected
    assert all(key.startswith("discriminator.") for key in missing)
    assert not missing or D not in files
    return model, found


def reference_batch(step, size):
    k = torch.arange(3 * size * size, dtype=torch.float64)
    return {
        "source": torch.sin(0.05 * (k + 1000 * step)).view(1, 3, size, size),
        "target": torch.sin(0.05 * (k + 1000 * step + 500000)).view(1, 3, size, size).flip(-1),
    }


@pytest.mark.parametrize("name", ["training_pix2pix", "training_pix2pix_lsgan"])
def test_four_steps_equal_the_reference(golden, name):
    data = golden.load(name)
    config = data["config"]
    files = {file: golden.fill(data["networks"][net]) for file, net in ((G, "G"), (D, "D"))}
    model, found = imported(files, dropout=0.0, gan=config["gan_mode"], l1_weight=config["lambda_L1"])
    assert found.options == {
        "generator_width": config["ngf"],
        "depth": 7,
        "norm": config["norm"],
        "conditional": True,
        "discriminator": "patch",
        "discriminator_width": config["ndf"],
        "discriminator_layers": 3,
    }
    logged = train(model, [reference_batch(step, config["size"]) for step in range(4)])
    for terms, step in zip(logged, data["steps"], strict=True):
        losses = step["losses"]
        assert terms == {
            "generator/gan": pytest.approx(losses["G_GAN"], rel=1e-9),
            "generator/l1": pytest.approx(losses["G_L1"], rel=1e-9),
            "discriminator/gan": pytest.approx(0.5 * (losses["D_real"] + losses["D_fake"]), rel=1e-9),
        }
    for net, theirs in ((model.generator, "G"), (model.discriminator, "D")):
        flat = torch.cat([p.detach().flatten() for p in net.parameters()])
        expected = data["final_parameter_sums"][theirs]
        assert flat.sum().item() == pytest.approx(expected["sum"], abs=1e-6)
        assert flat.abs().sum().item() == pytest.approx(expected["abs"], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "inference"),
    [
        ("unet_256", "running"),
        ("unet_256_batchstats", "instance"),
        ("unet_128", "running"),
        ("unet_128_instance", "instance"),
        ("unet_128_instance", "running"),
    ],
)
def test_published_generators_translate_as_the_reference(golden, name, inference):
    data = golden.load(name)
    model, found = imported({G: golden.fill(data["tensors"])}, ("labels", "photo"))
    assert found.targets == ("photo",)
    assert not any(key.startswith("discriminator") for key in found.weights)
    request = Pix2Pix.Request(inference=inference)
    with evaluating(model):
        output = model.translate({"source": golden.wave(data["inputs"][0])}, request)
    golden.check(output, data["outputs"][0])


def test_defaults_are_the_references():
    with torch.device("meta"):
        model = Pix2Pix(Pix2Pix.Options(), dataclasses.replace(SPEC, image_size=(256, 256)))
        small = Pix2Pix(Pix2Pix.Options(), dataclasses.replace(SPEC, image_size=(128, 128)))
    sizes = [sum(p.numel() for p in net.parameters()) for net in (model.generator, model.discriminator)]
    assert sizes == [54_413_955, 2_768_705]
    assert sum(p.numel() for p in small.generator.parameters()) == 41_828_995
    assert (model.size_multiple, model.min_size) == (256, 256)
    assert model.run_defaults == {"batch_size": 1, "epochs": 200, "image_size": 256, "resize": 286}
    assert [layer.p for layer in model.generator.modules() if isinstance(layer, torch.nn.Dropout)] == [0.5] * 3


def test_learning_rate_falls_as_the_references(golden):
    (phase,) = make().phases()
    for epoch, rate in golden.load("schedules")["cyclegan_epoch_lr"].items():
        assert 2e-4 * phase.lr((int(epoch) - 1) / 200) == pytest.approx(rate, abs=1e-15)


def test_the_generator_runs_once_a_step(monkeypatch):
    model = make()
    calls = []
    model.generator.register_forward_hook(lambda *_: calls.append("generator"))
    model.discriminator.register_forward_hook(lambda *_: calls.append("discriminator"))
    train(model, [batch()])
    assert calls == ["generator", *["discriminator"] * 3]


@pytest.mark.parametrize("depth", [64, 128, 256, 512])
def test_the_unet_goes_with_the_image_size(depth):
    assert choose_depth(None, (depth, depth)) == min(8, depth.bit_length() - 1)
    assert choose_depth(5, (depth, depth)) == 5


@pytest.mark.parametrize(
    ("asked", "side", "message"),
    [
        (None, 100, "100 pixels can be halved 2 times; use --image-size 96, or set --depth"),
        (None, 300, "300 pixels can be halved 2 times; use --image-size 320, or set --depth"),
        (None, 7, "7 pixels can be halved 0 times; use --image-size 8, or set --depth"),
        (8, 128, "--depth 8 takes sides that are multiples of 256, and 128 is none; use --image-size 256, or leave"),
        (7, 200, "multiples of 128, and 200 is none; use --image-size 256, or leave --depth out"),
    ],
)
def test_sizes_that_cannot_be_halved_so_often(asked, side, message):
    with pytest.raises(ValueError, match=message):
        choose_depth(asked, (side, side))
    good = int(message.partition("--image-size ")[2].split(",")[0])
    assert choose_depth(asked, (good, good)) >= 2


@pytest.mark.parametrize(
    "options",
    [
        {"gan": "lsgan", "gan_weight": 2.0},
        {"norm": "instance", "dropout": 0.0, "conditional": False},
        {"norm": "none", "discriminator": "pixel", "initialisation": "kaiming"},
        {"depth": 4, "upsample": "resize", "initialisation": "xavier"},
        {"initialisation": "orthogonal", "l1_weight": 0.0},
        {"gan_weight": 0.0},
    ],
)
def test_every_option_trains(options):
    model = make(**options)
    before = {name: p.clone() for name, p in model.named_parameters() if p.dim() == 4}
    for logged in train(model, [batch(count=2)] * 2):
        assert all(torch.tensor(v).isfinite() for v in logged.values())
        assert ("generator/l1" in logged) == (options.get("l1_weight") != 0)
        assert ("generator/gan" in logged) == ("discriminator/gan" in logged) == (options.get("gan_weight") != 0)
    changed = {name for name, p in model.named_parameters() if name in before and not torch.equal(p, before[name])}
    judge = {name for name in before if name.startswith("discriminator")}
    assert changed == before.keys() - (judge if options.get("gan_weight") == 0 else set())


def test_only_a_conditional_discriminator_sees_the_source():
    one, other = batch(), batch()
    for conditional in (True, False):
        model = make(conditional=conditional, dropout=0.0)
        mixed = {"source": other["source"], "target": one["target"]}
        same = model._judge(one["source"], one["target"]).equal(model._judge(mixed["source"], mixed["target"]))
        assert same != conditional


def test_bf16_stays_near_float32():
    batches = [batch(count=2) for _ in range(2)]
    exact, coarse = (train(make(dropout=0.0), batches, precision) for precision in ("fp32", "bf16"))
    for step, step32 in zip(coarse, exact, strict=True):
        assert step == pytest.approx(step32, rel=0.05, abs=0.05)


@pytest.mark.parametrize(
    "options", [{}, {"norm": "instance", "gan": "lsgan"}, {"gan_weight": 0.0}, {"conditional": False, "depth": 3}]
)
def test_keeps_the_contract(options):
    check_model("pix2pix", image_size=64, **(TINY | options))


def test_keeps_the_contract_from_gray_to_colour():
    spec = dataclasses.replace(SPEC, channels={"source": 1, "target": 3}, image_size=(32, 32))
    check_model("pix2pix", spec=spec, **TINY)


@pytest.fixture
def trained():
    """A model whose running statistics are those of no single picture."""
    model = make()
    train(model, [batch(count=2) for _ in range(3)])
    return model


def translate(model, source, seed=0, **request):
    torch.manual_seed(seed)  # as core does
    with evaluating(model):
        return model.translate({"source": source}, Pix2Pix.Request(seed=seed, **request))


def test_pictures_are_translated_each_by_itself(trained):
    sources = batch(count=3)["source"] * torch.tensor([0.1, 0.5, 1.0]).view(3, 1, 1, 1)
    together = translate(trained, sources)
    apart = torch.cat([translate(trained, one) for one in sources.split(1)])
    assert torch.equal(together, apart)
    assert torch.equal(together, translate(trained, sources, seed=9))
    net = trained.generator.train()  # what a batch norm in training makes of one picture, with dropout's layers off
    for layer in net.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.eval()
    with torch.no_grad():
        assert torch.equal(net(sources[1:2]), apart[1:2])


def test_running_statistics_are_one_option_away(trained):
    sources = batch(count=2)["source"]
    running = translate(trained, sources, inference="running")
    with torch.no_grad():
        torch.testing.assert_close(running, trained.generator.eval()(sources))
    assert (running - translate(trained, sources)).abs().max() > 0.01


def test_dropout_draws_by_the_seed(trained):
    source = batch()["source"]
    one, again, other = (translate(trained, source, seed, inference="dropout") for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert (one - other).abs().max() > 1e-3
    assert (one - translate(trained, source)).abs().max() > 1e-3


@pytest.mark.parametrize("inference", ["instance", "running", "dropout"])
def test_translating_leaves_no_trace(trained, inference):
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    trained.train()
    trained.generator.down[1].eval()
    modes = [layer.training for layer in trained.modules()]
    translate(trained, batch(count=2)["source"], inference=inference)
    assert all(torch.equal(value, before[name]) for name, value in trained.state_dict().items())
    assert [layer.training for layer in trained.modules()] == modes
    norms = [layer for layer in trained.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert norms
    assert all(norm.track_running_stats for norm in norms)


def test_requests_say_what_does_not_fit(trained):
    with pytest.raises(ValueError, match="would write the same picture 4 times; for different ones add --inference dr"):
        make_request(trained, {"samples": 4})
    assert make_request(trained, {"samples": 4, "inference": "dropout"}).to == "photo"
    with pytest.raises(ValueError, match="--inference is 'droput'; choose instance or running or dropout"):
        make_request(trained, {"inference": "droput"})
    with pytest.raises(ValueError, match="this model has no dropout, so its results do not vary"):
        translate(make(dropout=0.0), batch()["source"], inference="dropout")
    with pytest.raises(ValueError, match="this model has no dropout"):
        translate(make(depth=5), batch()["source"], inference="dropout")  # no level is deep enough for it


def test_pictures_of_any_size_keep_it(trained):
    for size in ((1, 1), (37, 90), (200, 64)):
        picture = trained.translate_image(Image.new("RGB", size, (90, 30, 200)), inference="dropout", seed=3)
        assert (picture.size, picture.mode) == (size, "RGB")


def test_a_model_of_holes_fills_holes_and_nothing_else():
    channels = {"source": 3, "target": 3, "mask": 1}
    spec = dataclasses.replace(SPEC, domains=("mask", "photo"), channels=channels, extra={"derive": "mask"})
    model = check_model("pix2pix", spec=spec, **TINY)
    assert model.inputs == ("source", "mask")
    source, hole = batch()["source"], torch.zeros(1, 1, 64, 64)
    hole[:, :, 20:40, 10:50] = 1
    with evaluating(model):
        filled = model.translate({"source": source, "mask": hole}, Pix2Pix.Request())
        other = model.translate({"source": source.masked_fill(hole.bool(), -0.3), "mask": hole}, Pix2Pix.Request())
        (row,) = model.preview([({"source": source, "mask": hole, "target": source}, i2i.Request(to="photo"))])
    outside = ~hole.bool().expand_as(source)
    assert torch.equal(filled[outside], source[outside])
    assert not torch.equal(filled[~outside], source[~outside])
    assert torch.equal(filled, other)  # what lay under the hole is not looked at
    assert list(row) == ["source", "to photo", "target"]
    picture = Image.new("RGBA", (50, 70), (200, 90, 30, 255))
    picture.paste((0, 0, 0, 0), (10, 10, 30, 40))
    result = model.translate_image(picture)
    assert result.getpixel((0, 0))[:3] == (200, 90, 30)
    assert result.getpixel((20, 20))[:3] != (0, 0, 0)


def test_depth_is_kept_for_fine_tuning(tmp_path):
    model = make()
    bundle.write(tmp_path / "bundle", model, bundle.describe("pix2pix", model))
    assert bundle.read_manifest(tmp_path / "bundle").options["depth"] == 6
    assert bundle.load(tmp_path / "bundle").generator.size_multiple == 64


@pytest.mark.parametrize("options", [{}, {"norm": "instance", "conditional": False}, {"discriminator": "pixel"}])
def test_files_of_the_reference_come_and_go_exactly(options):
    model = make(discriminator_layers=3, **options)
    train(model, [batch(count=2)])
    files = model.export_weights()
    assert list(files) == [G, D]
    again, found = imported({name: {k: v.double() for k, v in state.items()} for name, state in files.items()})
    for key, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[key], value.double() if value.is_floating_point() else value)
    assert found.spec.domains == ("source", "target")
    for file, state in again.export_weights().items():
        assert state.keys() == files[file].keys()
        assert all(torch.equal(value, files[file][key]) for key, value in state.items())
    source = batch()["source"]
    torch.testing.assert_close(translate(again, source.double()).float(), translate(model, source))


def test_a_resizing_unet_has_no_published_layout():
    with pytest.raises(ValueError, match="up-sample by transposed convolution only"):
        make(upsample="resize").export_weights()


@pytest.mark.parametrize(
    ("norm", "layers", "depth", "side"),
    [("batch", 3, 7, 128), ("batch", 5, 8, 256), ("batch", 6, 7, 256), ("instance", 6, 7, 256), ("batch", 7, 7, 384)],
)
def test_files_of_any_discriminator_are_of_a_size_that_it_can_judge(norm, layers, depth, side):
    nets = {
        G: networks.UNet(3, 3, 2, depth, norm),
        D: networks.PatchDiscriminator(6, 1, layers, norm),
    }
    model, found = imported({name: networks.to_reference(net) for name, net in nets.items()})
    assert found.options["discriminator_layers"] == layers
    assert found.spec.image_size == (side, side)
    assert model.discriminator(torch.zeros(1, 6, side, side, dtype=torch.float64)).numel()


def test_files_that_are_not_pix2pixs():
    whole = make(discriminator_layers=3).export_weights()
    gray = dataclasses.replace(SPEC, channels={"source": 1, "target": 3})
    other = make(gray, discriminator_layers=3).export_weights()
    resnet = networks.to_reference(networks.ResNetGenerator(3, 3, 4, 1))
    for files, message in (
        ({D: whole[D]}, "0 of these files hold a U-Net and 1 a discriminator; give latest_net_G.pth and"),
        ({"a": whole[G], "b": whole[G]}, "2 of these files hold a U-Net and 0 a discriminator"),
        ({G: resnet}, r"latest_net_G.pth holds a ResNet generator .* try --as cyclegan"),
        ({G: whole[G], D: other[D]}, "which does not go with this U-Net of 3 to 3 channels and batch norm; give"),
        ({G: {"x": torch.zeros(1)}}, "latest_net_G.pth is no network of pix2pix: it holds"),
        (
            {G: {k: v for k, v in whole[G].items() if k != "model.model.3.bias"}},
            'pix2pix: .* "model.model.3.bias" is missing',
        ),
    ):
        with pytest.raises(ValueError, match=message):
            Pix2Pix.import_weights(files, ())
    with pytest.raises(ValueError, match="from one domain to another, and 3 are named; give source,target"):
        Pix2Pix.import_weights(whole, ("a", "b", "c"))


def test_refusals():
    channels = {"label": 1, "target": 3}
    maps = i2i.DataSpec(domains=("label", "photo"), channels=channels, image_size=(64, 64), num_labels=5)
    with pytest.raises(ValueError, match="the sources of this data are maps of label numbers; pix2pixhd takes those"):
        make(maps)
    with pytest.raises(ValueError, match="leave nothing to learn; give one of them a weight"):
        make(gan_weight=0.0, l1_weight=0.0)
    with pytest.raises(ValueError, match="image size 16 is too small for this discriminator; use --image-size 32"):
        make(dataclasses.replace(SPEC, image_size=(16, 16)), discriminator_layers=3, norm="instance")


def test_the_sample_sheet_shows_source_result_and_target():
    model = make()
    example = synthetic_batch(SPEC, 1)
    with evaluating(model):
        (row,) = model.preview([(example, i2i.Request(to="photo"))])
    assert list(row) == ["source", "to photo", "target"]
