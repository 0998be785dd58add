"""The authors' files: netG and netD of StackGAN-Pytorch, and of StackGAN-v2, read and written.

What they hold is told from keys and shapes. The text encoder is not among it: the authors' embeddings came from files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

import i2i
from i2i_stackgan import layouts
from i2i_stackgan.networks import CODE, Discriminator, FirstGenerator, SecondGenerator
from i2i_stackgan.tree_networks import Tree

if TYPE_CHECKING:
    from i2i_stackgan.model import StackGAN
    from i2i_stackgan.tree import StackGANTree

State = Mapping[str, Tensor]
Named = dict[str, tuple[str, State]]  # attribute of the model -> name of the file, state dict
SMALL = 4  # doublings from 4 to the 64 pixels that the authors' codes begin with
WITHOUT = (
    "The text encoder is not in these files: draw of a sentence's embedding, with --embedding FILE, "
    "or go on training with --init, which teaches one of the captions."
)


def read_stack(files: Mapping[str, State]) -> i2i.Imported:
    """Understand StackGAN's generator of either stage and, where they are there, discriminators. Raises ValueError."""
    marks = {"stage2": "encoder.0.weight", "stage1": "fc.0.weight", "discriminator1": "encode_img.0.weight"}
    named = _sorted(files, marks, "StackGAN", "netG_epoch_90.pth, say")
    if "stage2" in named:
        name, state = named["stage2"]
        named["stage1"] = name, {k.removeprefix("STAGE1_G."): v for k, v in state.items() if k.startswith("STAGE1_G.")}
        named["stage2"] = name, {k: v for k, v in state.items() if not k.startswith("STAGE1_G.")}
    o = _stage1(*named["stage1"])
    channels, levels = o.pop("channels"), o.pop("levels")
    texts, condition, width = o["text_size"], o["condition_size"], o["generator_width"]
    nets: dict[str, tuple[nn.Module, dict[str, str]]] = {}
    with torch.device("meta"):
        first = FirstGenerator(channels, levels, texts, condition, o["noise_size"], width)
        nets["stage1"] = first, layouts.stage1(levels)
        o["stages"] = 1 + ("stage2" in named)
        if "stage2" in named:
            o["blocks"] = _count(named["stage2"][1], r"residual\.\d+\.block\.0\.weight")
            second = SecondGenerator(channels, texts, condition, width, o["blocks"])
            nets["stage2"] = second, layouts.stage2(o["blocks"])
        for attribute, plus in (("discriminator1", 0), ("discriminator2", 2)):
            if attribute in named:
                o["discriminator_width"] = _shape(*named[attribute], "encode_img.0.weight", 4)[0]
                net = Discriminator(channels, levels + plus, condition, o["discriminator_width"], alone=plus > 0)
                nets[attribute] = net, layouts.judge(levels + plus, alone=plus > 0)
    side = CODE * 2 ** (levels + 2 * (o["stages"] - 1))
    what = f"stage {'I' * o['stages']}'s generator, width {width}, {o.get('blocks', 0)} residual blocks"
    return _imported(o, nets, named, channels, side, f"StackGAN, {what}")


def read_tree(files: Mapping[str, State]) -> i2i.Imported:
    """Understand StackGAN++'s generator and, where they are there, discriminators. Raises ValueError."""
    marks = {"generator": "h_net1.fc.0.weight", "discriminator1": "img_code_s16.0.weight"}
    named = _sorted(files, marks, "StackGAN++", "netG_126000.pth, say")
    name, state = named["generator"]
    if "ca_net.fc.weight" not in state:
        raise ValueError(f"{name} has no ca_net: it draws without sentences, and this model draws of them")
    conditions, texts = _shape(name, state, "ca_net.fc.weight", 2)
    channels, width = _shape(name, state, "img_net1.img.0.weight", 4)[:2]
    branches, levels = _count(state, r"img_net\d+\.img\.0\.weight"), _count(state, r"h_net1\.upsample\d+\.1\.weight")
    if not 1 <= branches <= 3:
        raise ValueError(f"{name} draws at {branches} sizes; this model has 1 to 3")
    o: dict[str, Any] = {
        "text_size": texts,
        "condition_size": conditions // 4,
        "noise_size": _shape(name, state, "h_net1.fc.0.weight", 2)[1] - conditions // 4,
        "generator_width": width,
        "branches": branches,
        "blocks": _count(state, r"h_net2\.residual\.\d+\.block\.0\.weight"),
    }
    with torch.device("meta"):
        net = Tree(channels, levels, branches, texts, o["condition_size"], o["noise_size"], width, o["blocks"])
        nets: dict[str, tuple[nn.Module, dict[str, str]]] = {}
        nets["generator"] = nets["average.net"] = net, layouts.tree(levels, branches, o["blocks"])
        named["average.net"] = named["generator"]  # what the authors save is the average
        for number in range(branches):
            if (attribute := f"discriminator{number + 1}") in named:
                o["discriminator_width"] = _shape(*named[attribute], "img_code_s16.0.weight", 4)[0]
                judge = Discriminator(
                    channels, levels + number, o["condition_size"], o["discriminator_width"], True, True
                )
                nets[attribute] = judge, layouts.tree_judge(levels + number)
    side = CODE * 2 ** (levels + branches - 1)
    what = f"the generator of {branches} sizes, width {width}, {o['blocks']} residual blocks"
    return _imported(o, nets, named, channels, side, f"StackGAN++, {what}")


