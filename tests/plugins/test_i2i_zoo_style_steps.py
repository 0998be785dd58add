"""Steps of the style-based presets: what is lazy, on which numbers, and what two processes compute."""

from __future__ import annotations

import pytest
import torch
from i2i_zoo.layers.batch import MinibatchDiscrimination
from i2i_zoo.presets.style import PROGAN, STYLEGAN, STYLEGAN2
from two_ranks import on_two_ranks

import i2i
from i2i.device import Engine
from i2i.loop import run_step
from i2i.options import build
from i2i.testing import check_model, synthetic_batch, synthetic_spec

SMALL = {"architecture": "stylegan2:width=4,mapping=2,group=2", "latent": "normal:4"}
GROWN = {"architecture": "progan:width=4,group=2", "latent": "sphere:4"}


def model_of(cls, side=8, **options):
    torch.manual_seed(0)
    return cls(build(cls.Options, options), synthetic_spec("images", side))


def test_lazy_elements_have_updates_of_their_own():
    model = model_of(STYLEGAN2, **SMALL)
    (phase,) = model.phases()
    asked = []
    for step in range(17):
        batch = synthetic_batch(model.spec, 4, step)
        progress = i2i.Progress(phase, step, 20, run_step=step)
        updates = [(name, tuple(terms)) for name, terms in model.train_step(batch, progress)]
        asked.append(updates)
    plain = [("discriminator", ("gan",)), ("generator", ("gan",))]
    for step, updates in enumerate(asked):
        wanted = plain.copy()
        if step % 4 == 0:
            wanted.append(("generator", ("path_length",)))
        if step % 16 == 0:
            wanted.insert(1, ("discriminator", ("penalty",)))
        assert updates == wanted, step


def test_a_lazy_penalty_is_of_summed_logits_and_counts_as_often_as_it_is_rare():
    """gamma / 2 * 16 * mean |d sum of logits / dx|^2, by hand; pictures of a batch are compared, so sums matter."""
    model = model_of(STYLEGAN2, **SMALL, gradient_penalty="r1:gamma=10,every=16").double()
    (phase,) = model.phases()
    batch = {"image": synthetic_batch(model.spec, 4, 0)["image"].double()}
    updates = model.train_step(batch, i2i.Progress(phase, 0, 20))
    next(updates)
    _, terms = next(updates)
    images = batch["image"].clone().requires_grad_()
    (slope,) = torch.autograd.grad(model.discriminator(images).logit.sum(), images)
    by_hand = 16 * 10 / 2 * slope.square().flatten(1).sum(dim=1).mean()
    assert terms["penalty"].item() == pytest.approx(by_hand.item(), rel=1e-9)


def test_rates_and_memories_make_up_for_lazy_updates():
    model = model_of(STYLEGAN2, **SMALL)
    optimizers = model.optimizers(model.phases()[0])
    for name, every in (("discriminator", 16), ("generator", 4)):
        share, (group,) = every / (every + 1), optimizers[name].param_groups
        assert group["lr"] == pytest.approx(2e-3 * share)
        assert group["betas"] == pytest.approx((0.0, 0.99**share))


@pytest.mark.parametrize(
    ("cls", "side", "architecture"),
    [(STYLEGAN2, 8, SMALL["architecture"]), (STYLEGAN, 16, "stylegan:width=4,mapping=2,group=2")],
)
def test_an_average_of_weights_copies_the_mean_style(cls, side, architecture):
    model = model_of(cls, side, architecture=architecture, latent="normal:4", average="constant:decay=0.9")
    phase = model.phases()[-1]
    optimizers = model.optimizers(phase)
    averaged = model.average.net.mapping.layers[0].weight.clone()
    for step in range(3):
        batch = synthetic_batch(model.spec, 4, step)
        run_step(model, optimizers, batch, i2i.Progress(phase, step, 20, run_step=step), Engine())
    assert torch.equal(model.average.net.w_avg, model.generator.w_avg)
    assert model.generator.w_avg.abs().max() > 0
    mean = model.average.net.mapping.layers[0].weight
    assert not torch.equal(mean, model.generator.mapping.layers[0].weight)
    assert not torch.equal(mean, averaged)


@pytest.mark.parametrize(
    ("name", "conditioning"),
    [
        ("progan", "concat+ac"),
        ("progan", "embed+none"),
        ("stylegan", "embed+ac"),
        ("stylegan2", "embed+projection"),
        ("stylegan2", "embed+ac"),
    ],
)
def test_networks_are_told_classes(name, conditioning):
    side, architecture = (16 if name == "stylegan" else 8), f"{name}:width=4,group=2"
    if name != "progan":
        architecture += ",mapping=2"
    options = {"architecture": architecture, "latent": "normal:4", "conditioning": conditioning}
    if "+ac" in conditioning:
        options["regularisers"] = "ac"
    check_model(name, image_size=side, batch_size=4, **options)


def draw(model, **asked):
    with torch.inference_mode():
        return model.translate({}, model.Request(**asked))


