"""What network a state dict of the reference codes is of, told from its keys and shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from i2i.networks.multiscale import MultiScaleDiscriminator
from i2i.networks.patch import PatchDiscriminator, PixelDiscriminator
from i2i.networks.reference import from_reference, tidy, to_reference
from i2i.networks.resnet import ResNetGenerator
from i2i.networks.unet import UNet

State = Mapping[str, Tensor]
CLASSES: dict[str, Callable[..., nn.Module]] = {
    "resnet": ResNetGenerator,
    "unet": UNet,
    "patch": PatchDiscriminator,
    "pixel": PixelDiscriminator,
    "multiscale": MultiScaleDiscriminator,
}
UNSEEN = {"num_batches_tracked"}  # PyTorch before 0.4.1 did not count them


@dataclass(frozen=True)
class Recognised:
    """A network that a state dict fits: its kind, what its class is built with, and both in words.

    What leaves no trace in weights is not among the arguments: the dropout of a U-Net, `reflect` or `replicate`.
    """

    kind: str  # resnet, unet, patch, pixel, multiscale
    arguments: dict[str, Any]
    words: str

    def build(self) -> nn.Module:
        """Make the network, with new weights."""
        return CLASSES[self.kind](**self.arguments)

    def renamed(self, state: State, prefix: str = "") -> dict[str, Tensor]:
        """Rename the tensors of the state dict it was told from to the network's own keys, with a prefix."""
        with torch.device("meta"):
            net = self.build()
        return {prefix + key: tensor for key, tensor in from_reference(net, state).items()}


def recognise(state: State) -> Recognised:
    """Tell a network of pytorch-CycleGAN-and-pix2pix, CUT or pix2pixHD from its state dict.

    Every tensor is held against the network: `from_reference` will take them all. Raises ValueError where it is none
    of them, or where a key or a shape does not fit, naming it.
    """
    state = tidy(state)
    found = _look(state)
    _check(found, state)
    return found


def _look(state: State) -> Recognised:
    if "model.model.0.weight" in state:
        return _unet(state)
    if "net.0.weight" in state:
        return _pixel(state)
    if any(re.match(r"(scale\d+_layer\d+|layer\d+)\.", key) for key in state):
        return _multiscale(state)
    if "model.0.weight" in state:
        return _patch(state)
    if "model.1.weight" in state:
        return _resnet(state)
    some = ", ".join(f'"{key}"' for key in list(state)[:2]) or "nothing"
    raise ValueError(f"it holds {some}, which no known generator or discriminator does")


def check_claims(name: str, state: State, of: str) -> None:
    """Refuse a file of that `name` whose keys or shapes no network has, before as many layers are made.

    `of` says of what networks it was expected to be. Raises ValueError.
    """
    for key, tensor in state.items():
        if re.search(r"\d{4}", key):  # nobody counts that far
            raise ValueError(f'{name} holds "{key[:60]}", which no network of {of} does')
        if not tensor.numel():
            raise ValueError(f'{name} is damaged: "{key}" has the shape {tuple(tensor.shape)}, without a number')


def _resnet(state: State) -> Recognised:
    convolutions = _convolutions(state, "model.")
    blocks = sorted({int(match[1]) for key in state if (match := re.match(r"model\.(\d+)\.conv_block\.", key))})
    width, in_channels = _shape(state, "model.1.weight")[:2]
    arguments: dict[str, Any] = {
        "in_channels": in_channels,
        "out_channels": _shape(state, f"model.{convolutions[-1]}.weight")[0],
        "width": width,
        "blocks": len(blocks),
        "norm": _norm(state, "model.", 1),
    }
    if blocks:
        inner = _convolutions(state, f"model.{blocks[0]}.conv_block.")
        zeros = inner[0] == 0  # zero padding is part of the convolution
        dropped = inner[-1] - inner[0] > (3 if zeros else 4)
        arguments |= {"dropout": 0.5 * dropped, "padding": "zeros" if zeros else "reflect"}
    sizes = {tensor.shape[-1] for key, tensor in state.items() if key.endswith(".filt") and tensor.dim() == 4}
    arguments |= {"upsample": "blur" if 4 in sizes else "transposed", "antialias": 3 in sizes}
    arguments["downs"] = (len(convolutions) - 2) // 2
    notes = [_count(len(blocks), "block"), _count(arguments["downs"], "halving"), _in_words(arguments["norm"])]
    notes += ["dropout"] * bool(arguments.get("dropout")) + ["zero padding"] * (arguments.get("padding") == "zeros")
    notes += ["anti-aliased"] * (3 in sizes or 4 in sizes)
    return Recognised("resnet", arguments, _words("a ResNet generator", arguments, *notes))


def _unet(state: State) -> Recognised:
    depth, prefix = 0, "model.model"
    while f"{prefix}.{min(depth, 1)}.weight" in state:
        prefix += ".1.model" if depth == 0 else ".3.model"
        depth += 1
    width, in_channels = _shape(state, "model.model.0.weight")[:2]
    batch = any(key.endswith(".running_mean") for key in state)
    norm = "batch" if batch else "instance" if "model.model.0.bias" in state else "none"
    arguments = {
        "in_channels": in_channels,
        "out_channels": _shape(state, "model.model.3.weight")[1],
        "width": width,
        "depth": depth,
        "norm": norm,
    }
    return Recognised("unet", arguments, _words("a U-Net", arguments, _count(depth, "halving"), _in_words(norm)))


