"""Stacked GAN: a classifier first, then generators that undo it alone, then joined."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from i2i_zoo.methods.stacked import StackedGAN

import i2i
from i2i.device import Engine
from i2i.loop import run_step
from i2i.options import build
from i2i.testing import synthetic_batch, synthetic_spec

SPEC = synthetic_spec("labelled", 16)
PHASES = ["classifier", "features", "pictures", "joined"]


def model(**options):
    torch.manual_seed(0)
    given = {"width": 2, "features": 6, "latent": "normal:4"}
    return StackedGAN(build(StackedGAN.Options, given | options), SPEC)


def updates(net, name, batch=None):
    phase = next(phase for phase in net.phases() if phase.name == name)
    return phase, net.train_step(batch or synthetic_batch(SPEC, 4), i2i.Progress(phase, 0, 10))


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


class Written:
    """The networks at 16 pixels and all losses of a step once more, of nothing but weights and a batch's own norms."""

    def __init__(self, net):
        self.w = net.state_dict()

    def layer(self, function, x, name, *numbers):
        return function(x, self.w[f"{name}.weight"], self.w.get(f"{name}.bias"), *numbers)

    def norm(self, x, name):
        return F.batch_norm(x, None, None, self.w[f"{name}.weight"], self.w[f"{name}.bias"], training=True)

    def encode(self, x):
        h = F.leaky_relu(self.layer(F.conv2d, x, "encoder.first.0.0", 2, 1), 0.2)
        h = self.layer(F.conv2d, h, "encoder.first.0.2", 2, 1)
        h = F.group_norm(h, 1, self.w["encoder.first.0.3.weight"], self.w["encoder.first.0.3.bias"])
        return self.layer(F.linear, F.leaky_relu(h, 0.2).flatten(1), "encoder.first.2").tanh()

    def draw_features(self, z, labels):
        name = "generator.top.generator.body"
        h = self.layer(F.linear, torch.cat([z, F.one_hot(labels, 3)], dim=1), f"{name}.0")
        return self.layer(F.linear, self.norm(h, f"{name}.1").relu(), f"{name}.3").tanh()

    def draw_pictures(self, z, features):
        name, h = "generator.bottom.generator.main", torch.cat([z, features], dim=1)[:, :, None, None]
        h = self.norm(self.layer(F.conv_transpose2d, h, f"{name}.0"), f"{name}.1").relu()
        h = self.norm(self.layer(F.conv_transpose2d, h, f"{name}.3", 2, 1), f"{name}.4").relu()
        return self.layer(F.conv_transpose2d, h, f"{name}.6", 2, 1).tanh()

    def judge_features(self, h):
        seen = F.leaky_relu(self.layer(F.linear, h, "generator.top.discriminator.body.0"), 0.2)
        return self.layer(F.linear, seen, "generator.top.discriminator.head"), self.noise(seen, "top")

    def judge_pictures(self, x):
        name = "generator.bottom.discriminator"
        h = F.leaky_relu(self.layer(F.conv2d, x, f"{name}.body.0", 2, 1), 0.2)
        h = F.leaky_relu(self.norm(self.layer(F.conv2d, h, f"{name}.body.2", 2, 1), f"{name}.body.3"), 0.2)
        return self.layer(F.conv2d, h, f"{name}.head"), self.noise(h.flatten(1), "bottom")

    def noise(self, seen, level):
        return self.layer(F.linear, seen, f"generator.{level}.recogniser")

    def losses(self, images, labels, z, phase):
        """All terms of a phase by hand, with conditional=3 and entropy=2."""
        z1, z0 = z[:, :2], z[:, 2:]
        known, drawn = self.encode(images), self.draw_features(z1, labels)
        given = drawn if phase == "joined" else known
        fake = self.draw_pictures(z0, given)
        logit1, found1 = self.judge_features(drawn)
        logit0, found0 = self.judge_pictures(fake)
        real1, real0 = self.judge_features(known)[0], self.judge_pictures(images)[0]
        named = self.layer(F.linear, drawn, "encoder.second.1")
        of_pictures = {
            "gan": F.softplus(-logit0).mean(),
            "entropy": 2 * (found0 - z0).square().mean(),
            "conditional": 3 * (self.encode(fake) - given).square().mean(),
        }
        of_features = {
            "gan": F.softplus(-logit1).mean(),
            "entropy": 2 * (found1 - z1).square().mean(),
            "conditional": 3 * -named.log_softmax(dim=1)[range(4), labels].mean(),
        }
        if phase == "joined":
            of_features |= {f"pictures_{key}": value for key, value in of_pictures.items()}
        all_terms = {
            "features_discriminator": {"gan": F.softplus(-real1).mean() + F.softplus(logit1).mean()},
            "pictures_discriminator": {"gan": F.softplus(-real0).mean() + F.softplus(logit0).mean()},
            "features_generator": of_features,
            "pictures_generator": of_pictures,
        }
        return {key: terms for key, terms in all_terms.items() if phase in ("joined", key.partition("_")[0])}


def flat(updates):
    """What a step asks for, by optimizer and term."""
    asked = {}
    for update in updates:
        asked |= update if isinstance(update, dict) else dict([update])
    return {f"{name}/{key}": value.item() for name, terms in asked.items() for key, value in terms.items()}


