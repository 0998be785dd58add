"""pix2pixHD's published weights: `*_net_G.pth`, `*_net_D.pth` and `*_net_E.pth`, understood from keys and shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

import i2i
from i2i import networks
from i2i_pix2pixhd.generators import Enhancer, Trunk, make_encoder
from i2i_pix2pixhd.options import Options

if TYPE_CHECKING:
    from i2i_pix2pixhd.model import Pix2PixHD

State = Mapping[str, Tensor]
LOCAL = ("model1_1.", "model1_2.")  # how the names of an enhancer's weights begin
BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def understand(files: Mapping[str, State], domains: tuple[str, ...]) -> i2i.Imported:
    """Turn published files into options, data specification and weights. Raises ValueError where they are others."""
    states: dict[str, dict[str, Tensor]] = {}
    names: dict[str, str] = {}
    for name, state in files.items():
        networks.check_claims(name, state, "pix2pixHD")
        kind = _kind(name, state)
        if kind in states:
            raise ValueError(f"{name} is a second network of one kind; give one *_net_G.pth, *_net_D.pth, *_net_E.pth")
        states[kind], names[kind] = _without_statistics(state), name
    if "G" not in states:
        raise ValueError(f"there is no generator in {', '.join(files)}; give the *_net_G.pth too")

    options, weights, found, seen, target = _generator(names["G"], states["G"])
    features, told = 0, seen
    if "E" in states:
        features = _encoder(names["E"], states["E"], target, options, weights, found)
        told = seen - features
        if told < 1:
            raise ValueError(
                f"{names['E']} and {names['G']} are not of one model: the encoder makes {features} features, and the "
                f"generator sees {seen} channels in all"
            )
    if "D" in states:
        told = _discriminator(names["D"], states["D"], options, weights, found) - target
        features = features or max(0, seen - told)
        if told < 1 or told + features != seen:
            raise ValueError(
                f"{', '.join(names.values())} are not of one model: the generator sees {seen} channels, {features} of "
                f"them features, and the discriminator {told + target}, {target} of them the picture"
            )
    if features:
        options |= {"features": "instance", "feature_channels": features}
    spec = _spec(told, target, options, domains, found)
    return i2i.Imported(options, spec, weights, spec.domains[1:], tuple(found))


def _kind(name: str, state: State) -> str:
    """Which network a file holds: G, D or E."""
    if any(re.match(r"(scale\d+_layer\d+|layer\d+)\.", key) for key in state):
        return "D"
    if any(key.startswith("model2_") for key in state):
        raise ValueError(f"{name} holds several local enhancers, one above the other; this model has one")
    if "model.1.weight" not in state or state["model.1.weight"].dim() != 4:
        raise ValueError(f"{name} holds no network of pix2pixHD: it begins with {next(iter(state), 'nothing')}")
    return "G" if any(".conv_block." in key for key in state) else "E"


def _without_statistics(state: State) -> dict[str, Tensor]:
    """Leave out what old files keep of instance norms, which never used it."""
    layers = {key.rpartition(".")[0] for key in state if key.endswith(".weight")}
    return {key: t for key, t in state.items() if not key.endswith(BUFFERS) or key.rpartition(".")[0] in layers}


def _generator(name: str, state: State) -> tuple[dict[str, Any], dict[str, Tensor], list[str], int, int]:
    """(options, weights, what it is in words, channels that it sees, channels that it makes) of a generator."""
    local = {key: tensor for key, tensor in state.items() if key.startswith(LOCAL)}
    whole = {key: tensor for key, tensor in state.items() if key not in local}
    last = max(int(match[1]) for key in whole if (match := re.match(r"model\.(\d+)\.", key)))
    width = len(whole["model.1.weight"])
    if local:  # its global part has lost the head: with one it can be recognised
        last += 4
        whole |= {f"model.{last}.weight": torch.empty(3, width, 7, 7), f"model.{last}.bias": torch.empty(3)}
    a = _recognised(name, whole, "resnet").arguments
    options = {"generator_width": width, "downs": a["downs"], "blocks": a["blocks"], "generator": "global"}
    options |= {"generator": "local"} if local else {}
    _within(name, options)
    head = {key.rpartition(".")[2]: whole.pop(key) for key in list(whole) if key.startswith(f"model.{last}.")}
    net = _on_meta(Trunk, a["in_channels"], width, a["downs"], a["blocks"])
    weights = _renamed(name, whole, "coarse", net, networks.from_reference)
    found = [f"a global generator of width {width}, {a['blocks']} blocks, {a['downs']} halvings"]
    if not local:
        weights |= {f"head.conv.{leaf}": tensor for leaf, tensor in head.items()}
        return options, weights, found, a["in_channels"], len(head["bias"])

    blocks = len({key.split(".")[1] for key in local if ".conv_block." in key})
    made = f"model1_2.{blocks + 4}.weight"
    if made not in local or not local[made].dim():
        raise ValueError(f'{name}: "{made}" is missing, by which an enhancer of {blocks} blocks makes pictures')
    target = len(local[made])
    options |= {"enhancer_blocks": blocks}
    net = _on_meta(Enhancer, a["in_channels"], target, width // 2, blocks)
    weights |= _renamed(name, local, "enhancer", net, from_enhancer)
    return options, weights, [*found, f"a local enhancer of {blocks} blocks"], a["in_channels"], target


def _encoder(
    name: str, state: State, target: int, options: dict[str, Any], weights: dict[str, Tensor], found: list[str]
) -> int:
    """Add what an encoder's file says; return how many features it makes."""
    a = _recognised(name, state, "resnet").arguments
    options |= {"encoder_width": a["width"], "encoder_downs": a["downs"]}
    _within(name, options)
    net = _on_meta(make_encoder, target, a["out_channels"], a["width"], a["downs"])
    weights |= _renamed(name, state, "encoder", net, networks.from_reference)
    found.append(f"a feature encoder of {a['out_channels']} channels, width {a['width']}, {a['downs']} halvings")
    return a["out_channels"]


