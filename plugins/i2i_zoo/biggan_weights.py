"""BigGAN's published weights, read and written: the state dicts G, G_ema and D of BigGAN-PyTorch.

What a file holds is told from keys and shapes. Names differ by rules alone; counters of batch norms are not in theirs.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

import i2i
from i2i import networks
from i2i_zoo.architectures.biggan import PLANS, BigGAN, BigGenerator
from i2i_zoo.parts import Shape

if TYPE_CHECKING:
    from i2i_zoo.model import TwoPlayer

State = Mapping[str, Tensor]
Named = dict[str, tuple[str, State]]  # attribute of the model -> name of the file, state dict
OF = "BigGAN-PyTorch"
MARKS = {"output_layer.2.weight": "generator", "embed.weight": "discriminator"}
RULES = (  # ours -> theirs
    (r"^norm\.weight$", "output_layer.0.gain"),
    (r"^norm\.running_", "output_layer.0.stored_"),
    (r"^norm\.", "output_layer.0."),
    (r"^conv\.", "output_layer.2."),
    (r"^head\.", ""),
    (r"\.norm\.running_", ".stored_"),
    (r"\.u$", ".u0"),
    (r"\.sigma$", ".sv0"),
)
UNSEEN = "num_batches_tracked"
TOLD = ("shared+projection", "table+projection")  # the conditionings of that code


def read(files: Mapping[str, State], domains: tuple[str, ...]) -> i2i.Imported:
    """Understand a generator, its average and a discriminator, of which some may be missing. Raises ValueError."""
    named = _named(files)
    name, drawn = named["average.net"]
    numbers, shape = _generator(name, drawn)
    if "discriminator" in named:
        numbers = _with_discriminator(numbers, shape, *named["discriminator"])
    if domains and len(domains) != shape.classes:
        raise ValueError(f"the networks know {shape.classes} classes, and --domains names {len(domains)}")
    architecture = BigGAN(**numbers)
    architecture.check(shape)
    with torch.device("meta"):
        nets = {"generator": architecture.generator(shape), "discriminator": architecture.discriminator(shape)}
    weights = {
        f"{attribute}.{key}": value
        for attribute, (name, state) in named.items()
        for key, value in _fitted(nets[attribute.replace("average.net", "generator")], name, state).items()
    }
    spelled = ",".join(f"{key}={str(value).lower()}" for key, value in numbers.items())
    options = {
        "architecture": f"biggan:{spelled}",
        "latent": f"normal:{shape.latent}",
        "conditioning": shape.conditioning,
    }
    names = domains or tuple(str(number) for number in range(shape.classes))
    spec = i2i.DataSpec(
        names, {"image": shape.channels}, shape.size, num_labels=shape.classes, extra={"labels": "classes"}
    )
    judged = " and its discriminator" if "discriminator" in named else ""
    found = (
        f"BigGAN's generator{judged}, width {numbers['width']}: draws {shape.size[0]} pixels of {shape.classes} "
        f"classes and {shape.latent} random numbers"
    )
    return i2i.Imported(options, spec, weights, names, (found,))


def write(model: TwoPlayer) -> dict[str, dict[str, Tensor]]:
    """A model's networks as that code names them, G.pth, G_ema.pth and D.pth. Raises ValueError."""
    if not isinstance(model.generator, BigGenerator):
        raise ValueError(f"{OF}'s layout is of BigGAN alone; use --architecture biggan")
    if model.shape.conditioning not in TOLD:
        raise ValueError(f"{OF}'s networks are told the class by {' or '.join(TOLD)}, not {model.shape.conditioning}")
    if model.discriminator.head.turns is not None or model.discriminator.head.classes is not None:
        raise ValueError(f"{OF}'s discriminator tells neither turns nor classes, and this one does")
    nets: dict[str, nn.Module] = {}
    if model.holds("generator"):
        nets["G.pth"] = model.generator
    if model.holds("average") and model.average is not None:
        nets["G_ema.pth"] = model.average.net
    if model.holds("discriminator"):
        nets["D.pth"] = model.discriminator
    if (eps := model.architecture.eps) != BigGAN.eps:  # type: ignore[attr-defined]  # a BigGenerator is of BigGAN
        warnings.warn(
            f"this generator's norms add {eps:g} to the variance, which files of {OF} do not say; that code draws the "
            f"same with --BN_eps {eps:g}, and i2i import takes it for {BigGAN.eps:g}",
            stacklevel=2,
        )
    return {name: {key: _reshaped(key, net.state_dict()[own]) for key, own in _keys(net)} for name, net in nets.items()}


def _keys(net: nn.Module) -> Iterator[tuple[str, str]]:
    """Each tensor of a network under their name and ours."""
    for own in net.state_dict():
        if not own.endswith(UNSEEN):
            theirs = own
            for pattern, place in RULES:
                theirs = re.sub(pattern, place, theirs)
            yield theirs, own


def _reshaped(theirs: str, value: Tensor) -> Tensor:
    """A tensor as their file has it: vectors of spectral norms are rows, singular values vectors."""
    return value[None] if theirs.endswith((".u0", ".sv0")) else value


