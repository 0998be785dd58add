"""Methods with steps of their own do what the shared step does, and refuse what their steps cannot use."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from i2i_zoo.model import TwoPlayer
from i2i_zoo.presets import few_labels, methods

import i2i
from i2i.device import Engine
from i2i.loop import run_step
from i2i.options import build
from i2i.testing import synthetic_batch, synthetic_spec

TINY = {
    "bigan": (methods.BIGAN, "images", {"architecture": "bigan:width=4", "latent": "normal:4"}),
    "infogan": (methods.INFOGAN, "images", {"architecture": "infogan:width=2"}),
    "vaegan": (methods.VAEGAN, "images", {"architecture": "vaegan:width=2", "latent": "normal:4"}),
    "cogan": (methods.COGAN, "unpaired", {"architecture": "cogan-conv:width=2", "latent": "normal:4"}),
    "triplegan": (methods.TRIPLEGAN, "labelled", {"architecture": "triplegan:width=2", "latent": "normal:4"}),
    "lapgan": (methods.LAPGAN, "labelled", {"architecture": "lapgan:width=2", "coarsest": "mlp:width=2"}),
    "stacked-gan": (methods.STACKEDGAN, "labelled", {"width": 2, "features": 4, "latent": "normal:4"}),
    "s2gan": (
        few_labels.S2GAN,
        "labelled",
        {"architecture": "biggan:width=2", "labeller_width": 2, "average": "none", "n_critic": 1},
    ),
}


def model(name, **options):
    torch.manual_seed(0)
    cls, kind, given = TINY[name]
    return cls(build(cls.Options, given | options), synthetic_spec(kind, 32))


def plain(kind="images", **options):
    given = {"architecture": "dcgan:width=2", "latent": "normal:4"}
    return TwoPlayer(build(TwoPlayer.Options, given | options), synthetic_spec(kind, 32))


def logged(net, phase):
    """What a step of a phase logs."""
    spec = dataclasses.replace(net.spec, image_size=phase.image_size or net.spec.image_size)
    batch = synthetic_batch(spec, 4)
    return run_step(net, net.optimizers(phase), batch, i2i.Progress(phase, 0, 10), Engine())


@pytest.mark.parametrize("name", sorted(TINY))
def test_what_elements_say_of_their_state_is_logged(name):
    net = model(name, augment="ada:p=0.25,kimg=0")
    for phase in net.phases():
        if phase.name not in ("labeller", "classifier", "features"):  # which judge no pictures
            assert logged(net, phase)["p"].item() == 0.25


def test_what_regularisers_ask_stands_beside_a_methods_own_terms():
    net = model("vaegan", regularisers="feature-matching", margin=0.0)
    terms = logged(net, net.phases()[0])
    assert {"generator/features", "generator/feature_matching", "generator/gan"} <= terms.keys()


ALONE = "has networks for the steps of {} alone; use {} {}$"


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("vaegan", {"architecture": "bigan:width=4"}, ALONE.format("bigan", "--architecture", "vaegan")),
        ("vaegan", {"architecture": "mlp:width=2"}, "mlp:width=2 has no encoder; use --architecture vaegan"),
        ("vaegan", {"objective": "rs"}, "rs pairs each real picture with a generated one, .* use --objective vaegan"),
        ("infogan", {"architecture": "lapgan:width=2"}, ALONE.format("lapgan", "--architecture", "infogan")),
        ("bigan", {"architecture": "cogan-conv:width=2"}, ALONE.format("cogan", "--architecture", "bigan")),
        ("lapgan", {"coarsest": "lapgan:width=2"}, ALONE.format("lapgan", "--coarsest", "mlp-maxout:width=8000")),
        ("lapgan", {"coarsest": "progan:width=4"}, "--coarsest progan:width=4 grows, .* use --coarsest mlp-maxout"),
        ("cogan", {"regularisers": "virtual-norm:count=2"}, "leave virtual-norm out"),
        ("vaegan", {"objective": "hinge"}, "hinge is no cross-entropy, .*; use --objective vaegan, or --margin 0 to"),
        ("infogan", {"objective": "vaegan"}, "vaegan needs reconstructions beside samples, .*; use --objective ns$"),
        ("lapgan", {"objective": "vaegan"}, "vaegan needs reconstructions beside samples, .*; use --objective ns$"),
        (
            "lapgan",
            {"coarsest": "dcgan:width=2", "levels": 1, "gradient_penalty": "r1"},
            "batch norm, .*; use --coarsest with norm=layer or norm=none, or leave the penalty out$",
        ),
        ("infogan", {"objective": "triple"}, "triple is for three players, and here are two; use --objective ns"),
        ("stacked-gan", {"objective": "gan-cls"}, "gan-cls is no objective of logits alone; use --objective ns"),
        ("stacked-gan", {"objective": "began"}, "began is no objective of logits alone; use --objective ns"),
    ],
)
def test_what_its_step_cannot_use_is_refused(name, options, said):
    with pytest.raises(ValueError, match=said):
        model(name, **options)


@pytest.mark.parametrize(
    ("architecture", "method"), [("bigan", "bigan"), ("cogan-conv", "cogan"), ("lapgan", "lapgan")]
)
def test_two_players_refuse_networks_of_another_step(architecture, method):
    with pytest.raises(ValueError, match=ALONE.format(method, "--architecture", "dcgan")):
        plain(architecture=architecture)


@pytest.mark.parametrize(
    "objective", ["hinge", "wgan", "fgan-kl", "fgan-js:heuristic=true", "ns:smooth=0.9", "rs", "ra-hinge"]
)
def test_a_stack_takes_objectives_of_logits_alone(objective):
    net = model("stacked-gan", objective=objective)
    terms = logged(net, net.phases()[-1])
    players = [f"{level}_{player}" for level in ("features", "pictures") for player in ("discriminator", "generator")]
    assert all(f"{player}/gan" in terms for player in players)


@pytest.mark.parametrize("objective", ["ns", "minimax", "vaegan", "vaegan:saturating=true"])
def test_an_equilibrium_is_of_cross_entropies(objective):
    assert logged(model("vaegan", objective=objective), model("vaegan").phases()[0])
