"""StyleGAN2's published weights, read and written: state dicts of NVlabs' PyTorch code, and of rosinality's.

What a file holds is told from keys and shapes. Of files with several networks the keys begin with the network's name:
g_ema., g., d.; else a generator whose file has "ema" in its name is the average.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

import i2i
from i2i import networks
from i2i_zoo import stylegan2_layouts as layouts
from i2i_zoo.architectures.stylegan2 import Discriminator, Generator, StyleGAN2
from i2i_zoo.layers import styles
from i2i_zoo.layers.equalised import LEAKY
from i2i_zoo.layers.growth import channels_of
from i2i_zoo.parts import Shape

if TYPE_CHECKING:
    from i2i_zoo.model import TwoPlayer

State = Mapping[str, Tensor]
OF = "StyleGAN2"
LAYOUTS = {"nvlabs": layouts.nvlabs, "rosinality": layouts.rosinality}
MARKS = {  # a key that tells layout and kind
    "synthesis.b4.const": ("nvlabs", "generator"),
    "b4.fc.weight": ("nvlabs", "discriminator"),
    "input.input": ("rosinality", "generator"),
    "final_linear.0.weight": ("rosinality", "discriminator"),
}
MEAN = "latent_avg"  # the mean style, beside the networks in rosinality's converted files
DRAWN = 4096  # latents that a missing mean style is taken of, as rosinality's code does


def read(files: Mapping[str, State], domains: tuple[str, ...]) -> i2i.Imported:
    """Understand a generator, its average and a discriminator, of which some may be missing. Raises ValueError."""
    named: dict[str, tuple[str, str, State]] = {}  # attribute of the model -> layout, name of the file, state dict
    for name, whole in files.items():
        for part, state in _networks(whole):
            layout, kind = _kind(name, state)
            average = "ema" in (part or name).lower()
            attribute = "average.net" if average and kind == "generator" else kind
            if attribute in named:
                raise ValueError(f"{named[attribute][1]} and {name} are the same network; give one of each")
            named[attribute] = layout, name, state
    drawing = "average.net" if "average.net" in named else "generator"
    if drawing not in named:
        raise ValueError("a discriminator alone draws nothing; give a generator, too: G_ema.pth, say")
    named.setdefault("generator", named[drawing])
    named.setdefault("average.net", named[drawing])
    numbers = _numbers(*named[drawing])
    if "discriminator" in named and not any(".skip." in key for key in named["discriminator"][2]):
        numbers["discriminator_blocks"] = "plain"
    return _imported(named, numbers, domains)


def _imported(
    named: Mapping[str, tuple[str, str, State]], numbers: dict[str, Any], domains: tuple[str, ...]
) -> i2i.Imported:
    side, pictures, latent, classes = (numbers.pop(key) for key in ("side", "pictures", "latent", "classes"))
    if domains and len(domains) != classes:
        raise ValueError(f"the networks know {classes} classes, and --domains names {len(domains)}")
    told = "embed+projection" if classes else "none"
    shape, architecture = Shape(pictures, (side, side), latent, classes, told), StyleGAN2(**numbers)
    with torch.device("meta"):
        nets = {"generator": architecture.generator(shape), "discriminator": architecture.discriminator(shape)}
    weights: dict[str, Tensor] = {}
    for attribute, (layout, name, state) in named.items():
        net = nets["discriminator" if attribute == "discriminator" else "generator"]
        mean = state.get(MEAN)
        whole = {key: value for key, value in state.items() if key != MEAN}
        found = layouts.read(net, *LAYOUTS[layout](net), name, whole)  # type: ignore[arg-type]
        if mean is not None and attribute != "discriminator" and mean.numel() == architecture.width:
            found["mapping.w_avg"] = mean.flatten()
        if attribute != "discriminator":
            found |= _drawn(architecture, shape, found)
        weights |= {f"{attribute}.{key}": value for key, value in found.items()}
    options = {
        "architecture": "stylegan2:" + ",".join(f"{key}={_word(value)}" for key, value in numbers.items()),
        "latent": f"normal:{latent}",
        "conditioning": told,
    }
    names = domains or tuple(str(number) for number in range(classes))
    extra = {"labels": "classes"} if classes else {}
    spec = i2i.DataSpec(names, {"image": pictures}, (side, side), num_labels=classes, extra=extra)
    judged = " and its discriminator" if "discriminator" in named else ""
    of = f" of {classes} classes" if classes else ""
    found_words = f"StyleGAN2's generator{judged}: draws {side} pixels{of} of {latent} random numbers"
    return i2i.Imported(options, spec, weights, names, (found_words,))


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _networks(state: State) -> Iterator[tuple[str, State]]:
    """A file's networks by the first word of their keys, or the one that it holds; what trained them is passed over."""
    pattern = re.compile(r"(g_ema|g|d|G_ema|G|D)\.(.+)")
    found: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        match = pattern.fullmatch(key)
        found.setdefault(match[1] if match else "", {})[match[2] if match else key] = value
    if found.keys() - {""}:
        mean = found.pop("", {}).get(MEAN)
        for part, one in found.items():
            yield part, one if mean is None or part.lower() == "d" else {**one, MEAN: mean}
    else:
        yield "", state


