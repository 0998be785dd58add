"""First weights, by the rules of the reference codes."""

from __future__ import annotations

from typing import TypeVar

from torch import nn

from i2i.options import nearest

KINDS = ("normal", "xavier", "kaiming", "orthogonal")
Net = TypeVar("Net", bound=nn.Module)


def initialise(net: Net, kind: str = "normal", gain: float = 0.02, *, biases: bool = True) -> Net:
    """Draw the weights of every convolution, linear layer and batch norm anew, in place; return the network.

    `normal` draws from N(0, gain), as pix2pix and CycleGAN do; `xavier` (CUT, BicycleGAN) and `orthogonal` scale by
    `gain`; `kaiming` (fan in, for ReLU) does not use it. Batch norm weights are drawn from N(1, gain) and their biases
    set to 0. Other biases are set to 0, or left as they are with `biases=False` (pix2pixHD). Raises LookupError for
    another kind.
    """
    if kind not in KINDS:
        raise LookupError(f'there is no initialisation "{kind}"' + nearest(kind, KINDS, f"choose {', '.join(KINDS)}"))
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            if kind == "normal":
                nn.init.normal_(layer.weight, 0.0, gain)
            elif kind == "xavier":
                nn.init.xavier_normal_(layer.weight, gain)
            elif kind == "kaiming":
                nn.init.kaiming_normal_(layer.weight)
            else:
                nn.init.orthogonal_(layer.weight, gain)
            if biases and layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d) and layer.affine:
            nn.init.normal_(layer.weight, 1.0, gain)
            nn.init.zeros_(layer.bias)
    return net
