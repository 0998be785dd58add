"""Published weights: SRGAN-PyTorch (Lornatang), BasicSR's MSRResNet, and RRDBNet under new and old names."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

import i2i
from i2i import networks
from i2i_srgan import discriminator, generators

if TYPE_CHECKING:
    from i2i_srgan.model import SRGAN

State = Mapping[str, Tensor]
FILES = {"srresnet": ("g_last.pth", "d_last.pth"), "msrresnet": ("net_g_latest.pth", "net_d_latest.pth")}
FILES["rrdb"] = FILES["msrresnet"]
OLD = (  # ESRGAN's own code, before BasicSR
    (r"RRDB_trunk\.(\d+)\.RDB(\d)\.", r"body.\1.rdb\2."),
    (r"trunk_conv\.", "conv_body."),
    (r"upconv(\d)\.", r"conv_up\1."),
    (r"HRconv\.", "conv_hr."),
)
WORDS = {"srresnet": "an SRResNet", "msrresnet": "an SRResNet without norms (BasicSR)", "rrdb": "an RRDBNet (ESRGAN)"}


def understand(files: Mapping[str, State]) -> i2i.Imported:
    """Understand a generator and, where it is there, a discriminator. Raises ValueError where they do not fit."""
    for name, state in files.items():
        networks.check_claims(name, state, "SRGAN, BasicSR or ESRGAN")
    kinds = {name: _kind(name, state) for name, state in files.items()}
    if [*kinds.values()].count("discriminator") > 1 or len(kinds) - [*kinds.values()].count("discriminator") != 1:
        words = ", ".join(f"{name} holds a {kind}" for name, kind in kinds.items())
        raise ValueError(f"{words}; give one generator and, if you have it, its discriminator")
    judge = next((name for name, kind in kinds.items() if kind == "discriminator"), None)
    (name,) = (name for name in kinds if name != judge)
    state = _renamed(files[name]) if kinds[name] == "rrdb" else files[name]
    options, channels = _generator(name, kinds[name], state)
    net = _on_meta(
        name,
        lambda: generators.make(
            options["generator"],
            channels,
            options["width"],
            options["blocks"],
            options.get("growth", 32),
            options["scale"],
            generators.SKIPS[options["generator"]],
        ),
    )
    weights = _checked(name, state, net)
    # What translates is the average; the file's weights are both. Losses leave no trace in weights.
    tensors = {f"{part}.{key}": tensor for part in ("generator", "average") for key, tensor in weights.items()}
    found = [
        f"{name}: {WORDS[options['generator']]} that enlarges {options['scale']} times, of {channels} channels, "
        f"width {options['width']}, {options['blocks']} blocks."
    ]
    side = 96
    if judge is not None:
        width, side = _judge(judge, files[judge], channels, options["scale"] * net.size_multiple)
        net = _on_meta(judge, lambda: discriminator.Discriminator(channels, width, (side, side)))
        tensors |= {f"discriminator.{key}": tensor for key, tensor in _checked(judge, files[judge], net).items()}
        options["discriminator_width"] = width
        found.append(f"{judge}: a discriminator of pictures of {side} pixels, width {width}.")
    found.append("What it was trained with leaves no trace in weights; --content features trains on with features.")
    spec = i2i.DataSpec(channels={"image": channels}, image_size=(side, side))
    return i2i.Imported(options | {"content": "pixels"}, spec, tensors, (), tuple(found))


def export(model: SRGAN) -> dict[str, dict[str, Tensor]]:
    """Return the networks under published names; of the generator the average, which translates.

    Raises ValueError for what is added to the network's picture where the published code adds something else.
    """
    o = model.options
    if o.skip != generators.SKIPS[o.generator]:
        raise ValueError(
            f"the published layout of {o.generator} adds {_added(generators.SKIPS[o.generator])} to what the network "
            f"makes, and this one adds {_added(o.skip)} (--skip); it cannot be written"
        )
    net, judge = model.generator if model.average is None else model.average, model.discriminator
    name, other = FILES[o.generator]
    files = {name: dict(net.state_dict())}
    if judge is not None and model.holds("discriminator"):
        files[other] = dict(judge.state_dict())
    return files


def _added(skip: str) -> str:
    return "nothing" if skip == "none" else f"the {skip} enlargement"


def _kind(name: str, state: State) -> str:
    """Which network a file holds."""
    for key, kind in (
        ("trunk.0.rcb.0.weight", "srresnet"),
        ("body.0.conv1.weight", "msrresnet"),
        ("body.0.rdb1.conv1.weight", "rrdb"),
        ("RRDB_trunk.0.RDB1.conv1.weight", "rrdb"),
        ("classifier.0.weight", "discriminator"),
    ):
        if key in state and (kind != "discriminator" or "features.0.weight" in state):
            return kind
    some = ", ".join(f'"{key}"' for key in list(state)[:2]) or "nothing"
    raise ValueError(f"{name} holds {some}: neither SRGAN-PyTorch's networks nor BasicSR's MSRResNet or RRDBNet")


def _renamed(state: State) -> dict[str, Tensor]:
    """Name an RRDBNet's weights as BasicSR does."""
    if "RRDB_trunk.0.RDB1.conv1.weight" not in state:
        return dict(state)
    renamed = {}
    for key, tensor in state.items():
        for old, new in OLD:
            key = re.sub(f"^{old}", new, key)
        renamed[key] = tensor
    return renamed


