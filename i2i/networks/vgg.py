"""Features of VGG-19 (Simonyan and Zisserman, 2015, arXiv:1409.1556), to compare pictures by: the perceptual losses.

The layout of weights is torchvision's, and so are the numbers of layers: `relu1_1` is `features[1]`, `conv5_4` is
`features[34]`, `relu5_4` is `features[35]`.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from i2i.networks.frozen import Frozen
from i2i.options import nearest

CONVOLUTIONS = (2, 2, 4, 4, 4)  # in each block; a pooling follows it
CHANNELS = (64, 128, 256, 512, 512)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pictures, for values in [0, 1]
FILE = "vgg19-dcbb9e9d.pth"  # torchvision puts the first digits of the file's sha256 into its name
URL = f"https://download.pytorch.org/models/{FILE}"
LICENCE = "BSD-3-Clause (torchvision); trained on ImageNet"


class VGGFeatures(nn.Module):
    """Return the outputs of named layers, such as `relu1_1` or `conv5_4`, for pictures (N, 3, H, W) in [-1, 1].

    Gray pictures (N, 1, H, W) are taken as colour. The network ends at the last layer that is asked for. With
    `imagenet` pictures are first brought to the mean and deviation that the weights were trained with, as SRGAN does;
    without, the network sees [-1, 1], as pix2pixHD's does. Raises LookupError for a layer that is not there.
    """

    def __init__(self, layers: Sequence[str], imagenet: bool = True) -> None:
        super().__init__()
        names = layer_names()
        for layer in layers:
            if layer not in names:
                raise LookupError(
                    f'VGG-19 has no layer "{layer}"' + nearest(layer, names, "such are relu1_1 and conv5_4")
                )
        self.layers = tuple(layers)
        self.imagenet = imagenet
        self.features = nn.Sequential()
        last, channels = max(map(names.index, layers)), 3
        for name in names[: last + 1]:
            block = int(name[4]) - 1
            if name.startswith("conv"):
                self.features.append(nn.Conv2d(channels, CHANNELS[block], 3, padding=1))
                channels = CHANNELS[block]
            elif name.startswith("relu"):
                kept = name.replace("relu", "conv") in layers  # asked for: it must not be overwritten
                self.features.append(nn.ReLU(inplace=not kept))
            else:
                self.features.append(nn.MaxPool2d(2))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the outputs in the order of `layers`, of sides H, H/2, ... H/16 (rounded down) by block."""
        x = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
        if self.imagenet:
            mean, std = (torch.tensor(v, device=x.device, dtype=x.dtype).view(1, 3, 1, 1) for v in (MEAN, STD))
            x = ((x + 1) / 2 - mean) / std
        found = {}
        for name, layer in zip(layer_names(), self.features, strict=False):
            x = layer(x)
            if name in self.layers:
                found[name] = x
        return [found[name] for name in self.layers]

    @classmethod
    def pretrained(cls, layers: Sequence[str], weights: Path | str = "download", imagenet: bool = True) -> Frozen:
        """Build the network with trained weights, frozen: it enters no bundle and no optimizer.

        `weights` is a file in torchvision's layout, read without executing anything from it, or "download" for
        torchvision's own, kept in the cache. Raises ValueError for a file that cannot be used, OSError when it is not
        there or cannot be downloaded.
        """
        path = downloaded() if weights == "download" else Path(weights)
        net = cls(layers, imagenet)
        net.load_state_dict(_fitting(net, read(path), path))
        return Frozen(net)


def layer_names() -> list[str]:
    """List the layers in order, the name's place being torchvision's number: conv1_1, relu1_1, ... pool5."""
    names = []
    for block, count in enumerate(CONVOLUTIONS, start=1):
        names += [f"{kind}{block}_{number}" for number in range(1, count + 1) for kind in ("conv", "relu")]
        names.append(f"pool{block}")
    return names


def _fitting(net: VGGFeatures, state: Mapping[str, Any], where: Path | str) -> dict[str, Tensor]:
    """Choose what the network needs from a file's tensors. Raises ValueError where it is not there."""
    chosen = {}
    for key, own in net.state_dict().items():
        found = state.get(key, state.get(key.removeprefix("features.")))
        if not isinstance(found, Tensor) or found.shape != own.shape:
            got = tuple(found.shape) if isinstance(found, Tensor) else "not there"
            raise ValueError(
                f"{where} holds no VGG-19 in torchvision's layout: {key} must be {tuple(own.shape)} and is {got}; "
                f"take {URL}"
            )
        chosen[key] = found
    return chosen


def read(path: Path) -> Mapping[str, Any]:
    """Read a file of tensors, executing nothing. Raises ValueError when it is none, OSError when it is not there."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of torch, about pickles that it then refuses
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(f"{path} holds more than tensors, or none; none of it was run. Take {URL}") from None
    except OSError:
        raise
    except Exception as error:  # whatever a file that is none makes of torch's reader
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ValueError(f"{path} is damaged ({reason}); take {URL}") from None
    if not isinstance(state, Mapping):
        raise ValueError(f"{path} holds no state dict; take {URL}")
    return state


def downloaded() -> Path:
    """Find torchvision's file where torchvision keeps it or in the cache, or download it. Raises OSError."""
    from i2i.pretrained import Source, fetched

    source = Source("VGG-19", URL, FILE.partition("-")[2].removesuffix(".pth"), 574_673_361, LICENCE)
    return fetched(source, Path(torch.hub.get_dir()) / "checkpoints" / FILE)