@pytest.mark.parametrize("name", PHASES[1:])
def test_a_step_equals_a_second_computation_of_its_weights(name):
    net = model(conditional=3.0, entropy=2.0).double()
    batch = synthetic_batch(SPEC, 4)
    batch["image"] = batch["image"].double()
    phase, steps = updates(net, name, batch)
    found = flat(steps)
    z = i2i.Progress(phase, 0, 10).randn(4, 4).double()
    with torch.no_grad():
        expected = flat([Written(net).losses(batch["image"], batch["label"], z, name)])
    assert found == pytest.approx(expected, rel=1e-10)


def test_the_classifier_equals_a_second_computation():
    net, batch = model(), synthetic_batch(SPEC, 4)
    _, steps = updates(net, "classifier", batch)
    again = Written(net)
    logits = again.layer(F.linear, again.encode(batch["image"]), "encoder.second.1")
    expected = -logits.log_softmax(dim=1)[range(4), batch["label"]].mean()
    assert flat(steps) == pytest.approx({"encoder/classes": expected.item()}, rel=1e-6)


def test_the_encoder_stays_as_the_classifier_left_it():
    net, phases = model(weight_decay=0.1, lr=0.01), {}
    for number, phase in enumerate(net.phases()):
        optimizers = net.optimizers(phase)
        for step in range(2):
            progress = i2i.Progress(phase, step, 2, run_step=2 * number + step)
            run_step(net, optimizers, synthetic_batch(SPEC, 4, step), progress, Engine())
        phases[phase.name] = {key: value.clone() for key, value in net.encoder.state_dict().items()}
    learnt = phases.pop("classifier")
    assert any(not torch.equal(value, model().encoder.state_dict()[key]) for key, value in learnt.items())
    for name, state in phases.items():
        assert all(torch.equal(value, learnt[key]) for key, value in state.items()), name


def test_joined_the_lower_generator_draws_of_what_the_upper_one_drew():
    net, seen = model(), []
    net.generator.bottom.generator.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    net.generator.top.generator.register_forward_hook(lambda layer, inputs, output: seen.append(output))
    _, steps = updates(net, "joined")
    *_, terms = list(steps)
    drawn, given = seen
    assert torch.equal(given[:, 2:], drawn.flatten(1))
    own = {"gan", "entropy", "conditional"}
    assert set(terms["pictures_generator"]) == own
    assert set(terms["features_generator"]) == own | {f"pictures_{key}" for key in own}
    terms["features_generator"]["pictures_gan"].backward(
        inputs=list(net.generator.top.generator.parameters())
    )  # end to end
    assert all(p.grad is not None for p in net.generator.top.generator.parameters())


def test_a_stack_draws_of_what_each_level_draws_with():
    net = model(average="constant:decay=0.5").eval()
    for number, level in enumerate((net.generator.top, net.generator.bottom)):
        for value in level.average.buffers():
            value.mul_(0.5 + number) if value.is_floating_point() else None
    z, labels = torch.randn(2, 4), torch.tensor([0, 2])
    features = net.generator.top.average.net(z[:, :2], labels)
    expected = net.generator.bottom.average.net(torch.cat([z[:, 2:], features.flatten(1)], dim=1))
    assert torch.equal(net.drawer()(z, labels, None), expected)


def test_discriminators_learn_at_their_own_rate_and_the_generators_at_each_third_step():
    net = model(discriminator_lr=0.0, lr=0.01, n_critic=3)
    phase = net.phases()[-1]
    optimizers, before = net.optimizers(phase), {key: value.clone() for key, value in net.state_dict().items()}
    names = []
    for step in range(3):
        progress = i2i.Progress(phase, step, 10, run_step=step)
        logged = run_step(net, optimizers, synthetic_batch(SPEC, 4, step), progress, Engine())
        names.append({key.partition("/")[0] for key in logged})
    judges = {"features_discriminator", "pictures_discriminator"}
    assert names == [judges, judges, judges | {"features_generator", "pictures_generator"}]
    for key, parameter in net.named_parameters():
        still = ".discriminator." in key or key.startswith("encoder.")
        assert torch.equal(parameter, before[key]) is still, key


def test_features_are_no_pictures_and_are_not_augmented():
    net = model(augment="diffaugment", gradient_penalty="r1", norm="none")
    assert (len(net.generator.top.augmentations), len(net.generator.bottom.augmentations)) == (0, 1)
    _, steps = updates(net, "joined")
    assert {"features_discriminator/penalty", "pictures_discriminator/penalty"} <= flat(steps).keys()


@pytest.mark.parametrize(
    ("options", "spec", "said"),
    [
        ({"latent": "normal:5"}, SPEC, "use --latent normal:6"),
        ({"objective": "gan-cls"}, SPEC, "gan-cls is no objective of logits alone; use --objective ns"),
        ({"objective": "ebgan"}, SPEC, "ebgan is no objective of logits alone; use --objective ns"),
        ({"objective": "vaegan"}, SPEC, "vaegan is no objective of logits alone; use --objective ns"),
        ({"gradient_penalty": "gp"}, SPEC, "use --norm layer or --norm none, or leave the penalty out"),
        ({}, synthetic_spec("images", 16), "needs pictures with classes"),
    ],
)
def test_what_makes_no_sense_is_refused(options, spec, said):
    with pytest.raises(ValueError, match=said):
        StackedGAN(build(StackedGAN.Options, {"width": 2} | options), spec)