def _patch(state: State) -> Recognised:
    convolutions = _convolutions(state, "model.")
    width, in_channels = _shape(state, "model.0.weight")[:2]
    layers = len(convolutions) - 2
    arguments: dict[str, Any] = {
        "in_channels": in_channels,
        "width": width,
        "layers": layers,
        "norm": _norm(state, "model.", convolutions[1]),
        "antialias": any(key.endswith(".filt") for key in state),
    }
    notes = [_count(layers, "halving"), _in_words(arguments["norm"]), *["anti-aliased"] * arguments["antialias"]]
    return Recognised("patch", arguments, _words("a patch discriminator", arguments, *notes))


def _pixel(state: State) -> Recognised:
    width, in_channels = _shape(state, "net.0.weight")[:2]
    arguments: dict[str, Any] = {"in_channels": in_channels, "width": width, "norm": _norm(state, "net.", 2)}
    words = _words("a pixel discriminator", arguments, _in_words(arguments["norm"]))
    return Recognised("pixel", arguments, words)


def _multiscale(state: State) -> Recognised:
    features = any(key.startswith("scale") for key in state)
    pattern = r"scale(\d+)_layer(\d+)\." if features else r"layer(\d+)\.(\d+)\."
    places = [(int(match[1]), int(match[2])) for key in state if (match := re.match(pattern, key))]
    scales, first = max(place[0] for place in places) + 1, "scale0_layer0.0.weight" if features else "layer0.0.weight"
    if scales > len(places):  # before as many networks are built
        raise ValueError(f"it numbers a scale {scales - 1}, and holds fewer")
    width, in_channels = _shape(state, first)[:2]
    if features:
        layers = len({layer for scale, layer in places if scale == 0}) - 2
        norm = "batch" if "scale0_layer1.1.weight" in state else "instance"  # every convolution has a bias here
    else:
        layers = len(_convolutions(state, "layer0.")) - 2
        norm = "batch" if "layer0.3.weight" in state else "instance"
    arguments = {
        "in_channels": in_channels,
        "width": width,
        "scales": scales,
        "layers": layers,
        "norm": norm,
        "features": features,
    }
    notes = [_count(scales, "scale"), _count(layers, "halving"), _in_words(norm)]
    return Recognised("multiscale", arguments, _words("a multi-scale discriminator", arguments, *notes))


def _convolutions(state: State, prefix: str) -> list[int]:
    """Positions in a Sequential that hold a convolution, in order. Raises ValueError for fewer than two."""
    pattern = re.compile(re.escape(prefix) + r"(\d+)\.weight")
    found = [int(match[1]) for key, tensor in state.items() if (match := pattern.fullmatch(key)) and tensor.dim() == 4]
    if len(found) < 2:
        raise ValueError(f'it holds "{next(iter(state))}", but too few convolutions for a network')
    return sorted(found)


def _shape(state: State, key: str) -> tuple[int, ...]:
    if key not in state:
        raise ValueError(f'"{key}" is missing')
    shape = tuple(state[key].shape)
    if len(shape) != 4:
        raise ValueError(f'"{key}" has the shape {shape}, which is not a convolution\'s')
    return shape


def _norm(state: State, prefix: str, convolution: int) -> str:
    """The norm after a convolution: a batch norm has weights; before an instance norm only is there a bias."""
    if f"{prefix}{convolution + 1}.weight" in state:
        return "batch"
    return "instance" if f"{prefix}{convolution}.bias" in state else "none"


def _in_words(norm: str) -> str:
    return "no norm" if norm == "none" else f"{norm} norm"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def _words(name: str, arguments: Mapping[str, Any], *notes: str) -> str:
    channels = f"{arguments['in_channels']}"
    if "out_channels" in arguments:
        channels += f" to {arguments['out_channels']}"
    return ", ".join([f"{name} of {channels} channels", f"width {arguments['width']}", *notes])


def _check(found: Recognised, state: State) -> None:
    """Hold every tensor against the network. Raises ValueError that names the first that does not fit."""
    try:
        with torch.device("meta"):
            wanted = {key: tuple(tensor.shape) for key, tensor in to_reference(found.build()).items()}
    except (ValueError, RuntimeError, OverflowError, TypeError) as error:
        raise ValueError(f"it looks like {found.words}, which cannot be built: {error}") from None
    problem = ""
    if missing := [key for key in wanted if key not in state and key.rpartition(".")[2] not in UNSEEN]:
        problem = f'"{missing[0]}" is missing'
    elif unknown := [key for key in state if key not in wanted]:
        problem = f'"{unknown[0]}" has no place there'
    elif other := [key for key in state if tuple(state[key].shape) != wanted[key]]:
        problem = f'"{other[0]}" has the shape {tuple(state[other[0]].shape)}, not {wanted[other[0]]}'
    if problem:
        raise ValueError(f"it looks like {found.words}, but {problem}")
