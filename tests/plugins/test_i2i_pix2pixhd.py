"""pix2pixHD: networks and losses of the reference through the importer, phases, steps beside a plain script."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
from pathlib import Path

import pytest
import torch
from i2i_pix2pixhd import maps
from i2i_pix2pixhd.generators import Enhancer, Trunk, make_encoder, make_head
from i2i_pix2pixhd.model import Pix2PixHD

import i2i
from i2i import networks
from i2i.device import Engine
from i2i.loop import run_step
from i2i.options import build
from i2i.testing import check_model

CHANNELS = {"label": 1, "instance": 1, "target": 3}
SPEC = i2i.DataSpec(domains=("label", "photo"), channels=CHANNELS, image_size=(64, 64), num_labels=5)
TINY = {
    **{"generator_width": 4, "downs": 2, "blocks": 1, "enhancer_blocks": 1, "discriminator_width": 4},
    **{"discriminator_layers": 2, "encoder_width": 4, "encoder_downs": 2, "vgg": "off"},
}


def make(spec=SPEC, **options):
    torch.manual_seed(0)
    return Pix2PixHD(build(Pix2PixHD.Options, TINY | options), spec)


def batch(size=64, count=1, seed=0, labels=5, instances=True, source=0):
    generator = torch.Generator().manual_seed(seed)

    def blocks(highest):
        drawn = torch.randint(highest, (count, 1, 4, 4), generator=generator)
        return drawn.repeat_interleave(size // 4, 2).repeat_interleave(size // 4, 3)

    made = {"target": torch.rand(count, 3, size, size, generator=generator) * 2 - 1}
    made |= {"label": blocks(labels)} if labels else {}
    made |= {"instance": blocks(9)} if instances else {}
    return made | ({"source": torch.rand(count, source, size, size, generator=generator) * 2 - 1} if source else {})


def train(model, phase, batches, precision="fp32", optimizers=None):
    model.phase = phase.name
    optimizers = optimizers or model.optimizers(phase)
    logged = []
    for step, one in enumerate(batches):
        progress = i2i.Progress(phase, step, 200, run_step=step)
        terms = run_step(model, optimizers, one, progress, Engine(precision=precision))
        logged.append({name: value.item() for name, value in terms.items()})
    return logged


def imported(files, domains=()):
    found = Pix2PixHD.import_weights(files, domains)
    model = Pix2PixHD(build(Pix2PixHD.Options, found.options), found.spec).double()
    assert not model.load_state_dict(found.weights, strict=False).unexpected_keys
    return model, found


def state(golden, name):
    return golden.fill(golden.load(name)["tensors"])


def waves(golden, name):
    return golden.wave(golden.load(name)["inputs"][0])


def grid(height, width):
    """The instance map of the golden files."""
    y, x = torch.arange(height), torch.arange(width)
    return (10 * (y // 24)[:, None] + (x // 20)[None])[None, None]


@pytest.mark.parametrize("name", ["pix2pixhd_global", "pix2pixhd_local"])
def test_generators_equal_the_reference(golden, name):
    data = golden.load(name)
    model, found = imported({"60_net_G.pth": state(golden, name)})
    with torch.no_grad():
        made = model._generate(waves(golden, name), None, "joint")
    golden.check(made, data["outputs"][0])
    config, options = data["config"], model.options
    assert options.generator == name.removeprefix("pix2pixhd_")
    assert options.downs == config["n_downsample_global"]
    assert options.blocks == config["n_blocks_global"]
    assert options.generator_width == config["ngf"] * (2 if options.generator == "local" else 1)
    assert model.conditions.channels == config["input_nc"]
    assert (found.spec.num_labels, model.conditions.edges, found.targets) == (4, True, ("photo",))
    parts = (model.coarse, model.enhancer or model.head)
    assert sum(p.numel() for net in parts for p in net.parameters()) == data["parameter_count"]


@pytest.mark.parametrize("name", ["pix2pixhd_multiscale_d", "pix2pixhd_multiscale_d_plain"])
def test_discriminators_equal_the_reference(golden, name):
    data = golden.load(name)
    model, _ = imported({"a_net_G.pth": state(golden, "pix2pixhd_global"), "a_net_D.pth": state(golden, name)})
    with torch.no_grad():
        outputs = model.discriminator(waves(golden, name))
    flat = [t for scale in outputs for t in scale] if data["config"]["getIntermFeat"] else outputs
    assert len(flat) == len(data["outputs"])
    for output, expected in zip(flat, data["outputs"], strict=True):
        golden.check(output, expected)
    assert bool(model.options.feature_weight) == data["config"]["getIntermFeat"]


def test_the_encoder_equals_the_reference(golden):
    data = golden.load("pix2pixhd_encoder")
    model, found = imported({"G.pth": state(golden, "pix2pixhd_global"), "E.pth": state(golden, "pix2pixhd_encoder")})
    assert (model.options.features, model.options.feature_channels, found.spec.num_labels) == ("instance", 3, 1)
    with torch.no_grad():
        encoded = model.encoder(golden.wave(data["inputs"][0]))
        _, means, sizes, place = maps.region_means(encoded, grid(64, 64))
    golden.check(maps.paint(means, place), data["outputs"][0])
    assert sizes.sum() == 64 * 64
    assert sum(p.numel() for p in model.encoder.parameters()) == data["parameter_count"]


def test_losses_equal_the_reference(golden, monkeypatch):
    data = golden.load("losses_pix2pixhd")["values"]
    files = {"G.pth": state(golden, "pix2pixhd_global"), "D.pth": state(golden, "pix2pixhd_multiscale_d")}
    model, _ = imported(files)
    real = golden.wave([1, 8, 64, 96])
    fake = torch.cos(0.013 * torch.arange(real.numel(), dtype=torch.float64)).view_as(real)
    monkeypatch.setattr(model.conditions, "told", lambda *_: real[:, :5])
    monkeypatch.setattr(model, "_generate", lambda *_: fake[:, 5:])
    terms = dict(model.train_step({"target": real[:, 5:]}, i2i.Progress(model.phases()[0], 0, 1)))
    assert terms["generator"]["gan"].item() == pytest.approx(data["G_GAN"], rel=1e-12)
    assert terms["generator"]["features"].item() == pytest.approx(data["G_GAN_Feat"], rel=1e-12)
    assert terms["discriminator"]["gan"].item() == pytest.approx((data["D_fake"] + data["D_real"]) / 2, rel=1e-12)


def test_edges_equal_the_reference(golden):
    expected = golden.load("losses_pix2pixhd")["edge_map"]
    edges = maps.edges(grid(64, 64))[0, 0].int()
    assert edges.sum() == expected["ones"]
    assert edges[0].tolist() == expected["row0"]
    assert edges[:, 0].tolist() == expected["column0"]


def test_numbers_of_weights_are_the_references():
    def count(net):
        return sum(p.numel() for p in net.parameters())

    with torch.device("meta"):
        head = count(make_head(64, 3))
        for seen, downs, expected in (
            *((36, 4, 182_546_755), (3, 4, 182_443_267)),
            *((39, 4, 182_556_163), (36, 3, 45_696_835)),
        ):
            assert count(Trunk(seen, 64, downs, 9)) + head == expected
        assert count(Enhancer(36, 3, 32, 3)) == 319_715
        for seen, expected in ((36, 182_857_059), (39, 182_871_171)):
            assert count(Trunk(seen, 64, 4, 9)) + count(Enhancer(seen, 3, 32, 3)) == expected
        assert count(make_encoder(3, 3, 16, 4)) == 788_803
        for scales, expected in ((1, 2_801_601), (2, 5_603_202), (3, 8_404_803)):
            assert count(networks.MultiScaleDiscriminator(39, 64, scales, features=True)) == expected
        spec = dataclasses.replace(SPEC, num_labels=35, image_size=(1024, 2048))
        model = Pix2PixHD(Pix2PixHD.Options(), spec)
        assert count(model) == 182_857_059 + head + 5_603_202
        shapes = [(1, 64, 257, 513), (1, 128, 129, 257), (1, 256, 65, 129), (1, 512, 66, 130), (1, 1, 67, 131)]
        layers = model.discriminator(torch.empty(1, 39, 512, 1024))
        assert [tuple(layer.shape) for layer in layers[0]] == shapes
        assert model._generate(torch.empty(1, 36, 1024, 2048), None, "joint").shape == (1, 3, 1024, 2048)
    assert (model.size_multiple, model.min_size) == (32, 64)


def test_first_weights_are_the_references():
    model = make(generator_width=16, features="instance")
    for net in (model.coarse, model.enhancer, model.encoder, model.discriminator):
        for layer in net.modules():
            if isinstance(layer, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)) and layer.weight.numel() > 2000:
                assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
                fan = layer.weight[0].numel()
                assert 0 < layer.bias.abs().max() <= fan**-0.5


def test_rates_fall_as_the_references(golden):
    first, enhancer, joint = make().phases()
    for epoch, rate in golden.load("schedules")["pix2pixhd_epoch_lr"].items():
        assert 2e-4 * first.lr((int(epoch) - 1) / 200) == pytest.approx(rate, abs=1e-12)
    assert (first.share, enhancer.share, joint.share) == (200, 10, 90)
    assert (first.image_scale, enhancer.image_scale, joint.image_scale) == (0.5, 1, 1)
    assert enhancer.lr(0.999) == 1
    for epoch, factor in ((11, 1), (50, 1), (51, 1), (76, 0.5), (100, 0.02)):  # 50 + 50 epochs, of which 10 are fixed
        assert joint.lr((epoch - 11) / 90) == pytest.approx(factor)
    (alone,) = make(generator="global").phases()
    assert (alone.image_scale, alone.lr(0.75)) == (1, pytest.approx(0.5))


def load_reference():
    path = Path(__file__).parents[2] / "benchmarks" / "reference_pix2pixhd.py"
    spec = importlib.util.spec_from_file_location("reference_pix2pixhd", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Pix2PixHD


@pytest.mark.parametrize(("local", "number"), [(False, 0), (True, 1), (True, 2)])
def test_steps_equal_a_plain_script(local, number):
    torch.manual_seed(3)
    reference = load_reference()(8, labels=5, local=local, fixed=number == 1, downs=2, blocks=1)
    reference.G.double(), reference.D.double()
    model, _ = imported({"G.pth": reference.G.state_dict(), "D.pth": reference.D.state_dict()})
    object.__setattr__(model.options, "vgg", "off")
    phase = model.phases()[number]
    batches = [batch(seed=seed) for seed in range(4)]
    for one in batches:
        one["target"] = one["target"].double()
    ours = train(model, phase, batches)
    for one, logged in zip(batches, ours, strict=True):
        theirs = reference.optimize(one["label"], one["instance"], one["target"])
        assert logged["generator/gan"] == pytest.approx(theirs["G_GAN"].item(), rel=1e-9)
        assert logged["generator/features"] == pytest.approx(theirs["G_GAN_Feat"].item(), rel=1e-9)
        assert logged["discriminator/gan"] == pytest.approx(theirs["D"].item(), rel=1e-9)
    for file, tensors in model.export_weights().items():
        expected = getattr(reference, file.removeprefix("latest_net_")[0]).state_dict()
        assert tensors.keys() == expected.keys()
        for key, tensor in tensors.items():
            assert torch.allclose(tensor, expected[key], rtol=0, atol=1e-9), (file, key)


def changed(model, before):
    return {name.partition(".")[0] for name, p in model.named_parameters() if not torch.equal(p, before[name])}


def test_each_phase_trains_its_networks():
    model = make(features="instance")
    expected = {
        "global": {"coarse", "head", "encoder", "discriminator"},
        "enhancer": {"enhancer", "discriminator"},
        "joint": {"coarse", "enhancer", "discriminator"},
    }
    assert [phase.name for phase in model.phases()] == list(expected)
    for phase in model.phases():
        before = {name: p.detach().clone() for name, p in model.named_parameters()}
        train(model, phase, [batch(size=round(64 * phase.image_scale), seed=seed) for seed in range(2)])
        assert changed(model, before) == expected[phase.name]
    assert [phase.name for phase in make(generator="global").phases()] == ["global"]


def test_joint_begins_with_a_fresh_adam_and_the_discriminator_goes_on():
    from i2i.checkpoint import carry_over

    model = make()
    _, enhancer, joint = model.phases()
    before = model.optimizers(enhancer)
    train(model, enhancer, [batch()], optimizers=before)
    after = model.optimizers(joint)
    carry_over(before, after)
    assert not after["generator"].state
    assert len(after["discriminator"].state) == len(list(model.discriminator.parameters()))


def test_nothing_is_computed_for_what_rests():
    model = make()
    _, enhancer, _ = model.phases()
    kept = []
    model.coarse.register_forward_hook(lambda *args: kept.append(args[2].requires_grad))
    train(model, enhancer, [batch()])
    assert kept == [False]
    judged = []
    model.discriminator.register_forward_hook(lambda *args: judged.append(args[1][0][0].requires_grad))
    train(model, enhancer, [batch()])
    assert judged == [False, True, False]  # the photo once, for both losses; the fake for each


@pytest.mark.parametrize(
    ("spec", "options"),
    [
        ({}, {}),
        ({}, {"generator": "global", "gan": "vanilla", "feature_weight": 0.0, "upsample": "resize"}),
        ({}, {"features": "instance", "instances": False, "scales": 1, "enhancer_blocks": 0, "gan": "hinge"}),
        ({"channels": {"label": 1, "target": 1}}, {"features": "label", "feature_channels": 1}),
        ({"channels": {"source": 3, "target": 3}, "num_labels": 0}, {}),
        ({"channels": {"source": 1, "instance": 1, "target": 3}, "num_labels": 0}, {"features": "instance"}),
    ],
)
def test_keeps_the_contract(spec, options):
    spec = dataclasses.replace(SPEC, **spec)
    model = check_model("pix2pixhd", spec=spec, image_size=64, **(TINY | options))
    assert model.conditions.edges == (options.get("instances", True) and "instance" in spec.channels)


def test_bf16_stays_near_float32():
    batches = [batch(count=2, seed=seed) for seed in range(2)]
    phase = make().phases()[2]
    exact, coarse = (train(make(features="instance"), phase, batches, precision) for precision in ("fp32", "bf16"))
    for step, step32 in zip(coarse, exact, strict=True):
        assert step == pytest.approx(step32, rel=0.05, abs=0.05)


@pytest.mark.parametrize(
    ("size", "options", "message"),
    [
        (
            (72, 72),
            {},
            "size 72 does not suit .* of 16 and at least 32; use --image-size 64, or --generator global",
        ),
        ((72, 72), {}, "or --downs 1$"),
        ((72, 64), {}, "size 72 does not suit .*; use --image-size 64, or "),
        ((64, 100), {}, "width 100 does not suit .*; use --image-width 96, or --generator global$"),
        ((70, 100), {}, "size 70 and image width 100 do not suit .*; use --image-size 64 --image-width 96$"),
        ((70, 70), {}, "use --image-size 64$"),
        ((128, 200), {"downs": 4}, "width 200 .* of 64 and at least 128; use --image-width 192$"),
        ((128, 208), {"downs": 4}, "width 208 .*; use --image-width 192, or --generator global, or --downs 2$"),
        ((16, 64), {}, "size 16 .*; use --image-size 32, or --generator global, or --downs 1$"),
        ((50, 50), {"generator": "global"}, "of 4 and at least 8; use --image-size 48, or --downs 1$"),
        ((32, 32), {"encoder_downs": 3, "features": "label"}, "at least 64; use .* 64, or .*, or --encoder-downs 2$"),
        (
            (32, 32),
            {"discriminator_layers": 3, "scales": 5},
            "at least 64; use .* 64, or --generator global$",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_refused_with_ways_that_do(size, options, message):
    with pytest.raises(ValueError, match=f"^image {message}" if message.startswith(("size", "width")) else message):
        make(dataclasses.replace(SPEC, image_size=size), **options)


@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((32, 32), {}),
        ((64, 96), {}),
        ((32, 16), {"downs": 1}),
        ((64, 64), {"discriminator_layers": 3, "scales": 5}),
        ((8, 12), {"generator": "global"}),
        ((32, 32), {"generator": "global", "discriminator_layers": 3, "scales": 5}),
        ((32, 40), {"encoder_downs": 3, "features": "label", "generator": "global"}),
    ],
)
def test_the_smallest_sizes_are_trained_on_in_each_phase(size, options):
    model = make(dataclasses.replace(SPEC, image_size=size), **options)
    for phase in model.phases():
        height, width = (round(side * phase.image_scale) for side in size)
        one = batch(size=max(size))
        logged = train(model, phase, [{key: value[..., :height, :width] for key, value in one.items()}])
        assert all(map(math.isfinite, logged[0].values()))


def test_data_that_says_nothing_is_refused():
    with pytest.raises(ValueError, match="the data has neither"):
        make(dataclasses.replace(SPEC, channels={"target": 3}))
    pictures = dataclasses.replace(SPEC, channels={"source": 3, "target": 3}, num_labels=0)
    for features in ("instance", "label"):
        with pytest.raises(ValueError, match=f"--features {features} needs {features} maps, and the data has none"):
            make(pictures, features=features)
