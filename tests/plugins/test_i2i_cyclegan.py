"""CycleGAN: four whole steps of the reference, options, directions and refusals."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from i2i_cyclegan.model import CycleGAN

import i2i
from i2i.device import Engine
from i2i.loop import run_step
from i2i.networks.reference import from_reference
from i2i.options import build
from i2i.testing import check_model

SPEC = i2i.DataSpec(domains=("summer", "winter"), channels={"a": 3, "b": 3}, image_size=(64, 64))
TINY = {"generator_width": 4, "discriminator_width": 4, "blocks": 1, "discriminator_layers": 2}
THEIRS = {"a_to_b": "G_A", "b_to_a": "G_B", "discriminator_b": "D_A", "discriminator_a": "D_B"}
TERMS = {  # theirs: ours; their suffix names the way, ours the domain of the judged picture
    "G_A": "generators/gan_b",
    "G_B": "generators/gan_a",
    "cycle_A": "generators/cycle_a",
    "cycle_B": "generators/cycle_b",
    "idt_A": "generators/identity_b",
    "idt_B": "generators/identity_a",
    "D_A": "discriminators/b",
    "D_B": "discriminators/a",
}


def make(spec=SPEC, **options):
    torch.manual_seed(0)
    return CycleGAN(build(CycleGAN.Options, TINY | options), spec)


def batch(size=64, count=1, channels=(3, 3)):
    return {key: torch.rand(count, n, size, size) * 2 - 1 for key, n in zip("ab", channels, strict=True)}


def train(model, batches, precision="fp32"):
    optimizers = model.optimizers(model.phases()[0])
    logged = []
    for step, one in enumerate(batches):
        progress = i2i.Progress(model.phases()[0], step, 200, run_step=step)
        logged.append(
            {k: v.item() for k, v in run_step(model, optimizers, one, progress, Engine(precision=precision)).items()}
        )
    return logged


@pytest.mark.parametrize("name", ["training_cyclegan", "training_cyclegan_noidt"])
def test_four_steps_equal_the_reference(golden, name):
    data = golden.load(name)
    config = data["config"]
    model = make(
        generator_width=config["ngf"],
        discriminator_width=config["ndf"],
        discriminator_layers=3,
        blocks=6,
        gan=config["gan_mode"],
        cycle_weight_a=config["lambda_A"],
        cycle_weight_b=config["lambda_B"],
        identity_weight=config["lambda_identity"],
    ).double()
    for ours, theirs in THEIRS.items():
        net = getattr(model, ours)
        net.load_state_dict(from_reference(net, golden.fill(data["networks"][theirs])))
    k = torch.arange(3 * 64 * 64, dtype=torch.float64)
    batches = [
        {
            "a": torch.sin(0.05 * (k + 1000 * s)).view(1, 3, 64, 64),
            "b": torch.sin(0.05 * (k + 1000 * s + 500000)).view(1, 3, 64, 64).flip(-1),
        }
        for s in range(4)
    ]
    for logged, step in zip(train(model, batches), data["steps"], strict=True):
        for theirs, value in step["losses"].items():
            assert logged.get(TERMS[theirs], 0.0) == pytest.approx(value, rel=1e-9), theirs
        assert logged.keys() == {TERMS[name] for name in step["losses"] if step["losses"][name]}
    for ours, theirs in THEIRS.items():
        flat = torch.cat([p.detach().flatten() for p in getattr(model, ours).parameters()])
        expected = data["final_parameter_sums"][theirs]
        assert flat.sum().item() == pytest.approx(expected["sum"], abs=1e-6)
        assert flat.abs().sum().item() == pytest.approx(expected["abs"], abs=1e-6)


def test_defaults_are_the_references():
    with torch.device("meta"):
        model = CycleGAN(CycleGAN.Options(), dataclasses.replace(SPEC, image_size=(256, 256)))
    assert sum(p.numel() for p in model.parameters()) == 28_285_832
    assert (model.size_multiple, model.min_size) == (4, 8)
    assert model.run_defaults == {"batch_size": 1, "epochs": 200, "image_size": 256, "resize": 286}
    assert model.eager == ()


def test_learning_rate_falls_as_the_references(golden):
    (phase,) = make().phases()
    for epoch, rate in golden.load("schedules")["cyclegan_epoch_lr"].items():
        assert 2e-4 * phase.lr((int(epoch) - 1) / 200) == pytest.approx(rate, abs=1e-15)


@pytest.mark.parametrize(
    "options",
    [
        {"gan": "wgan-gp"},
        {"gan": "hinge", "gan_weight": 2.0},
        {"gan": "vanilla", "norm": "batch", "dropout": 0.5, "padding": "zeros"},
        {"generator": "unet", "depth": 5, "upsample": "resize", "initialisation": "kaiming"},
        {"discriminator": "pixel", "norm": "none", "initialisation": "xavier", "padding": "replicate"},
        {"initialisation": "orthogonal", "pool_size": 0, "upsample": "resize"},
        {"antialias": True, "upsample": "blur", "gan": "wgan-gp"},
    ],
)
def test_every_option_trains(options):
    model = make(**options)
    before = {name: p.clone() for name, p in model.named_parameters() if p.dim() == 4}
    for logged in train(model, [batch(count=2)] * 2):
        assert all(torch.tensor(v).isfinite() for v in logged.values())
        assert ("discriminators/penalty_a" in logged) == (options.get("gan") == "wgan-gp")
    assert all(not torch.equal(p, before[name]) for name, p in model.named_parameters() if name in before)
    if options.get("gan") == "wgan-gp":
        assert model.eager == ("discriminator_a", "discriminator_b")


@pytest.mark.parametrize("gan", ["lsgan", "wgan-gp"])
def test_bf16_stays_near_float32(gan):
    batches = [batch(count=2) for _ in range(2)]
    exact, coarse = (train(make(gan=gan), batches, precision) for precision in ("fp32", "bf16"))
    for step, step32 in zip(coarse, exact, strict=True):
        assert step == pytest.approx(step32, rel=0.05, abs=0.05)


@pytest.mark.parametrize("options", [{}, {"generator": "unet", "depth": 5, "gan": "wgan-gp", "pool_size": 2}])
def test_keeps_the_contract(options):
    check_model("cyclegan", **(TINY | options))


def test_domains_of_different_channels():
    spec = dataclasses.replace(SPEC, channels={"a": 1, "b": 4})
    with pytest.raises(ValueError, match="summer has 1 and winter 4; use --identity-weight 0"):
        make(spec)
    model = make(spec, identity_weight=0.0)
    train(model, [batch(channels=(1, 4))])
    request = CycleGAN.Request(to="summer")
    assert model.translate({"source": torch.zeros(1, 4, 64, 64)}, request).shape == (1, 1, 64, 64)


def test_translates_both_ways():
    model = make().eval()
    source = batch()["a"]
    with torch.inference_mode():
        winter, summer = model.a_to_b(source), model.b_to_a(source)
        for to, expected in (("winter", winter), (None, winter), ("summer", summer)):
            assert torch.equal(model.translate({"source": source}, CycleGAN.Request(to=to)), expected)
        with pytest.raises(LookupError, match='this model knows no "spring"; use summer or winter'):
            model.translate({"source": source}, CycleGAN.Request(to="spring"))
        (row,) = model.preview([({"source": source}, CycleGAN.Request(to="summer"))])
        assert list(row) == ["winter", "to summer", "back to winter"]
        assert torch.equal(row["back to winter"], model.a_to_b(summer)[0])


def test_the_pool_is_kept_beside_the_weights():
    model = make(pool_size=3)
    train(model, [batch() for _ in range(4)])
    assert len(model.pool_a.resume_state()["stored"]) == 3
    assert not any(key.startswith("pool") for key in model.state_dict())


def test_refusals():
    with pytest.raises(ValueError, match="the data has 3; choose with --domains"):
        make(dataclasses.replace(SPEC, domains=("a", "b", "c")))
    with pytest.raises(ValueError, match=r"image size 16 is too small .* use --image-size 24 or more"):
        make(dataclasses.replace(SPEC, image_size=(64, 16)), discriminator_layers=3)