def _discriminator(
    name: str, state: State, options: dict[str, Any], weights: dict[str, Tensor], found: list[str]
) -> int:
    """Add what a discriminator's file says; return how many channels it sees."""
    seen = _recognised(name, state, "multiscale")
    a = seen.arguments
    options |= {"discriminator_width": a["width"], "discriminator_layers": a["layers"], "scales": a["scales"]}
    options |= {} if a["features"] else {"feature_weight": 0.0}
    _within(name, options)
    net = _on_meta(networks.MultiScaleDiscriminator, **a)
    weights |= _renamed(name, state, "discriminator", net, networks.from_reference)
    found.append(seen.words)
    return a["in_channels"]


def _recognised(name: str, state: State, kind: str) -> networks.Recognised:
    try:
        found = networks.recognise(state)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if found.kind != kind:
        raise ValueError(f"{name} is {found.words}, which is no network of pix2pixHD")
    usual = {"norm": "instance", "dropout": 0, "padding": "reflect", "upsample": "transposed", "antialias": False}
    if any(found.arguments.get(key, value) != value for key, value in usual.items()):
        raise ValueError(f"{name} is {found.words}; pix2pixHD's have instance norm, reflection and no dropout")
    return found


def _within(name: str, values: Mapping[str, Any]) -> None:
    """Hold what a file was built with against what can be chosen. Raises ValueError."""
    try:
        Options(**values)
    except ValueError as error:
        raise ValueError(f"{name} is of a network that cannot be chosen here: {error}") from None


def _on_meta(make: Callable[..., nn.Module], *arguments: Any, **more: Any) -> nn.Module:
    with torch.device("meta"):
        return make(*arguments, **more)


