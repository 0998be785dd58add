"""How two public codes name StyleGAN2's tensors: NVlabs' stylegan2-ada-pytorch, and rosinality's stylegan2-pytorch.

Both hold the same numbers, in shapes that differ by axes of 1. Filters are constants, in their files and not in ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from i2i_zoo.architectures.stylegan2 import Discriminator, Generator

Names = dict[str, tuple[str, tuple[int, ...]]]  # their tensor -> ours, and its shape there
FILTER = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float64)


def nvlabs(net: Generator | Discriminator) -> tuple[Names, dict[str, float]]:
    """NVlabs' names of a network's tensors; and of filters, with what each sums to."""
    pairs = _nvlabs_generator(net) if isinstance(net, Generator) else _nvlabs_discriminator(net)
    names = _named(net, pairs)
    if isinstance(net, Generator):
        filtered = [key for key in names if re.fullmatch(r"synthesis\.b\d+\.conv\d\.weight", key)]
        blocks = [f"synthesis.b{4 << k}" for k in range(len(net.to_rgb))]
    else:
        filtered = [key for key in names if re.fullmatch(r"b\d+\.(fromrgb|conv\d?|skip)\.weight", key)]
        blocks = [f"b{8 << k}" for k in range(len(net.blocks))]
    layers = [*blocks, *(key.removesuffix(".weight") for key in filtered)]
    return names, {f"{layer}.resample_filter": 1.0 for layer in layers}


def rosinality(net: Generator | Discriminator) -> tuple[Names, dict[str, float]]:
    """Rosinality's names of a network's tensors; and of filters, with what each sums to."""
    if isinstance(net, Generator):
        names = _named(net, _rosinality_generator(net))
        levels = range(len(net.to_rgb) - 1)
        filters = {f"convs.{2 * k}.conv.blur.kernel": 4.0 for k in levels}
        return names, filters | {f"to_rgbs.{k}.upsample.kernel": 4.0 for k in levels}
    numbers = range(1, len(net.blocks) + 1)
    kernels = {f"convs.{k}.{part}.0.kernel": 1.0 for k in numbers for part in ("conv2", "skip")}
    return _named(net, _rosinality_discriminator(net)), kernels


def kernel(total: float) -> Tensor:
    """The filter [1, 3, 3, 1] either way, (4, 4), that sums to `total`."""
    return FILTER.outer(FILTER) * (total / 64)


def _named(net: Generator | Discriminator, pairs: list[tuple[str, str]]) -> Names:
    """Their tensors that the network has, with the shapes they have there."""
    own = net.state_dict()
    return {theirs: (ours, _shape(theirs, tuple(own[ours].shape))) for theirs, ours in pairs if ours in own}


def _shape(theirs: str, ours: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a tensor in their files: axes of 1 are put in front, or taken away."""
    leaf = theirs.rpartition(".")[2]
    if theirs.endswith(".conv.weight") and theirs != "b4.conv.weight":  # rosinality's modulated weights
        return (1, *ours)
    if theirs.startswith("to_rgb") and leaf == "bias" and "modulation" not in theirs:
        return (1, *ours, 1, 1)
    if theirs.endswith("noise.weight"):
        return (1,)
    if leaf == "const":
        return ours[1:]
    return ours[2:] if leaf == "noise_const" else ours


def _leaves(theirs: str, ours: str) -> list[tuple[str, str]]:
    return [(f"{theirs}.{leaf}", f"{ours}.{leaf}") for leaf in ("weight", "bias")]


def _nvlabs_layer(theirs: str, ours: str) -> Iterator[tuple[str, str]]:
    yield f"{theirs}.weight", f"{ours}.conv.weight"
    yield f"{theirs}.noise_strength", f"{ours}.noise.strength"
    yield f"{theirs}.bias", f"{ours}.bias"
    yield f"{theirs}.noise_const", f"{ours}.noise.fixed"
    yield from _leaves(f"{theirs}.affine", f"{ours}.conv.affine")


def _nvlabs_mapping(layers: int) -> list[tuple[str, str]]:
    pairs = _leaves("mapping.embed", "mapping.embed")
    for number in range(layers):
        pairs += _leaves(f"mapping.fc{number}", f"mapping.layers.{number}")
    return pairs


def _nvlabs_generator(net: Generator) -> list[tuple[str, str]]:
    pairs = [("synthesis.b4.const", "const")]
    for level in range(len(net.to_rgb)):
        block = f"synthesis.b{4 << level}"
        if level:
            pairs += _nvlabs_layer(f"{block}.conv0", f"layers.{2 * level - 1}")
        pairs += _nvlabs_layer(f"{block}.conv1", f"layers.{2 * level}")
        pairs += [(f"{block}.torgb.weight", f"to_rgb.{level}.conv.weight")]
        pairs += [(f"{block}.torgb.bias", f"to_rgb.{level}.bias")]
        pairs += _leaves(f"{block}.torgb.affine", f"to_rgb.{level}.conv.affine")
    return [*pairs, *_nvlabs_mapping(len(net.mapping.layers)), ("mapping.w_avg", "mapping.w_avg")]


