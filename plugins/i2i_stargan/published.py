"""The authors' checkpoints, `200000-G.ckpt` and `200000-D.ckpt`: what they hold is read from their keys and shapes.

Their instance norms carry running statistics that nothing ever uses: those are left out here, and written as a new
layer has them when weights go back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

import i2i
from i2i_stargan import naming
from i2i_stargan.networks import DOWNS, Discriminator, Generator

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
DEEPEST = 12  # halvings of a discriminator that are believed
STEP = 200_000  # in the names of files, where it is not known: what the authors' code looks for


def layers_of(net: nn.Module) -> dict[str, str]:
    """List {the authors' layer: this network's} of a generator or a discriminator, in the authors' order."""
    if isinstance(net, Discriminator):
        names = {f"main.{2 * level}": f"layers.{level}.conv" for level in range(len(net.layers))}
        return names | {"conv1": "patches", "conv2": "classes"}
    assert isinstance(net, Generator)
    blocks = len(net.blocks)
    stages = ["stem", *(f"down.{level}" for level in range(DOWNS))]
    names = _stages(stages, 0)
    for block in range(blocks):
        for place, stage in ((0, "first"), (3, "second")):
            prefix = f"main.{3 * len(stages) + block}.main"
            names[f"{prefix}.{place}"] = f"blocks.{block}.{stage}.conv"
            names[f"{prefix}.{place + 1}"] = f"blocks.{block}.{stage}.norm"
    after = 3 * len(stages) + blocks
    names |= _stages([f"up.{level}" for level in range(DOWNS)], after)
    return names | {f"main.{after + 3 * DOWNS}": "head.conv"}


def _stages(stages: Sequence[str], first: int) -> dict[str, str]:
    names = {}
    for number, stage in enumerate(stages):
        names[f"main.{first + 3 * number}"] = f"{stage}.conv"
        names[f"main.{first + 3 * number + 1}"] = f"{stage}.norm"
    return names


def write(nets: Mapping[str, nn.Module], step: int) -> dict[str, dict[str, Tensor]]:
    """Return networks by letter, G and D, in the authors' layout: {name of the file: state dict}."""
    return {f"{step or STEP}-{letter}.ckpt": _exported(net) for letter, net in nets.items()}


def _exported(net: nn.Module) -> dict[str, Tensor]:
    state, exported = net.state_dict(), {}
    for theirs, ours in layers_of(net).items():
        for leaf in ("weight", "bias"):
            if f"{ours}.{leaf}" in state:
                exported[f"{theirs}.{leaf}"] = state[f"{ours}.{leaf}"]
        if ours.endswith(".norm"):
            weight = state[f"{ours}.weight"]
            fresh = torch.zeros_like(weight), torch.ones_like(weight), torch.zeros((), dtype=torch.int64)
            exported |= {f"{theirs}.{leaf}": value for leaf, value in zip(STATISTICS, fresh, strict=True)}
    return exported


def read(files: Mapping[str, Mapping[str, Tensor]], domains: Sequence[str]) -> i2i.Imported:
    """Understand the authors' generator, discriminator, or both; see `naming.understand` for `domains`.

    Raises ValueError.
    """
    named = _by_letter(files)
    generator = _generator_of(*named["G"]) if "G" in named else None
    discriminator = _discriminator_of(*named["D"]) if "D" in named else None
    weights, found = {}, []
    for letter, prefix, net in (("G", "generator", generator), ("D", "discriminator", discriminator)):
        if net is not None:
            weights |= {f"{prefix}.{key}": value for key, value in _renamed(net, *named[letter]).items()}
            found.append(_words(net, named[letter][0]))
    spec, notes = _spec_of(generator, discriminator, domains)
    widths = [net.width for net in (generator, discriminator) if net is not None]
    options = {
        "generator_width": widths[0],
        "discriminator_width": widths[-1],
        "blocks": len(generator.blocks) if generator else 6,
        "discriminator_layers": len(discriminator.layers) if discriminator else 6,
    }
    return i2i.Imported(options, spec, weights, spec.domains if generator else (), (*found, *notes))


def _spec_of(
    generator: Generator | None, discriminator: Discriminator | None, domains: Sequence[str]
) -> tuple[i2i.DataSpec, list[str]]:
    """What the data was, by what the networks take and give."""
    channels = {net.channels for net in (generator, discriminator) if net is not None}
    if len(channels) > 1:
        raise ValueError("the generator and the discriminator are of pictures with different numbers of channels")
    return naming.understand(
        generator.labels if generator else None,
        discriminator.labels if discriminator else None,
        channels.pop(),
        discriminator.image_size if discriminator else None,
        domains,
    )


