"""What a recipe adds is taught by something, or refused: classes, rotations, layers beside an objective, kinds."""

from __future__ import annotations

import pytest
import torch
from i2i_zoo import cards
from i2i_zoo.model import TwoPlayer

from i2i.options import build
from i2i.plugins import load_class
from i2i.testing import synthetic_spec

TINY = {"architecture": "dcgan:width=2", "latent": "normal:4"}
LABELLED = synthetic_spec("labelled", 16)
SQUARES = synthetic_spec("images", 32)


def make(spec=None, **options):
    torch.manual_seed(0)
    return TwoPlayer(build(TwoPlayer.Options, TINY | options), spec or synthetic_spec("images", 16))


@pytest.mark.parametrize(
    ("spec", "options", "reason"),
    [
        (
            LABELLED,
            {"architecture": "dcgan-ssl:width=2", "conditioning": "none+ac"},
            r"none\+ac lets the discriminator name classes, and nothing teaches it which; use --objective kplus1$",
        ),
        (
            LABELLED,
            {"conditioning": "none+ac"},
            "nothing teaches it which; use --objective kplus1, or --conditioning none$",
        ),
        (
            SQUARES,
            {"architecture": "resnet:width=2,turns=true"},
            "^--architecture resnet:width=2,turns=true lets the discriminator tell rotations, and nothing teaches it "
            "which; use --regularisers rotation, or no turns=true$",
        ),
        (None, {"objective": "vaegan"}, "^--objective vaegan needs reconstructions beside .*; use --objective ns$"),
        (
            None,
            {"objective": "vaegan3", "architecture": "vaegan:width=2,outputs=3"},
            "^--objective vaegan3 needs reconstructions beside .*; use --objective ns$",
        ),
    ],
)
def test_what_would_be_taught_nothing_is_refused(spec, options, reason):
    with pytest.raises(ValueError, match=reason):
        make(spec, **options)


def test_what_is_added_to_a_logit_that_is_not_looked_at_is_refused():
    cls = load_class(next(card for card in cards.models() if card.name == "vaegan"))
    given = {"architecture": "vaegan:width=4,outputs=3", "objective": "vaegan3", "latent": "normal:4"}
    options = build(cls.Options, given | {"regularisers": "minibatch-discrimination"})
    said = "adds to the logit, and --objective vaegan3 judges by classes alone; leave minibatch-discrimination out$"
    with pytest.raises(ValueError, match=said):
        cls(options, SQUARES)


def test_what_is_taught_is_not_refused():
    make(SQUARES, architecture="resnet:width=2,turns=true", regularisers="rotation")
    make(LABELLED, conditioning="concat+ac", regularisers="ac+minibatch-discrimination:kernels=2")
    make(LABELLED, architecture="dcgan-ssl:width=2", conditioning="none+ac", objective="kplus1")
    few = {"conditioning": "none+ac", "objective": "kplus1", "regularisers": "minibatch-discrimination:kernels=2"}
    for architecture in ("dcgan:width=2", "dcgan-ssl:width=2"):
        assert make(LABELLED, architecture=architecture, **few).discriminator.by_classes