def _imported(
    options: dict[str, Any],
    nets: Mapping[str, tuple[nn.Module, dict[str, str]]],
    named: Named,
    channels: int,
    side: int,
    what: str,
) -> i2i.Imported:
    weights = {
        f"{attribute}.{key}": value
        for attribute, (net, names) in nets.items()
        for key, value in layouts.read(net, names, *named[attribute]).items()
    }
    judges = sum(attribute.startswith("discriminator") for attribute in nets)
    some = f", and {judges} discriminator{'s' * (judges > 1)}" if judges else ""
    text, noise = options["text_size"], options["noise_size"]
    found = (
        f"{what}{some}: draws {side} pixels of {noise} random numbers and embeddings of {text:,}",
        WITHOUT,
    )
    spec = i2i.DataSpec(channels={"image": channels}, image_size=(side, side))
    return i2i.Imported(options, spec, weights, (), found)


def _sorted(files: Mapping[str, State], marks: Mapping[str, str], method: str, example: str) -> Named:
    """Tell files apart by a key that each kind has; discriminators also by their number of layers."""
    named: Named = {}
    for name, state in files.items():
        kind = next((kind for kind, key in marks.items() if key in state), None)
        if kind is None:
            some = ", ".join(list(state)[:3])
            raise ValueError(f"{name} holds neither a generator of {method} nor a discriminator; it has {some}, ...")
        if kind == "discriminator1":
            kind = _which(state)
        if kind in named:
            raise ValueError(f"{named[kind][0]} and {name} are the same network; give one of each")
        named[kind] = name, state
    if not named.keys() & {"stage1", "stage2", "generator"}:
        raise ValueError(f"a discriminator alone draws nothing; give a generator, too: {example}")
    if "stage1" in named and "discriminator2" in named and "stage2" not in named:
        raise ValueError(f"{named['discriminator2'][0]} is of stage II; give stage II's generator with it")
    return named


def _which(state: State) -> str:
    """Which discriminator it is: of StackGAN's two, or of StackGAN++'s three."""
    if "img_code_s16.0.weight" in state:
        return f"discriminator{1 + sum(f'img_code_s{side}.0.weight' in state for side in (32, 64))}"
    return f"discriminator{1 + ('get_uncond_logits.outlogits.0.weight' in state)}"


def _stage1(name: str, state: State) -> dict[str, Any]:
    conditions, texts = _shape(name, state, "ca_net.fc.weight", 2)
    rows, columns = _shape(name, state, "fc.0.weight", 2)
    levels = _count(state, r"upsample\d+\.1\.weight")
    return {
        "text_size": texts,
        "condition_size": conditions // 2,
        "noise_size": columns - conditions // 2,
        "generator_width": 2 * rows // CODE**2 >> levels,
        "channels": _shape(name, state, "img.0.weight", 4)[0],
        "levels": levels,
    }


def _shape(name: str, state: State, key: str, dimensions: int) -> tuple[int, ...]:
    if key not in state or state[key].dim() != dimensions:
        raise ValueError(f"{name} is not whole: it has no {key}")
    return tuple(state[key].shape)


def _count(state: State, pattern: str) -> int:
    return sum(re.fullmatch(pattern, key) is not None for key in state)


def write_stack(model: StackGAN) -> dict[str, dict[str, Tensor]]:
    """StackGAN's files, under the names that the authors' code gives them. Raises ValueError."""
    o, side = model.options, model.spec.image_size[0] // (4 if model.options.stages == 2 else 1)
    _check_size(side, "stage I")
    first = layouts.written(model.stage1, layouts.stage1(SMALL))
    if o.stages == 1:
        files = {"netG_epoch_last.pth": first}
    else:
        second = layouts.written(model.stage2, layouts.stage2(o.blocks))
        files = {"netG_epoch_last.pth": {f"STAGE1_G.{key}": value for key, value in first.items()} | second}
    last = f"discriminator{o.stages}"
    if model.holds(last):
        names = layouts.judge(SMALL + 2 * (o.stages - 1), alone=o.stages == 2)
        files["netD_epoch_last.pth"] = layouts.written(model.get_submodule(last), names)
    return files


def write_tree(model: StackGANTree) -> dict[str, dict[str, Tensor]]:
    """StackGAN++'s files: as the authors', the generator is the average. Raises ValueError."""
    o = model.options
    _check_size(model.spec.image_size[0] // 2 ** (o.branches - 1), "the smallest size")
    files = {"netG_last.pth": layouts.written(model.average.net, layouts.tree(SMALL, o.branches, o.blocks))}
    for number, (name, net) in enumerate(model.discriminators.items()):
        if model.holds(name):
            files[f"netD{number}.pth"] = layouts.written(net, layouts.tree_judge(SMALL + number))
    return files


def _check_size(side: int, what: str) -> None:
    if side != CODE * 2**SMALL:
        raise ValueError(f"the authors' code draws {CODE * 2**SMALL} pixels at {what}, and this model {side}")