def _by_letter(files: Mapping[str, Mapping[str, Tensor]]) -> dict[str, tuple[str, Mapping[str, Tensor]]]:
    """Tell generator and discriminator apart by their keys: {letter: (name of the file, state dict)}."""
    named: dict[str, tuple[str, Mapping[str, Tensor]]] = {}
    for name, state in files.items():
        if "main.0.weight" in state and "main.1.weight" in state:
            letter = "G"
        elif "main.0.weight" in state and "conv1.weight" in state and "conv2.weight" in state:
            letter = "D"
        else:
            some = ", ".join(list(state)[:3])
            raise ValueError(f"{name} holds neither a StarGAN's generator nor its discriminator; it has {some}, ...")
        if letter in named:
            kind = "generators" if letter == "G" else "discriminators"
            raise ValueError(f"{named[letter][0]} and {name} are both {kind}; give one of each")
        named[letter] = name, state
    return named


def _generator_of(name: str, state: Mapping[str, Tensor]) -> Generator:
    """Build, without memory, the generator that a state dict is of."""
    blocks = len({key.split(".")[1] for key in state if re.fullmatch(r"main\.\d+\.main\.0\.weight", key)})
    last = state.get(f"main.{6 * DOWNS + 3 + blocks}.weight")
    width, planes, *_ = _shape(state["main.0.weight"], name, "main.0.weight")
    channels = _shape(last, name, f"main.{6 * DOWNS + 3 + blocks}.weight")[0]
    if planes <= channels:
        raise ValueError(f"{name} takes {planes} channels and gives {channels}: there is no room for labels in it")
    with torch.device("meta"):
        return Generator(channels, planes - channels, width, blocks)


def _discriminator_of(name: str, state: Mapping[str, Tensor]) -> Discriminator:
    """Build, without memory, the discriminator that a state dict is of."""
    layers = len([key for key in state if re.fullmatch(r"main\.\d+\.weight", key)])
    width, channels, *_ = _shape(state["main.0.weight"], name, "main.0.weight")
    count, _, height, wide = _shape(state["conv2.weight"], name, "conv2.weight")
    if not 1 <= layers <= DEEPEST:
        raise ValueError(f"{name} has {layers} halvings; a StarGAN's discriminator has 1 to {DEEPEST}")
    with torch.device("meta"):
        return Discriminator(channels, count, (height * 2**layers, wide * 2**layers), width, layers)


def _shape(tensor: Tensor | None, name: str, key: str) -> tuple[int, ...]:
    if tensor is None or tensor.dim() != 4:
        raise ValueError(f"{name} is no StarGAN's: it has no convolution {key}")
    return tuple(tensor.shape)


def _renamed(net: nn.Module, name: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict under this network's names, checked to be all of it and nothing else."""
    own, layers, renamed = net.state_dict(), layers_of(net), {}
    for key, value in state.items():
        layer, _, leaf = key.rpartition(".")
        ours = f"{layers.get(layer)}.{leaf}"
        if leaf in STATISTICS and f"{layers.get(layer)}.weight" in own and layers[layer].endswith(".norm"):
            continue
        if ours not in own:
            raise ValueError(f"{name} holds {key}, which has no place in a StarGAN")
        if value.shape != own[ours].shape:
            shapes = f"{tuple(value.shape)}, and {tuple(own[ours].shape)} would fit the rest"
            raise ValueError(f"{name} is no whole StarGAN: its {key} is {shapes}")
        renamed[ours] = value
    if missing := [key for key in own if key not in renamed]:
        theirs = {ours: layer for layer, ours in layers.items()}
        layer, _, leaf = missing[0].rpartition(".")
        raise ValueError(f"{name} is no whole StarGAN: it lacks {theirs[layer]}.{leaf}")
    return renamed


def _words(net: Generator | Discriminator, name: str) -> str:
    """Say what a file holds."""
    if isinstance(net, Generator):
        size = f"width {net.width}, {len(net.blocks)} residual block{'s' * (len(net.blocks) != 1)}"
        pictures = f"pictures of {net.channels} channel{'s' * (net.channels > 1)}"
        return f"{name}: StarGAN's generator, {size}, {pictures}, a label of {net.labels} numbers"
    size = f"width {net.width}, {len(net.layers)} halvings"
    height, width = net.image_size
    return f"{name}: StarGAN's discriminator, {size}, trained at {height}x{width} pixels, {net.labels} labels"
