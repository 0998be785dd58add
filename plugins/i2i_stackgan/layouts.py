"""How the authors' codes name layers, network by network, and a network's weights under either naming."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from i2i_stackgan.networks import LEVELS

Names = dict[str, str]  # the authors' layer -> this plugin's


def stage1(levels: int) -> Names:
    """StackGAN's generator of stage I."""
    names = {"ca_net.fc": "condition.linear", "fc.0": "seed.linear", "fc.1": "seed.norm"}
    return names | _ups(levels) | {"img.0": "head.conv"}


def stage2(blocks: int) -> Names:
    """StackGAN's generator of stage II, without that of stage I, which lies in it as STAGE1_G."""
    names = {"ca_net.fc": "condition.linear", "encoder.0": "stem.conv"}
    names |= _pair("encoder.2", "down.0") | _pair("encoder.5", "down.1") | _pair("hr_joint.0", "joint")
    return names | _blocks("residual", blocks, "blocks") | _ups(4) | {"img.0": "head.conv"}


def judge(levels: int, alone: bool) -> Names:
    """StackGAN's discriminators, of stage I or, where it judges pictures alone, too, of stage II."""
    names = _widening("encode_img", levels)
    for number in range(levels - LEVELS):
        names |= _pair(f"encode_img.{3 * (levels + number) - 1}", f"narrow.{number}")
    head = "get_cond_logits.outlogits"
    names |= _pair(f"{head}.0", "joint") | {f"{head}.3": "paired"}
    return names | ({"get_uncond_logits.outlogits.0": "alone"} if alone else {})


def tree(levels: int, branches: int, blocks: int) -> Names:
    """StackGAN++'s generator."""
    names = {"ca_net.fc": "condition.linear", "h_net1.fc.0": "seed.linear", "h_net1.fc.1": "seed.norm"}
    names |= _ups(levels, "h_net1.") | {"img_net1.img.0": "heads.0.conv"}
    for branch in range(branches - 1):
        theirs, ours = f"h_net{branch + 2}", f"branches.{branch}"
        names |= _pair(f"{theirs}.jointConv.0", f"{ours}.joint")
        names |= _blocks(f"{theirs}.residual", blocks, f"{ours}.blocks") | _pair(f"{theirs}.upsample.1", f"{ours}.up")
        names[f"img_net{branch + 2}.img.0"] = f"heads.{branch + 1}.conv"
    return names


def tree_judge(levels: int) -> Names:
    """StackGAN++'s discriminators, of 64, 128 or 256 pixels."""
    names = _widening("img_code_s16", LEVELS)
    side = 16
    for level in range(LEVELS, levels):
        side *= 2
        names |= _pair(f"img_code_s{side}.0", f"layers.{level}")
    for number in range(levels - LEVELS):
        names |= _pair(f"img_code_s{side}_{number + 1}.0", f"narrow.{number}")
    return names | {"logits.0": "paired"} | _pair("jointConv.0", "joint") | {"uncond_logits.0": "alone"}


def _pair(theirs: str, ours: str) -> Names:
    """A convolution and the norm that follows it."""
    parent, _, index = theirs.rpartition(".")
    return {theirs: f"{ours}.conv", f"{parent}.{int(index) + 1}": f"{ours}.norm"}


def _ups(levels: int, prefix: str = "") -> Names:
    names: Names = {}
    for level in range(levels):
        names |= _pair(f"{prefix}upsample{level + 1}.1", f"up.{level}")
    return names


def _blocks(theirs: str, blocks: int, ours: str) -> Names:
    names: Names = {}
    for number in range(blocks):
        names |= _pair(f"{theirs}.{number}.block.0", f"{ours}.{number}.first")
        names |= _pair(f"{theirs}.{number}.block.3", f"{ours}.{number}.second")
    return names


def _widening(theirs: str, levels: int) -> Names:
    names = {f"{theirs}.0": "layers.0.conv"}
    for level in range(1, levels):
        names |= _pair(f"{theirs}.{3 * level - 1}", f"layers.{level}")
    return names


def written(net: nn.Module, names: Mapping[str, str]) -> dict[str, Tensor]:
    """A network's state dict under the authors' names, in their order."""
    state = net.state_dict()
    return {theirs: state[ours] for theirs, ours in _leaves(state, names)}


def read(net: nn.Module, names: Mapping[str, str], file: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict under this plugin's names, checked to be all of a network and nothing else.

    Counters that old files lack are 0. Raises ValueError, naming what does not fit.
    """
    own = net.state_dict()
    leaves = dict(_leaves(own, names))
    if unknown := [key for key in state if key not in leaves]:
        raise ValueError(f"{file} holds {unknown[0]}, which has no place in what the rest of it is")
    found = {}
    for theirs, ours in leaves.items():
        if theirs not in state and theirs.endswith("num_batches_tracked"):
            found[ours] = torch.tensor(0)
        elif theirs not in state:
            raise ValueError(f"{file} is not whole: it lacks {theirs}")
        elif state[theirs].shape != own[ours].shape:
            shapes = f"{tuple(state[theirs].shape)}, and {tuple(own[ours].shape)} would fit the rest"
            raise ValueError(f"{file} does not fit together: its {theirs} is {shapes}")
        else:
            found[ours] = state[theirs]
    return found


def _leaves(state: Mapping[str, Tensor], names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each tensor of a network under both names."""
    for theirs, ours in names.items():
        for leaf in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            if f"{ours}.{leaf}" in state:
                yield f"{theirs}.{leaf}", f"{ours}.{leaf}"
