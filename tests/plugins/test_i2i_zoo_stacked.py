"""Stacked GAN: a classifier first, then generators that undo it alone, then joined."""

from __future__ import annotations

import pytest
import torch
from i2i_zoo.methods.stacked import StackedGAN

import i2i
from i2i.options import build
from i2i.testing import synthetic_batch, synthetic_spec

SPEC = synthetic_spec("labelled", 16)
PHASES = ["classifier", "features", "pictures", "joined"]


def model(**options):
    torch.manual_seed(0)
    given = {"width": 2, "features": 6, "latent": "normal:4"}
    return StackedGAN(build(StackedGAN.Options, given | options), SPEC)


def updates(net, name):
    phase = next(phase for phase in net.phases() if phase.name == name)
    return phase, net.train_step(synthetic_batch(SPEC, 4), i2i.Progress(phase, 0, 10))


def test_each_phase_trains_its_level_and_the_last_both():
    net, held = model(), []
    assert [phase.name for phase in net.phases()] == PHASES
    for name in PHASES:
        phase, steps = updates(net, name)
        made = net.optimizers(phase)
        asked = [key for step in steps for key in (step if isinstance(step, dict) else [step[0]])]
        assert sorted(asked) == sorted(made)
        held.append({id(p) for o in made.values() for group in o.param_groups for p in group["params"]})
    classifier, features, pictures, joined = held
    assert classifier == {id(p) for p in net.encoder.parameters()}
    assert features == {id(p) for p in net.generator.top.parameters()}
    assert pictures == {id(p) for p in net.generator.bottom.parameters()}
    assert joined == features | pictures


def test_the_conditional_loss_is_of_what_the_encoder_finds_again():
    net = model(conditional=3.0, entropy=0.0)
    batch = synthetic_batch(SPEC, 4)
    phase, steps = updates(net, "features")
    terms = list(steps)[1]["features_generator"]
    z = net.latent.draw(i2i.Progress(phase, 0, 10), 4)[:, :2]
    logits = net.encoder.second(net.generator.features(z, batch["label"]))
    expected = torch.nn.functional.cross_entropy(logits, batch["label"])
    assert terms["conditional"].item() == pytest.approx(3 * expected.item(), rel=1e-4)
    phase, steps = updates(net, "pictures")
    terms = list(steps)[1]["pictures_generator"]
    z = net.latent.draw(i2i.Progress(phase, 0, 10), 4)[:, 2:]
    given = net.encoder.first(batch["image"])
    off = net.encoder.first(net.generator.pictures(z, given)) - given
    assert terms["conditional"].item() == pytest.approx(3 * off.square().mean().item(), rel=1e-4)
    assert terms["entropy"] == 0


def test_joined_the_lower_generator_draws_of_what_the_upper_one_drew():
    net, seen = model(), []
    net.generator.bottom.generator.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    net.generator.top.generator.register_forward_hook(lambda layer, inputs, output: seen.append(output))
    _, steps = updates(net, "joined")
    _, terms = list(steps)
    drawn, given = seen
    assert torch.equal(given[:, 2:], drawn)
    own = {"gan", "entropy", "conditional"}
    assert set(terms["pictures_generator"]) == own
    assert set(terms["features_generator"]) == own | {f"pictures_{key}" for key in own}
    terms["features_generator"]["pictures_gan"].backward(
        inputs=list(net.generator.top.generator.parameters())
    )  # end to end
    assert all(p.grad is not None for p in net.generator.top.generator.parameters())


def test_the_entropy_loss_finds_the_noise_again():
    net, z = model(entropy=2.0), torch.randn(4, 2)
    fake = torch.randn(4, 6)
    found = net.generator.top.judge(fake).embedding
    terms = net.drawing(net.generator.top, fake, z)
    assert terms["entropy"].item() == pytest.approx(2 * (found - z).square().mean().item(), rel=1e-6)


@pytest.mark.parametrize(
    ("options", "spec", "said"),
    [
        ({"latent": "normal:5"}, SPEC, "use --latent normal:6"),
        ({"objective": "ra-hinge"}, SPEC, "use --objective ns"),
        ({}, synthetic_spec("images", 16), "needs pictures with classes"),
    ],
)
def test_what_makes_no_sense_is_refused(options, spec, said):
    with pytest.raises(ValueError, match=said):
        StackedGAN(build(StackedGAN.Options, {"width": 2} | options), spec)
