"""The authors' files: `latest_net_G.pth` and `latest_net_D.pth` of pytorch-CycleGAN-and-pix2pix, read and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

import i2i
from i2i import networks

if TYPE_CHECKING:
    from i2i_pix2pix.model import Pix2Pix

FILES = {"generator": "latest_net_G.pth", "discriminator": "latest_net_D.pth"}


def read(files: Mapping[str, Mapping[str, Tensor]], domains: tuple[str, ...]) -> i2i.Imported:
    """Understand a generator and, where it is there, a discriminator. Raises ValueError where they do not fit."""
    if len(domains) not in (0, 2):
        raise ValueError(f"pix2pix leads from one domain to another, and {len(domains)} are named; give source,target")
    seen = {name: _recognise(name, state) for name, state in files.items()}
    generators = [name for name, net in seen.items() if net.kind == "unet"]
    judges = [name for name in seen if name not in generators]
    if len(generators) != 1 or len(judges) > 1:
        raise ValueError(
            f"{len(generators)} of these files hold a U-Net and {len(judges)} a discriminator; "
            f"give {FILES['generator']} and, if you have it, {FILES['discriminator']}"
        )
    (name,) = generators
    net = seen[name].arguments
    options = {"generator_width": net["width"], "depth": net["depth"], "norm": net["norm"]}
    weights = seen[name].renamed(files[name], "generator.")
    found = [f"{name}: {what.words}." for name, what in seen.items()]
    for judge in judges:
        options |= _judge(judge, seen[judge], net)
        weights |= seen[judge].renamed(files[judge], "discriminator.")
        found.append(f"{judge} judges {'the pair' if options['conditional'] else 'the target alone'}.")
    found.append("Dropout leaves no trace in weights; --inference dropout has 0.5, as the authors train with.")
    side = _side(2 ** net["depth"], [seen[judge] for judge in judges])
    channels = {"source": net["in_channels"], "target": net["out_channels"]}
    spec = i2i.DataSpec(domains=domains or ("source", "target"), channels=channels, image_size=(side, side))
    return i2i.Imported(options, spec, weights, spec.domains[1:], tuple(found))


def write(model: Pix2Pix) -> dict[str, dict[str, Tensor]]:
    """Return the networks under the authors' file and weight names."""
    return {file: networks.to_reference(getattr(model, net)) for net, file in FILES.items() if model.holds(net)}


def _recognise(name: str, state: Mapping[str, Tensor]) -> networks.Recognised:
    try:
        found = networks.recognise(state)
    except ValueError as error:
        raise ValueError(f"{name} is no network of pix2pix: {error}") from None
    if found.kind not in ("unet", "patch", "pixel") or found.arguments.get("antialias"):
        way = "; try --as cyclegan" if found.kind == "resnet" else ""
        raise ValueError(f"{name} holds {found.words}, and pix2pix has a U-Net and a patch discriminator{way}")
    return found


def _side(multiple: int, judges: Sequence[networks.Recognised]) -> int:
    """The side to train on with: nothing tells the authors', so 128, or more where a network needs it."""
    with torch.device("meta"):
        smallest = [128, *(judge.build().min_size for judge in judges)]
    return -(-max(smallest) // multiple) * multiple


def _judge(name: str, net: networks.Recognised, generator: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a discriminator tells of. Raises ValueError where it belongs to another generator."""
    judged, norm = net.arguments["in_channels"], net.arguments["norm"]
    source, target = generator["in_channels"], generator["out_channels"]
    if judged not in (target, source + target) or norm != generator["norm"]:
        raise ValueError(
            f"{name} holds {net.words}, which does not go with this U-Net of {source} to {target} channels and "
            f"{generator['norm']} norm; give the two files of one training"
        )
    width = net.arguments["width"]
    options = {"conditional": judged != target, "discriminator": net.kind, "discriminator_width": width}
    return options | ({"discriminator_layers": net.arguments["layers"]} if net.kind == "patch" else {})