def test_styles_are_truncated_towards_their_mean():
    model = model_of(STYLEGAN2, **SMALL)
    net = model.average.net
    net.w_avg.normal_()
    mean = net.synthesis(net.w_avg.expand(1, net.num_styles, 4)).clamp(-1, 1)
    plain = draw(model, seed=3)
    assert torch.equal(plain, draw(model, seed=3, truncation=1.0))
    assert torch.allclose(draw(model, seed=3, truncation=0.0), mean, atol=1e-5)
    distances = [(draw(model, seed=3, truncation=psi) - mean).abs().mean() for psi in (0.3, 0.7, 1.0)]
    assert distances == sorted(distances)
    one = draw(model, seed=3, truncation_layers="0.5")
    assert not torch.equal(one, plain)
    assert torch.allclose(draw(model, seed=3, truncation_layers="0.5,1,1,1"), one, atol=1e-6)
    for asked, words in (
        ({"truncation_layers": "a"}, "give numbers with commas between: 0.5,0.5,0.7"),
        ({"truncation_layers": "1,1,1,1,1"}, "give 4 numbers at most, each from 0 to 10"),
        ({"truncation_layers": "1", "truncation": 0.5}, "give one of them"),
    ):
        with pytest.raises(ValueError, match=words):
            draw(model, **asked)


def test_styles_of_two_seeds_are_mixed():
    model = model_of(STYLEGAN2, **SMALL)
    one, two = draw(model, seed=1), draw(model, seed=2)
    mixed = [draw(model, seed=1, mix=2, crossing=layer) for layer in range(4)]
    assert torch.equal(mixed[0], two)
    assert not torch.equal(mixed[1], two)
    assert not torch.equal(mixed[3], one)
    assert torch.equal(draw(model, seed=1, mix=1, crossing=2), one)
    with pytest.raises(ValueError, match="--crossing is 4; this model has the layers 0 to 3"):
        draw(model, mix=2, crossing=4)
    for seed in (-1, 2**63):
        with pytest.raises(ValueError, match=f"^--mix is {seed}; give a number from 0 to {2**63 - 1}$"):
            draw(model, mix=seed)
    with pytest.raises(ValueError, match="--crossing is 4; this model has the layers 0 to 3"):
        draw(model, mix=2)  # which is 4 by default
    for layer in (0, 2, 4):
        told = f"^--crossing {layer} is where another style begins; say whose with --mix 7$"
        with pytest.raises(ValueError, match=told):
            draw(model, crossing=layer)


def test_what_has_not_grown_is_drawn_as_large():
    model = model_of(PROGAN, 16, **GROWN)
    model.average.net.levels.grow(1, 0.5)
    picture = draw(model, seed=1)
    assert picture.shape == (1, 3, 16, 16)
    assert torch.equal(picture, picture[..., ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3))


def fresh(name):
    cls, options = {"stylegan2": (STYLEGAN2, SMALL), "progan": (PROGAN, GROWN)}[name]
    return model_of(cls, **options, average="constant:0.9").double()


def train(rank, name, ranks=2):
    """Train on a rank's share of each batch; return the weights."""
    model = fresh(name)
    phase = model.phases()[-2 if name == "progan" else 0]  # in a fade
    optimizers = model.optimizers(phase)
    for step in range(3):
        batch, mine = synthetic_batch(model.spec, 8, step), slice(rank * 8 // ranks, (rank + 1) * 8 // ranks)
        progress = i2i.Progress(phase, step, 4, run_step=step, rank=rank, ranks=ranks)
        run_step(model, optimizers, {"image": batch["image"][mine].double()}, progress, Engine(precision="fp64"))
    return model.state_dict()


@pytest.mark.parametrize("name", ["stylegan2", "progan"])
def test_two_processes_compute_what_one_does(tmp_path, name):
    """Minibatch deviation, mixing, noise, the mean style, path lengths and their mean, penalties, the average."""
    alone = train(0, name, 1)
    one, two = on_two_ranks(train, tmp_path, name)
    start = fresh(name).state_dict()
    for net in ("generator", "discriminator", "average"):
        assert any(not torch.equal(alone[key], start[key]) for key in start if key.startswith(net)), net
    for key, value in alone.items():
        assert torch.equal(one[key], two[key]), key
        assert torch.allclose(one[key], value, rtol=1e-7, atol=1e-9), key


def discriminate(rank, ranks=2):
    """Minibatch discrimination of a rank's share of eight pictures, and a gradient of it by what made them."""
    torch.manual_seed(0)
    layer, everyone = MinibatchDiscrimination(3, 4).double(), torch.randn(8, 3, dtype=torch.float64)
    out = layer(everyone[rank * 8 // ranks : (rank + 1) * 8 // ranks])
    return out.detach(), torch.autograd.grad(out.square().sum(), layer.weight)[0]


def test_two_processes_discriminate_one_batch(tmp_path):
    (one, first), (two, second) = on_two_ranks(discriminate, tmp_path)
    out, gradient = discriminate(0, 1)
    assert torch.allclose(torch.cat([one, two]), out, rtol=1e-9)
    assert torch.allclose(first + second, gradient, rtol=1e-9)