def _kind(name: str, state: State) -> tuple[str, str]:
    networks.check_claims(name, {key.replace("b1024.", "b."): value for key, value in state.items()}, OF)
    for key, kind in MARKS.items():
        if key in state:
            return kind
    some = ", ".join(list(state)[:3])
    raise ValueError(f"{name} holds neither a generator of {OF} nor a discriminator; it has {some}, ...")


def _numbers(layout: str, name: str, state: State) -> dict[str, Any]:
    """What the architecture and the picture are, of a generator's shapes."""
    if layout == "nvlabs":
        convs = [f"synthesis.b{4 << k}.conv1.weight" for k in range(16)]
        first, pattern, rgb = "mapping.fc0.weight", r"mapping\.fc\d+\.weight", "synthesis.b4.torgb.weight"
    else:
        convs = ["conv1.conv.weight", *(f"convs.{2 * k + 1}.conv.weight" for k in range(16))]
        first, pattern, rgb = "style.1.weight", r"style\.\d+\.weight", "to_rgb1.conv.weight"
    channels = tuple(state[key].shape[-4] for key in convs if key in state and state[key].dim() >= 4)
    for key in (first, rgb, convs[1]):
        if key not in state or state[key].dim() < 2:
            raise ValueError(f"{name} is not whole: it has no {key}")
    size, inside = state[first].shape
    classes = state["mapping.embed.weight"].shape[-1] if "mapping.embed.weight" in state else 0
    side = 2 << len(channels)
    multipliers = [2.0**k for k in range(-6, 7)]
    fitting = [m for m in multipliers if channels_of(side, size, m) == channels]
    if not fitting:
        raise ValueError(f"{name} has layers of {', '.join(map(str, channels))} channels, which are none of {OF}'s")
    return {
        "width": size,
        "multiplier": min(fitting, key=lambda m: abs(m - 2.0)),
        "mapping": sum(re.fullmatch(pattern, key) is not None for key in state),
        "layout": "nvlabs" if layout == "nvlabs" else "paper",
        "side": side,
        "pictures": state[rgb].shape[-4] if state[rgb].dim() >= 4 else 0,
        "latent": inside - (size if classes else 0),
        "classes": classes,
    }


@torch.no_grad()
def _drawn(numbers: StyleGAN2, shape: Shape, found: dict[str, Tensor]) -> dict[str, Tensor]:
    """What a file may lack: fixed noise, drawn anew, and the mean style, of as many latents as rosinality's code."""
    chance, more = torch.Generator().manual_seed(0), {}
    like = found["const"]
    for number in range(2 * (shape.size[0].bit_length() - 2) - 1):
        key, side = f"layers.{number}.noise.fixed", 4 << (number + 1) // 2
        if key not in found:
            more[key] = torch.randn(1, 1, side, side, generator=chance).to(like)
    if "mapping.w_avg" not in found:
        mapping = styles.Mapping(
            shape.latent, shape.classes, numbers.width, numbers.mapping, 0.01, activation=LEAKY
        ).to(like)
        own = {key.removeprefix("mapping."): v for key, v in found.items() if key.startswith("mapping.")}
        mapping.load_state_dict(own, strict=False)
        labels = torch.arange(DRAWN) % shape.classes if shape.classes else None
        more["mapping.w_avg"] = mapping(torch.randn(DRAWN, shape.latent, generator=chance).to(like), labels).mean(dim=0)
    return more


def write(model: TwoPlayer) -> dict[str, dict[str, Tensor]]:
    """A model's networks in NVlabs' layout and, where it can hold them, in rosinality's. Raises ValueError."""
    generator, discriminator = model.generator, model.discriminator
    if not isinstance(generator, Generator) or not isinstance(discriminator, Discriminator):
        raise ValueError("these layouts are of StyleGAN2 alone; use --architecture stylegan2")
    if model.shape.discriminator_conditioning == "ac":
        raise ValueError("these layouts have no place for a discriminator that tells classes")
    nets: dict[str, Generator | Discriminator] = {}
    if model.holds("generator"):
        nets["G"] = generator
    if model.holds("average") and model.average is not None:
        nets["G_ema"] = model.average.net  # type: ignore[assignment]
    if model.holds("discriminator"):
        nets["D"] = discriminator
    files = {f"nvlabs_{name}.pth": layouts.written(net, *layouts.nvlabs(net)) for name, net in nets.items()}
    plain = generator.mapping.embed is None and discriminator.blocks[0].skip is not None
    if plain:  # theirs has neither classes nor plain blocks
        for name, net in nets.items():
            files[f"rosinality_{name.lower()}.pth"] = layouts.written(net, *layouts.rosinality(net))
    return files