def _generator(name: str, kind: str, state: State) -> tuple[dict[str, Any], int]:
    """The options that a generator's weights tell of, and its channels."""
    first, last = ("conv1.0", "conv3") if kind == "srresnet" else ("conv_first", "conv_last")
    width, seen = _shape(name, state, f"{first}.weight")[:2]
    channels = _shape(name, state, f"{last}.weight")[0]
    trunk = "trunk" if kind == "srresnet" else "body"
    blocks = len({key.split(".")[1] for key in state if key.startswith(f"{trunk}.")})
    options = {"generator": kind, "width": width, "blocks": blocks}
    if kind == "rrdb":
        options["growth"] = _shape(name, state, "body.0.rdb1.conv1.weight")[0]
        scale = {1: 2 ** sum(bool(re.fullmatch(r"conv_up\d\.weight", key)) for key in state), 4: 2}.get(
            seen // channels, 0
        )
    else:
        stage = r"upsampling\.\d\.upsample_block\.0\.weight" if kind == "srresnet" else r"upconv\d\.weight"
        areas = [_shape(name, state, key)[0] // width for key in state if re.fullmatch(stage, key)]
        scale = math.isqrt(math.prod(areas))
    if scale not in generators.STAGES:
        raise ValueError(f"{name} holds a network that enlarges neither 2, 3, 4 nor 8 times")
    return options | {"scale": scale}, channels


def _judge(name: str, state: State, channels: int, multiple: int) -> tuple[int, int]:
    """The width of a discriminator and the side of the pictures that it takes, of which small ones can be made."""
    width, seen = _shape(name, state, "features.0.weight")[:2]
    if seen != channels:
        raise ValueError(f"{name} judges pictures of {seen} channels, and the generator makes {channels}")
    left = _shape(name, state, "classifier.0.weight", 2)[1] / (8 * width)  # pixels, after four halvings
    side = 16 * math.isqrt(int(left)) // multiple * multiple
    if math.ceil(side / 16) ** 2 != left or side < discriminator.SMALLEST:
        raise ValueError(
            f"{name} judges pictures that are no squares, or smaller than {discriminator.SMALLEST} pixels; their sides "
            "cannot be told from weights. Give the generator without it"
        )
    return width, side


def _shape(name: str, state: State, key: str, axes: int = 4) -> tuple[int, ...]:
    if key not in state or state[key].dim() != axes:
        raise ValueError(f'{name}: "{key}" is missing, or is no {"convolution" if axes == 4 else "linear layer"}')
    return tuple(state[key].shape)


def _on_meta(name: str, build: Any) -> nn.Module:
    try:
        with torch.device("meta"):
            return build()
    except RuntimeError as error:  # of sizes that no memory has
        raise ValueError(f"{name} is of a network that cannot be made ({str(error).splitlines()[0]})") from None


def _checked(name: str, state: State, net: nn.Module) -> dict[str, Tensor]:
    """Hold every tensor against the network. Raises ValueError that names the first that does not fit."""
    wanted = net.state_dict()
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}
    made = {key: state.get(key, torch.zeros((), dtype=torch.int64)) for key in counters} | dict(state)
    for key in [*wanted, *made]:
        if key not in made:
            raise ValueError(f'{name}: "{key}" is missing')
        if key not in wanted:
            raise ValueError(f'{name}: "{key}" has no place in this network')
        if made[key].shape != wanted[key].shape:
            raise ValueError(f'{name}: "{key}" is {tuple(made[key].shape)}, not {tuple(wanted[key].shape)}')
    return {key: made[key] for key in wanted}