def _nvlabs_discriminator(net: Discriminator) -> list[tuple[str, str]]:
    pairs = _leaves(f"b{4 << len(net.blocks)}.fromrgb", "from_rgb")
    for number in range(len(net.blocks)):
        block, ours = f"b{4 << len(net.blocks) - number}", f"blocks.{number}"
        pairs += _leaves(f"{block}.conv0", f"{ours}.first") + _leaves(f"{block}.conv1", f"{ours}.second")
        pairs += _leaves(f"{block}.skip", f"{ours}.skip")
    pairs += _leaves("b4.conv", "conv") + _leaves("b4.fc", "dense") + _leaves("b4.out", "head")
    return [*pairs, *(_nvlabs_mapping(len(net.mapping.layers)) if net.mapping is not None else [])]


def _rosinality_layer(theirs: str, ours: str) -> Iterator[tuple[str, str]]:
    yield f"{theirs}.conv.weight", f"{ours}.conv.weight"
    yield from _leaves(f"{theirs}.conv.modulation", f"{ours}.conv.affine")
    if ours.startswith("layers"):
        yield f"{theirs}.noise.weight", f"{ours}.noise.strength"
        yield f"{theirs}.activate.bias", f"{ours}.bias"
    else:
        yield f"{theirs}.bias", f"{ours}.bias"


def _rosinality_generator(net: Generator) -> list[tuple[str, str]]:
    pairs = []
    for number in range(len(net.mapping.layers)):
        pairs += _leaves(f"style.{number + 1}", f"mapping.layers.{number}")
    pairs.append(("input.input", "const"))
    for number in range(len(net.layers)):
        pairs += _rosinality_layer(f"convs.{number - 1}" if number else "conv1", f"layers.{number}")
        pairs.append((f"noises.noise_{number}", f"layers.{number}.noise.fixed"))
    for number in range(len(net.to_rgb)):
        pairs += _rosinality_layer(f"to_rgbs.{number - 1}" if number else "to_rgb1", f"to_rgb.{number}")
    return pairs


def _rosinality_discriminator(net: Discriminator) -> list[tuple[str, str]]:
    pairs = [("convs.0.0.weight", "from_rgb.weight"), ("convs.0.1.bias", "from_rgb.bias")]
    for number in range(len(net.blocks)):
        block, ours = f"convs.{number + 1}", f"blocks.{number}"
        pairs += [(f"{block}.conv1.0.weight", f"{ours}.first.weight"), (f"{block}.conv1.1.bias", f"{ours}.first.bias")]
        pairs += [
            (f"{block}.conv2.1.weight", f"{ours}.second.weight"),
            (f"{block}.conv2.2.bias", f"{ours}.second.bias"),
        ]
        pairs += [(f"{block}.skip.1.weight", f"{ours}.skip.weight")]
    pairs += [("final_conv.0.weight", "conv.weight"), ("final_conv.1.bias", "conv.bias")]
    return [*pairs, *_leaves("final_linear.0", "dense"), *_leaves("final_linear.1", "head")]


def read(
    net: Generator | Discriminator, names: Names, filters: Mapping[str, float], file: str, state: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """A state dict of their layout under this plugin's names, checked to be all of a network and nothing else.

    Fixed noise and the mean style may be missing. Raises ValueError, naming what does not fit.
    """
    own, found = net.state_dict(), {}
    if unknown := [key for key in state if key not in names and key not in filters]:
        raise ValueError(f"{file} holds {unknown[0]}, which has no place in what the rest of it is")
    for key, total in filters.items():
        if key in state and not (
            state[key].shape == (4, 4) and torch.allclose(state[key].double(), kernel(total), atol=1e-5)
        ):
            raise ValueError(f"{file} filters with another {key} than [1, 3, 3, 1], which this model has alone")
    for theirs, (ours, shape) in names.items():
        if theirs not in state:
            if ours.endswith(("noise.fixed", "w_avg")):
                continue
            raise ValueError(f"{file} is not whole: it lacks {theirs}")
        if state[theirs].shape != shape:
            raise ValueError(
                f"{file} does not fit together: its {theirs} is {tuple(state[theirs].shape)}, and {shape} would fit "
                "the rest"
            )
        found[ours] = state[theirs].reshape(own[ours].shape)
    return found


def written(net: Generator | Discriminator, names: Names, filters: Mapping[str, float]) -> dict[str, Tensor]:
    """A network's state dict in their layout."""
    own = net.state_dict()
    state = {theirs: own[ours].reshape(shape) for theirs, (ours, shape) in names.items()}
    like = next(iter(own.values()))
    return state | {key: kernel(total).to(like) for key, total in filters.items()}
