"""Where residual networks attend: at maps of a side that is given, or of one that suits the pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from i2i_zoo import spelling
from i2i_zoo.architectures.resnet import ResNet
from i2i_zoo.layers.attention import SelfAttention
from i2i_zoo.parts import Shape
from i2i_zoo.presets.spectral import SAGAN

from i2i.options import build


def attended(net, *given):
    """The sides of the maps that a network attends to, as they pass."""
    sides = []
    for layer in net.modules():
        if isinstance(layer, SelfAttention):
            layer.register_forward_hook(lambda layer, inputs, output: sides.append(tuple(inputs[0].shape[2:])))
    net(*given)
    return sides


@pytest.mark.parametrize(("side", "at"), [(32, 16), (48, 24), (64, 32), (128, 32)])
def test_sagan_attends_where_its_papers_code_does(side, at):
    """At 32 pixels as mimicry and StudioGAN do, at 128 as the authors."""
    options = build(SAGAN.Options, {})
    architecture = replace(spelling.make("architecture", options.architecture, "--architecture"), width=8)
    shape = Shape(3, (side, side), 128, 10, options.conditioning)
    architecture.check(shape)
    labels = torch.zeros(1, dtype=torch.int64)
    assert attended(architecture.generator(shape).eval(), torch.zeros(1, 128), labels) == [(at, at)]
    assert attended(architecture.discriminator(shape), torch.zeros(1, 3, side, side), labels) == [(at, at)]


def test_a_side_may_be_given():
    assert spelling.make("architecture", "resnet:attention=8", "") == ResNet(attention=8)
    assert spelling.make("architecture", "resnet:attention=auto", "") == ResNet(attention="auto")
    with pytest.raises(ValueError, match=r"attention is half; give a whole number or auto$"):
        spelling.make("architecture", "resnet:attention=half", "--architecture")
    assert "attention=0|auto" in spelling.Known("architecture")["resnet"]