def _named(files: Mapping[str, State]) -> Named:
    """Which network each file is; one of generator and average stands for the other where it is missing."""
    named: Named = {}
    for name, state in files.items():
        networks.check_claims(name, state, OF)
        kind = next((kind for key, kind in MARKS.items() if key in state), None)
        if kind is None:
            some = ", ".join(list(state)[:3])
            raise ValueError(f"{name} holds neither a generator of {OF} nor a discriminator; it has {some}, ...")
        if kind == "generator" and "ema" in name.lower():
            kind = "average.net"
        if kind in named:
            raise ValueError(f"{named[kind][0]} and {name} are the same network; give one of each")
        named[kind] = name, state
    if not named.keys() & {"generator", "average.net"}:
        raise ValueError("a discriminator alone draws nothing; give a generator, too: G_ema.pth, say")
    named.setdefault("average.net", named.get("generator", ("", {})))
    named.setdefault("generator", named["average.net"])
    return named


def _generator(name: str, state: State) -> tuple[dict[str, Any], Shape]:
    """The architecture's numbers and what it is built for, of a generator's shapes."""
    doublings = _blocks(state)
    side = next((side for side, plan in PLANS.items() if plan.doublings == doublings), 0)
    if not side:
        raise ValueError(f"{name} has {doublings} blocks; BigGAN's generators have 3 to 6")
    channels, last = _shape(name, state, "output_layer.2.weight", 4)[:2]
    latent = _shape(name, state, "linear.weight", 2)[1]
    rows, columns = _shape(name, state, "blocks.0.0.bn1.gain.weight", 2)
    table = "shared.weight" not in state
    classes, shared = (rows, 0) if table else _shape(name, state, "shared.weight", 2)
    hier = not table and columns > shared
    numbers = {
        "width": max(last // PLANS[side].generator[-1], 1),
        "hier": hier,
        "spectral": "g" * ("linear.u0" in state) or "none",
        "attention": _attention(state, PLANS[side].sides((side, side))[0]),
    } | ({} if table else {"shared": shared})
    numbers["attend"] = "g" if numbers["attention"] else "gd"
    told = TOLD[1] if table else TOLD[0]
    return numbers, Shape(channels, (side, side), latent * (doublings + 1 if hier else 1), classes, told)


def _with_discriminator(numbers: Mapping[str, Any], shape: Shape, name: str, state: State) -> dict[str, Any]:
    """The numbers with those of a discriminator's shapes. Raises ValueError where it is not for that generator."""
    plan = PLANS[shape.size[0]]
    if _blocks(state) != len(plan.discriminator):
        raise ValueError(f"{name} has {_blocks(state)} blocks, and a discriminator of {shape.size[0]} pixels "
                         f"{len(plan.discriminator)}; give one of as many pixels as the generator's")  # fmt: skip
    if (classes := _shape(name, state, "embed.weight", 2)[0]) != shape.classes:
        raise ValueError(
            f"{name} knows {classes} classes, and the generator {shape.classes}; give two that belong together"
        )
    width = _shape(name, state, "blocks.0.0.conv1.weight", 4)[0] // plan.discriminator[0]
    side, spectral = _attention(state, plan.sides(shape.size)[1]), numbers["spectral"].replace("none", "")
    if side and numbers["attention"] and side != numbers["attention"]:
        raise ValueError(
            f"{name} has attention at {side} pixels, and the generator at {numbers['attention']}; "
            "here both have it at the same side"
        )
    attend = "g" * bool(numbers["attention"]) + "d" * bool(side)
    return {
        **numbers,
        "ratio": max(width, 1) / numbers["width"],
        "spectral": spectral + "d" * ("linear.u0" in state) or "none",
        "attention": side or numbers["attention"],
        "attend": attend or "gd",
    }


def _fitted(net: nn.Module, name: str, state: State) -> dict[str, Tensor]:
    """A state dict under our names, checked to be all of a network and nothing else. Raises ValueError."""
    own = net.state_dict()
    found = {key: torch.tensor(0) for key in own if key.endswith(UNSEEN)}
    keys = dict(_keys(net))
    if unknown := [key for key in state if key not in keys]:
        raise ValueError(f"{name} holds {unknown[0]}, which has no place in what the rest of it is")
    for theirs, ours in keys.items():
        wanted = tuple(_reshaped(theirs, own[ours]).shape)
        if theirs not in state:
            raise ValueError(f"{name} is not whole: it lacks {theirs}")
        if tuple(state[theirs].shape) != wanted:
            shapes = f"{tuple(state[theirs].shape)}, and {wanted} would fit the rest"
            raise ValueError(f"{name} does not fit together: its {theirs} is {shapes}")
        found[ours] = state[theirs].reshape(own[ours].shape)
    return found


def _shape(name: str, state: State, key: str, dimensions: int) -> tuple[int, ...]:
    if key not in state or state[key].dim() != dimensions:
        raise ValueError(f"{name} is not whole: it has no {key}")
    return tuple(state[key].shape)


def _blocks(state: State) -> int:
    return sum(re.fullmatch(r"blocks\.\d+\.0\.conv1\.weight", key) is not None for key in state)


def _attention(state: State, sides: list[int]) -> int:
    """The side of the maps that the first attention is at; 0 without one."""
    places = (place for place in range(len(sides)) if f"blocks.{place}.1.theta.weight" in state)
    return next((sides[place] for place in places), 0)
