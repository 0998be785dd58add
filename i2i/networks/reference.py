"""Weight names of the reference codes: how they name what i2i's networks hold.

The codes are pytorch-CycleGAN-and-pix2pix, CUT and pix2pixHD. Their layers are numbered by position in a Sequential, so
a name depends on dropout, padding, blurs and the number of blocks.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from i2i.networks.layers import BlurDown, BlurUp
from i2i.networks.multiscale import MultiScaleDiscriminator
from i2i.networks.patch import PatchDiscriminator, PixelDiscriminator
from i2i.networks.resnet import ResNetGenerator
from i2i.networks.unet import UNet

BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def tidy(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Take the prefix `module.` off, and leave out the buffers that old files keep for instance norms.

    Those layers have no weight and never used them.
    """
    state = {key.removeprefix("module."): tensor for key, tensor in state.items()}

    def needed(key: str) -> bool:
        layer, _, leaf = key.rpartition(".")
        return leaf not in BUFFERS or f"{layer}.weight" in state

    return {key: tensor for key, tensor in state.items() if needed(key)}


def from_reference(net: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename a reference state dict to this network's keys, for `load_state_dict`.

    It is made tidy before. The counters of batch norms are 0 where PyTorch before 0.4.1 kept none; blur kernels, which
    are constants here, are left out. Raises ValueError for a tensor that such a network does not have.
    """
    state = tidy(state)
    names = layer_names(net, plain=not any(key.startswith("scale") for key in state))
    blurs = blur_kernels(net)
    renamed = {}
    for key, tensor in state.items():
        layer, _, leaf = key.rpartition(".")
        if key in blurs:
            if tensor.shape != blurs[key].shape or not torch.equal(tensor.cpu().double(), blurs[key].cpu().double()):
                raise ValueError(f'"{key}" blurs in another way than this {type(net).__name__}')
            continue
        if layer not in names:
            raise ValueError(f'"{key}" has no place in this {type(net).__name__}; was it built with other options?')
        renamed[f"{names[layer]}.{leaf}"] = tensor
        if leaf == "running_mean":
            renamed.setdefault(f"{names[layer]}.num_batches_tracked", torch.tensor(0))
    return renamed


def to_reference(net: nn.Module) -> dict[str, Tensor]:
    """Return the network's state dict under the reference's keys: the inverse of `from_reference`."""
    plain = isinstance(net, MultiScaleDiscriminator) and not net.features
    names = {ours: theirs for theirs, ours in layer_names(net, plain).items()}
    renamed = {}
    for key, tensor in net.state_dict().items():
        layer, _, leaf = key.rpartition(".")
        renamed[f"{names[layer]}.{leaf}"] = tensor
    return renamed | blur_kernels(net)


def layer_names(net: nn.Module, plain: bool = False) -> dict[str, str]:
    """List {reference layer: layer of this network} of the layers that hold tensors.

    `plain` chooses the layout of a multi-scale discriminator that was built without features. Raises ValueError for a
    network that the references do not have.
    """
    holding = {key.rpartition(".")[0] for key in net.state_dict()}
    return {theirs: ours for theirs, ours in _all_names(net, plain).items() if ours in holding}


def blur_kernels(net: nn.Module) -> dict[str, Tensor]:
    """List {reference key: kernel (C, 1, k, k)} of the blurs, which the reference keeps in its files."""
    if not isinstance(net, (ResNetGenerator, PatchDiscriminator)):
        return {}
    layers, kernels = dict(net.named_modules()), {}
    for theirs, ours in _all_names(net, plain=False).items():
        blur = layers.get(ours)
        if isinstance(blur, (BlurDown, BlurUp)):
            convolution = layers[f"{ours.rpartition('.')[0]}.conv"]
            assert isinstance(convolution, nn.Conv2d)
            channels = convolution.in_channels if isinstance(blur, BlurUp) else convolution.out_channels
            kernels[f"{theirs}.filt"] = _kernel(blur).to(convolution.weight.dtype).repeat(channels, 1, 1, 1)
    return kernels


def _kernel(blur: BlurDown | BlurUp) -> Tensor:
    """The weights of a blur as the reference has them, (1, 1, k, k); those of a doubling sum to 4."""
    row = torch.tensor([1.0, 3.0, 3.0, 1.0] if isinstance(blur, BlurUp) else [1.0, 2.0, 1.0])
    return (row.outer(row) / 16)[None, None]  # both sums happen to be 64 / 4 and 16


def _all_names(net: nn.Module, plain: bool) -> dict[str, str]:
    if isinstance(net, ResNetGenerator):
        return _resnet(net)
    if isinstance(net, UNet):
        return _unet(net)
    if isinstance(net, PatchDiscriminator):
        return _patch(net, "model.", "layers.")
    if isinstance(net, PixelDiscriminator):
        return _pair("net.0", "layers.0") | _pair("net.2", "layers.1") | _pair("net.5", "layers.2")
    if isinstance(net, MultiScaleDiscriminator):
        return _multiscale(net, plain)
    raise ValueError(f"the reference codes have no counterpart of {type(net).__name__}")


def _pair(theirs: str, ours: str) -> dict[str, str]:
    """Name a convolution and the norm that follows it, if there is one."""
    parent, _, index = theirs.rpartition(".")
    return {theirs: f"{ours}.conv", f"{parent}.{int(index) + 1}": f"{ours}.norm"}


def _check_up(up: nn.Module, *known: type[nn.Module]) -> None:
    if not all(isinstance(stage, nn.Sequential) and isinstance(stage[0], known) for stage in up.children()):
        kinds = "transposed convolution only" if len(known) == 1 else "transposed convolution or a blur"
        raise ValueError(f"the reference codes up-sample by {kinds}; weights of this network have no place there")


def _resnet(net: ResNetGenerator) -> dict[str, str]:
    names = _pair("model.1", "stem")
    index = 4
    for level, stage in enumerate(net.down):
        names |= _pair(f"model.{index}", f"down.{level}")
        index += 3
        if hasattr(stage, "blur"):
            names[f"model.{index}"] = f"down.{level}.blur"
            index += 1
    for number, block in enumerate(net.blocks):
        padded = hasattr(block.first, "pad")  # zero padding is part of the convolution
        second = 3 + 2 * padded + hasattr(block.first, "dropout")
        names |= _pair(f"model.{index}.conv_block.{int(padded)}", f"blocks.{number}.first")
        names |= _pair(f"model.{index}.conv_block.{second}", f"blocks.{number}.second")
        index += 1
    _check_up(net.up, nn.ConvTranspose2d, BlurUp)
    for level, stage in enumerate(net.up):
        if hasattr(stage, "blur"):
            names[f"model.{index}"] = f"up.{level}.blur"
            index += 1
        names |= _pair(f"model.{index}", f"up.{level}")
        index += 3
    return names | {f"model.{index + 1}": "head.conv"}


def _unet(net: UNet) -> dict[str, str]:
    _check_up(net.up, nn.ConvTranspose2d)
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


def _patch(net: PatchDiscriminator, theirs: str, ours: str) -> dict[str, str]:
    names: dict[str, str] = {}
    index = 0
    for level, stage in enumerate(net.layers):
        normed = 0 < level < len(net.layers) - 1
        names |= _pair(f"{theirs}{index}", f"{ours}{level}") if normed else {f"{theirs}{index}": f"{ours}{level}.conv"}
        index += 3 if normed else 2
        if hasattr(stage, "blur"):
            names[f"{theirs}{index}"] = f"{ours}{level}.blur"
            index += 1
    return names


def _multiscale(net: MultiScaleDiscriminator, plain: bool) -> dict[str, str]:
    names: dict[str, str] = {}
    for index, patch in enumerate(net.scales):
        scale = len(net.scales) - 1 - index  # they count from the smallest scale
        if plain:
            assert isinstance(patch, PatchDiscriminator)
            names |= _patch(patch, f"layer{scale}.", f"scales.{index}.layers.")
            continue
        for level in range(net.num_layers + 2):
            names |= _pair(f"scale{scale}_layer{level}.0", f"scales.{index}.layers.{level}")
    return names
