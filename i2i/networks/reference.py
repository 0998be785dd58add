"""Weight names of the reference codes: how pytorch-CycleGAN-and-pix2pix and pix2pixHD name what i2i's networks hold.

Their layers are numbered by position in a Sequential, so a name depends on dropout, padding and the number of blocks.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from i2i.networks.multiscale import MultiScaleDiscriminator
from i2i.networks.patch import PatchDiscriminator, PixelDiscriminator
from i2i.networks.resnet import ResNetGenerator
from i2i.networks.unet import UNet

BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def from_reference(net: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename a reference state dict to this network's keys, for `load_state_dict`.

    A prefix `module.` is taken off. The buffers that old files keep for instance norms are dropped: those layers have
    no weight and never used them. Raises ValueError for a tensor that such a network does not have.
    """
    state = {key.removeprefix("module."): tensor for key, tensor in state.items()}
    names = layer_names(net, plain=not any(key.startswith("scale") for key in state))
    renamed = {}
    for key, tensor in state.items():
        layer, _, leaf = key.rpartition(".")
        if leaf in BUFFERS and f"{layer}.weight" not in state:
            continue
        if layer not in names:
            raise ValueError(f'"{key}" has no place in this {type(net).__name__}; was it built with other options?')
        renamed[f"{names[layer]}.{leaf}"] = tensor
    return renamed


def to_reference(net: nn.Module) -> dict[str, Tensor]:
    """Return the network's state dict under the reference's keys: the inverse of `from_reference`."""
    plain = isinstance(net, MultiScaleDiscriminator) and not net.features
    names = {ours: theirs for theirs, ours in layer_names(net, plain).items()}
    renamed = {}
    for key, tensor in net.state_dict().items():
        layer, _, leaf = key.rpartition(".")
        renamed[f"{names[layer]}.{leaf}"] = tensor
    return renamed


def layer_names(net: nn.Module, plain: bool = False) -> dict[str, str]:
    """List {reference layer: layer of this network} of the layers that hold tensors.

    `plain` chooses the layout of a multi-scale discriminator that was built without features. Raises ValueError for a
    network that the references do not have.
    """
    holding = {key.rpartition(".")[0] for key in net.state_dict()}
    return {theirs: ours for theirs, ours in _all_names(net, plain).items() if ours in holding}


def _all_names(net: nn.Module, plain: bool) -> dict[str, str]:
    if isinstance(net, ResNetGenerator):
        return _resnet(net)
    if isinstance(net, UNet):
        return _unet(net)
    if isinstance(net, PatchDiscriminator):
        return _patch(len(net.layers) - 2, "model.", "layers.")
    if isinstance(net, PixelDiscriminator):
        return _pair("net.0", "layers.0") | _pair("net.2", "layers.1") | _pair("net.5", "layers.2")
    if isinstance(net, MultiScaleDiscriminator):
        return _multiscale(net, plain)
    raise ValueError(f"the reference codes have no counterpart of {type(net).__name__}")


def _pair(theirs: str, ours: str) -> dict[str, str]:
    """Name a convolution and the norm that follows it, if there is one."""
    parent, _, index = theirs.rpartition(".")
    return {theirs: f"{ours}.conv", f"{parent}.{int(index) + 1}": f"{ours}.norm"}


def _check_transposed(up: nn.Module) -> None:
    if any(isinstance(layer, nn.Upsample) for layer in up.modules()):
        raise ValueError("the reference codes up-sample by transposed convolution only; this network resizes")


def _resnet(net: ResNetGenerator) -> dict[str, str]:
    names = _pair("model.1", "stem")
    index = 4
    for level in range(len(net.down)):
        names |= _pair(f"model.{index}", f"down.{level}")
        index += 3
    for number, block in enumerate(net.blocks):
        padded = hasattr(block.first, "pad")  # zero padding is part of the convolution
        second = 3 + 2 * padded + hasattr(block.first, "dropout")
        names |= _pair(f"model.{index}.conv_block.{int(padded)}", f"blocks.{number}.first")
        names |= _pair(f"model.{index}.conv_block.{second}", f"blocks.{number}.second")
        index += 1
    _check_transposed(net.up)
    for level in range(len(net.up)):
        names |= _pair(f"model.{index}", f"up.{level}")
        index += 3
    return names | {f"model.{index + 1}": "head.conv"}


def _unet(net: UNet) -> dict[str, str]:
    _check_transposed(net.up)
    names: dict[str, str] = {}
    prefix, innermost = "model.model", len(net.down) - 1
    for level in range(len(net.up)):
        if level == 0:
            names |= {f"{prefix}.0": "down.0.conv", f"{prefix}.3": "up.0.conv"}
        elif level == innermost:
            names |= {f"{prefix}.1": f"down.{level}.conv"} | _pair(f"{prefix}.3", f"up.{level}")
        else:
            names |= _pair(f"{prefix}.1", f"down.{level}") | _pair(f"{prefix}.5", f"up.{level}")
        prefix += ".1.model" if level == 0 else ".3.model"
    return names


def _patch(layers: int, theirs: str, ours: str) -> dict[str, str]:
    names = {f"{theirs}0": f"{ours}0.conv", f"{theirs}{3 * layers + 2}": f"{ours}{layers + 1}.conv"}
    for level in range(1, layers + 1):
        names |= _pair(f"{theirs}{3 * level - 1}", f"{ours}{level}")
    return names


def _multiscale(net: MultiScaleDiscriminator, plain: bool) -> dict[str, str]:
    names: dict[str, str] = {}
    for index in range(len(net.scales)):
        scale = len(net.scales) - 1 - index  # they count from the smallest scale
        if plain:
            names |= _patch(net.num_layers, f"layer{scale}.", f"scales.{index}.layers.")
            continue
        for level in range(net.num_layers + 2):
            names |= _pair(f"scale{scale}_layer{level}.0", f"scales.{index}.layers.{level}")
    return names
