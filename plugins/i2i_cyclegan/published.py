"""Weights of the authors' CycleGAN and of CUT: what their files hold, and the same files written back.

The authors name networks by where a picture begins: `G_A` leads from A to B and `D_A` judges what comes out, pictures
of B. Here networks are named by what they make or judge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

import i2i
from i2i import networks

if TYPE_CHECKING:
    from i2i_cyclegan.model import CycleGAN

THEIRS = {"a_to_b": "G_A", "b_to_a": "G_B", "discriminator_a": "D_B", "discriminator_b": "D_A"}
OURS = {theirs: ours for ours, theirs in THEIRS.items()}
LETTER = re.compile(r"(?:^|[_.-])(?:net)?_?[GD]_?([AB])(?:2[AB])?(?:$|[_.-])")  # latest_net_G_A, netG_A2B
WAY = re.compile(r"([A-Za-z]{2,})2([A-Za-z]{2,})")  # summer2winter_yosemite

Files = Mapping[str, Mapping[str, Tensor]]


def understand(files: Files, domains: tuple[str, ...]) -> i2i.Imported:
    """Tell generators and discriminators, where each leads or what it judges, and the options they share."""
    if domains and len(domains) != 2:
        raise ValueError(f"cyclegan has two domains, --domains names {', '.join(domains)}; give SOURCE,TARGET")
    if domains and domains[0] == domains[1]:
        raise ValueError(f"the two domains are both called {domains[0]}; give them two names with --domains")
    names: dict[str, str] = {}
    found: dict[str, networks.Recognised] = {}
    notes = []
    known = domains or _named(files)
    for name, state in files.items():
        if all(key.startswith("mlp_") for key in state):
            notes.append(f"{name}: the projection heads of CUT, which its training alone needs; left out")
            continue
        try:
            net = networks.recognise(state)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        role = _role(name, net, known)
        if role in names:
            raise ValueError(
                f"{names[role]} and {name} would both be the {_in_words(role, known)}; "
                f"say by their names which is which: latest_net_{THEIRS[role]}.pth is this one"
            )
        names[role], found[role] = name, net
    generators = [role for role in ("a_to_b", "b_to_a") if role in found]
    if not generators:
        raise ValueError(f"there is no generator in {', '.join(files)}; name latest_net_G_A.pth or the like, too")
    channels = _channels(found, names)
    options = _options(found, names)
    if channels["a"] != channels["b"]:
        options["identity_weight"] = 0.0  # which needs equal ones
    with torch.device("meta"):
        size = max(256, *(net.build().min_size for net in found.values()))
    weights: dict[str, Tensor] = {}
    for role, net in found.items():
        weights |= net.renamed(files[names[role]], prefix=f"{role}.")
    notes = [
        f"{names[role]}: {found[role].words}; the {_in_words(role, known)}" for role in THEIRS if role in found
    ] + notes
    if not domains:
        notes.append(f"the domains are called {known[0]} and {known[1]}; to call them otherwise: --domains")
    targets = tuple(domain for domain, way in zip(known, ("b_to_a", "a_to_b"), strict=True) if way in found)
    if len(targets) == 1:
        notes.append(f"one generator translates one way: to {targets[0]}")
    spec = i2i.DataSpec(domains=known, channels=channels, image_size=(size, size))
    return i2i.Imported(options, spec, weights, targets, tuple(notes))


def publish(model: CycleGAN) -> dict[str, dict[str, Tensor]]:
    """The networks that the model holds, as the authors' files."""
    held = {theirs: ours for ours, theirs in THEIRS.items() if model.holds(ours)}
    return {f"latest_net_{theirs}.pth": networks.to_reference(getattr(model, ours)) for theirs, ours in held.items()}


def _named(files: Files) -> tuple[str, str]:
    """The domains as a published file names its way, else a and b."""
    ways = [match for name in files if (match := WAY.search(PurePath(name).stem)) and not LETTER.search(name)]
    return (ways[0][1].lower(), ways[0][2].lower()) if ways else ("a", "b")


def _role(name: str, net: networks.Recognised, domains: tuple[str, ...]) -> str:
    """Which of the four networks a file holds: by its letter, else by the way in its name, else from a to b."""
    if net.kind == "multiscale" or net.arguments.get("downs", 2) != 2:
        raise ValueError(f"{name}: it is {net.words}; a CycleGAN has none such, pix2pixHD has")
    kind = "G" if net.kind in ("resnet", "unet") else "D"
    stem = PurePath(name).stem
    if letter := LETTER.search(stem):
        return OURS[f"{kind}_{letter[1]}"]
    way = WAY.search(stem)
    back = way is not None and way[2].lower() == domains[0].lower()
    return OURS[f"{kind}_{'B' if back else 'A'}"]


def _in_words(role: str, domains: tuple[str, ...]) -> str:
    first, second = domains
    return {
        "a_to_b": f"generator from {first} to {second}",
        "b_to_a": f"generator from {second} to {first}",
        "discriminator_a": f"discriminator that judges {first}",
        "discriminator_b": f"discriminator that judges {second}",
    }[role]


def _channels(found: Mapping[str, networks.Recognised], names: Mapping[str, str]) -> dict[str, int]:
    """The channels of each domain, which all files must agree on."""
    said: dict[str, tuple[int, str]] = {}
    for role, net in found.items():
        ends = {"a_to_b": "ab", "b_to_a": "ba", "discriminator_a": "a", "discriminator_b": "b"}[role]
        for domain, key in zip(ends, ("in_channels", "out_channels"), strict=False):
            count, name = said.setdefault(domain, (net.arguments[key], names[role]))
            if count != net.arguments[key]:
                raise ValueError(
                    f"{name} has {count} channels where {names[role]} has {net.arguments[key]}; "
                    "they are not of one model, or one is called by the other's letter"
                )
    return {domain: count for domain, (count, _) in sorted(said.items())}


def _options(found: Mapping[str, networks.Recognised], names: Mapping[str, str]) -> dict[str, Any]:
    """The options of the model, which all files must agree on."""
    options: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for role, net in found.items():
        a = net.arguments
        if net.kind in ("resnet", "unet"):
            mine = {"generator": net.kind, "generator_width": a["width"]}
            same = ("blocks", "dropout", "padding", "upsample", "depth")
        else:
            mine = {"discriminator": net.kind, "discriminator_width": a["width"]}
            mine |= {"discriminator_layers": a["layers"]} if net.kind == "patch" else {}
            same = ()
        mine |= {key: a[key] for key in (*same, "norm", "antialias") if key in a}
        for key, value in mine.items():
            if options.setdefault(key, value) != value:
                raise ValueError(
                    f"{origin[key]} and {names[role]} differ in {key.replace('_', ' ')} "
                    f"({options[key]}, {value}), so they are not of one model"
                )
            origin.setdefault(key, names[role])
    return options