def _renamed(name: str, state: State, prefix: str, net: nn.Module, rename: Callable[..., State]) -> dict[str, Tensor]:
    """The weights under this model's names. Raises ValueError for one that is missing or of another shape."""
    try:
        renamed = rename(net, state)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    for key, own in net.state_dict().items():
        shape = tuple(renamed[key].shape) if key in renamed else "missing"
        if shape != tuple(own.shape):
            raise ValueError(f"{name}: {prefix}.{key} is {shape}, and must be {tuple(own.shape)}")
    return {f"{prefix}.{key}": tensor for key, tensor in renamed.items()}


def enhancer_names(net: Enhancer) -> dict[str, str]:
    """{layer in the reference: layer of the enhancer}."""
    names, count = {"model1_1.1": "front.0.conv", "model1_1.4": "front.1.conv"}, len(net.blocks)
    for block in range(count):
        names[f"model1_2.{block}.conv_block.1"] = f"blocks.{block}.first.conv"
        names[f"model1_2.{block}.conv_block.5"] = f"blocks.{block}.second.conv"
    return names | {f"model1_2.{count}": "up.conv", f"model1_2.{count + 4}": "head.conv"}


def from_enhancer(net: Enhancer, state: State) -> dict[str, Tensor]:
    """Rename an enhancer's weights from the reference's layout. Raises ValueError for one without a place."""
    names, renamed = enhancer_names(net), {}
    for key, tensor in state.items():
        layer, _, leaf = key.rpartition(".")
        if layer not in names or leaf not in ("weight", "bias"):
            raise ValueError(f'"{key}" has no place in a local enhancer of {len(net.blocks)} blocks')
        renamed[f"{names[layer]}.{leaf}"] = tensor
    return renamed


def _spec(
    told: int, target: int, options: Mapping[str, Any], domains: tuple[str, ...], found: list[str]
) -> i2i.DataSpec:
    """What the channels are that networks are told: not in the files, but the defaults and the domains say."""
    local = options["generator"] == "local"
    unit = 2 ** (max(options["downs"], options.get("encoder_downs", 0)) + 2 * local)
    size = max(1024 if local else 512, 2 * unit)
    if told == 1 or (told in (3, 4) and domains[:1] not in (("label",), ("labels",))):
        source, edges, labels = min(told, 3), told == 4, 0
        channels = {"source": source, "target": target}
        found.append(f"it sees pictures of {source} channels" + " and the edges of instances" * edges)
        found[-1] += "; if they are labels, say so: --domains label,photo" * (told > 1)
    else:
        edges, labels = True, told - 1
        channels = {"label": 1, "target": target}
        found.append(f"it sees {labels} labels and the edges of instances, as {told} channels are by default")
    if edges or "features" in options:
        channels["instance"] = 1
    names = domains or (("label", "photo") if labels else ("source", "target"))
    if len(names) != 2:
        raise ValueError(f"--domains names {', '.join(names)}; name what goes in and what comes out: label,photo")
    return i2i.DataSpec(domains=names, channels=channels, image_size=(size, size), num_labels=labels)


def export(model: Pix2PixHD) -> dict[str, dict[str, Tensor]]:
    """Return the networks in the published layout. Raises ValueError where it cannot say what an option does."""
    if model.options.upsample != "transposed":
        raise ValueError("the published layout doubles sides by transposed convolution, not by --upsample resize")
    files = {"latest_net_G.pth": networks.to_reference(model.coarse)}
    if model.enhancer is not None and model.phase != "global":
        state = model.enhancer.state_dict()
        for theirs, ours in enhancer_names(model.enhancer).items():
            files["latest_net_G.pth"] |= {f"{theirs}.{leaf}": state[f"{ours}.{leaf}"] for leaf in ("weight", "bias")}
    else:
        last = max(int(key.split(".")[1]) for key in files["latest_net_G.pth"]) + 4
        files["latest_net_G.pth"] |= {
            f"model.{last}.{leaf}": getattr(model.head.conv, leaf).detach() for leaf in ("weight", "bias")
        }
    for letter, name in (("D", "discriminator"), ("E", "encoder")):
        net = getattr(model, name)
        if net is not None and model.holds(name):
            files[f"latest_net_{letter}.pth"] = networks.to_reference(net)
    return files
