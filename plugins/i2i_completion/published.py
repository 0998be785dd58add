"""Weights that others published: of the PyTorch reference (model_cn, model_cd) and of mmagic, read and written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

import i2i
from i2i_completion.networks import DILATIONS

if TYPE_CHECKING:
    from i2i_completion.model import Completion

State = dict[str, Tensor]
CELEBA = (0.5061, 0.4254, 0.3828)  # the mean pixel of the data that the reference's published model was trained on
UP = (12, 14)  # the layers that double, of 16 and a head


def read(files: Mapping[str, Mapping[str, Tensor]], domains: tuple[str, ...]) -> i2i.Imported:
    """Understand a completion network and, where they are there, a discriminator and the mean pixel.

    Raises ValueError where they do not fit.
    """
    if domains:
        raise ValueError("completion fills holes in pictures of one kind; leave --domains out")
    parts, mmagic = _sorted(files)
    if "completion network" not in parts:
        raise ValueError("these files hold no completion network; give model_cn of the reference, or mmagic's file")
    weights = renamed(parts["completion network"], completion_names(mmagic), "completion")
    stem, head = weights["completion.layers.0.conv.weight"], weights["completion.head.weight"]
    channels, width = head.shape[0], stem.shape[0]
    if stem.shape[1] != channels + 1:
        raise ValueError(
            f"this completion network takes {stem.shape[1]} channels and makes {channels}; one mask more fits"
        )
    found = [f"A completion network of width {width}, {'mmagic' if mmagic else 'the PyTorch reference'}'s layout."]
    options: dict[str, Any] = {"generator_width": width}
    if mmagic:
        side, usual = 256, {"norm": "before", "value_range": "signed", "local_size": 128}
    else:
        side, usual = 160, {"hole_sizes": (48, 96), "local_size": 96}
    options |= usual
    if "discriminator" in parts:
        judge, told, side = _judge(parts["discriminator"], mmagic)
        weights |= judge
        options |= told | {"hole_sizes": (told["local_size"] // 2, told["local_size"])}
        found.append(f"A discriminator of {side} pixels and a window of {told['local_size']}.")
    value, said = _mean(parts.get("mean pixel"), channels, mmagic)
    weights |= {"mean.value": value.to(stem.dtype), "mean.pictures": torch.tensor(1)}
    spec = i2i.DataSpec(channels={"image": channels}, image_size=(side, side))
    return i2i.Imported(options, spec, weights, (), (*found, *said))


def _sorted(files: Mapping[str, Mapping[str, Tensor]]) -> tuple[dict[str, State], bool]:
    """What the files hold, by kind, and whether they are mmagic's. Raises ValueError."""
    parts: dict[str, State] = {}
    mmagic = False
    for name, state in files.items():
        for part, weights in _parts(name, state).items():
            mmagic = mmagic or part.startswith("mmagic ")
            part = part.removeprefix("mmagic ")
            if part in parts:
                raise ValueError(f"two of these files hold a {part}; give those of one training")
            parts[part] = weights
    return parts, mmagic


def _mean(held: State | None, channels: int, mmagic: bool) -> tuple[Tensor, list[str]]:
    """The mean pixel (C,) in [-1, 1], and what is to be said of it. Raises ValueError where it does not fit."""
    if held is not None:
        value = held["mpv"].flatten()
        if len(value) != channels:
            raise ValueError(
                f"the mean pixel has {len(value)} channels, the network {channels}; give those of one training"
            )
        return value * 2 - 1, []
    if mmagic:
        return torch.zeros(channels), []  # which it fills holes with
    known = channels == len(CELEBA)
    taken = "that of CelebA is taken, which the published model was trained on" if known else "gray is taken"
    said = f'No file holds the mean pixel: {taken}. A file of {{"mpv": tensor}} beside it gives another.'
    return (torch.tensor(CELEBA) * 2 - 1 if known else torch.zeros(channels)), [said]


def write(model: Completion) -> dict[str, State]:
    """Return the networks in the layout of the reference, or of mmagic where the options are those of mmagic.

    Raises ValueError for options that neither has.
    """
    o = model.options
    mmagic = o.norm == "before"
    if mmagic != (o.value_range == "signed"):
        raise ValueError(
            f"no published layout has --norm {o.norm} with --value-range {o.value_range}; there are after with unit "
            "(the PyTorch reference) and before with signed (mmagic)"
        )
    nets = {"completion": completion_names(mmagic)}
    height, width = model.spec.image_size
    sides = ((o.local_size, o.local_layers), (height, o.global_layers))
    theirs = o.local_layers == 5 and o.global_layers in (5, 6) and all(side % 2**n == 0 for side, n in sides)
    if model.holds("discriminator") and theirs and height == width:  # of another shape their code could not read it
        nets["discriminator"] = discriminator_names(mmagic, o.local_layers, o.global_layers)
    states = {}
    for net, names in nets.items():
        own = getattr(model, net).state_dict()
        states[net] = {f"{names[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}": own[key] for key in own}
    if not mmagic:
        files = {"model_cn": states["completion"], "mpv": {"mpv": (model.mean.value + 1) / 2}}
        return files | ({"model_cd": states["discriminator"]} if "discriminator" in states else {})
    if "discriminator" in states:
        states["discriminator"]["fc.weight"] = _turned(states["discriminator"]["fc.weight"])
    prefixes = {"completion": "generator.", "discriminator": "disc."}
    return {"glcic.pth": {prefixes[net] + key: value for net, state in states.items() for key, value in state.items()}}


def completion_names(mmagic: bool) -> dict[str, str]:
    """Their names of the completion network's layers, by ours."""
    if not mmagic:
        names = {f"layers.{n}.conv": f"{'de' if n in UP else ''}conv{n + 1}" for n in range(16)}
        names |= {f"layers.{n}.norm": f"bn{n + 1}" for n in range(16)}
        return names | {"head": "conv17"}
    theirs = [f"encoder.enc{n}" for n in range(1, 7)]
    theirs += [f"dilation_neck.dilation_convs.{n}" for n in range(len(DILATIONS))]
    theirs += [f"decoder.dec{n}" for n in range(1, 7)]
    names = {f"layers.{n}.{ours}": f"{place}.{its}" for n, place in enumerate(theirs) for ours, its in _LAYER.items()}
    return names | {"head": "decoder.dec7.conv"}


def discriminator_names(mmagic: bool, local_layers: int, global_layers: int) -> dict[str, str]:
    """Their names of the discriminator's layers, by ours."""
    names = {"head": "fc" if mmagic else "linear1"}
    for ours, layers, short in (("local", local_layers, "ld"), ("whole", global_layers, "gd")):
        theirs = f"{'local' if ours == 'local' else 'global'}_disc" if mmagic else f"model_{short}"
        for n in range(layers):
            conv = f"{theirs}.conv{n + 1}"
            names[f"{ours}.layers.{n}.conv"] = f"{conv}.conv" if mmagic else conv
            names[f"{ours}.layers.{n}.norm"] = f"{conv}.bn" if mmagic else f"{theirs}.bn{n + 1}"
        names[f"{ours}.linear"] = f"{theirs}.fc.linear" if mmagic else f"{theirs}.linear{layers + 1}"
    return names


def renamed(state: Mapping[str, Tensor], names: Mapping[str, str], net: str) -> State:
    """Name a network's weights as ours, below `net`. Counters that old files lack are 0. Raises ValueError."""
    ours = {theirs: f"{net}.{own}" for own, theirs in names.items()}
    weights = {}
    for key, tensor in state.items():
        layer, _, leaf = key.rpartition(".")
        if layer not in ours:
            raise ValueError(f'"{key}" is no weight of this kind of {net} network')
        weights[f"{ours[layer]}.{leaf}"] = tensor
    for key in list(weights):
        if key.endswith("running_mean"):
            weights.setdefault(key.replace("running_mean", "num_batches_tracked"), torch.tensor(0))
    if missing := [theirs for theirs, own in ours.items() if f"{own}.weight" not in weights]:
        raise ValueError(f'the {net} network is not whole: "{missing[0]}.weight" is missing')
    return weights


def _parts(name: str, state: Mapping[str, Tensor]) -> dict[str, State]:
    """What a file holds, by kind."""
    if "mpv" in state:
        return {"mean pixel": dict(state)}
    if "conv17.weight" in state:
        return {"completion network": dict(state)}
    if "linear1.weight" in state:
        return {"discriminator": dict(state)}
    bare = {f"generator.{key}" if key.startswith(_MMAGIC) else key: tensor for key, tensor in state.items()}
    kinds = {"mmagic completion network": "generator.", "mmagic discriminator": "disc."}
    found = {
        kind: {key.removeprefix(prefix): tensor for key, tensor in bare.items() if key.startswith(prefix)}
        for kind, prefix in kinds.items()
    }
    if "decoder.dec7.conv.weight" not in found["mmagic completion network"]:
        raise ValueError(
            f"{name} is no network of GLCIC; give model_cn (and model_cd) of the PyTorch reference, or mmagic's file"
        )
    return {kind: weights for kind, weights in found.items() if weights}


def _judge(state: State, mmagic: bool) -> tuple[State, dict[str, Any], int]:
    """A discriminator's weights by our names, the options that they tell of, and the side of its pictures."""
    layers = {}
    for ours, theirs in (
        ("local", "local_disc" if mmagic else "model_ld"),
        ("whole", "global_disc" if mmagic else "model_gd"),
    ):
        leaf = ".conv.weight" if mmagic else ".weight"
        layers[ours] = sum(key.startswith(f"{theirs}.conv") and key.endswith(leaf) for key in state)
    weights = renamed(state, discriminator_names(mmagic, layers["local"], layers["whole"]), "discriminator")
    if mmagic:
        weights["discriminator.head.weight"] = _turned(weights["discriminator.head.weight"])
    sides = {}
    for tower, count in layers.items():
        last = weights[f"discriminator.{tower}.layers.{count - 1}.conv.weight"].shape[0]
        pixels = weights[f"discriminator.{tower}.linear.weight"].shape[1] // last
        sides[tower] = round(pixels**0.5) * 2**count
    options = {
        "discriminator_width": weights["discriminator.local.layers.0.conv.weight"].shape[0],
        "local_size": sides["local"],
        "local_layers": layers["local"],
        "global_layers": layers["whole"],
    }
    return weights, options, sides["whole"]


def _turned(head: Tensor) -> Tensor:
    """The last layer for (local, global) where theirs is for (global, local), and the other way round."""
    return torch.cat(head.chunk(2, dim=1)[::-1], dim=1)


_LAYER = {"conv": "conv", "norm": "bn"}
_MMAGIC = ("encoder.", "dilation_neck.", "decoder.")
