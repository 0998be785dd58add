"""What can be chosen in training the completion network and in using it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import i2i
from i2i_completion.networks import halved


@dataclass(frozen=True, kw_only=True)
class Options(i2i.Options):
    """Options of training."""

    optimizer: Literal["adadelta", "adam"] = i2i.option(
        "adadelta", help="adadelta is the reference's; adam learns faster on little data."
    )
    lr: float | None = i2i.option(
        None, help="Learning rate of both networks; by default 1 for adadelta and 0.0004 for adam.", min=0
    )
    decay_start: float = i2i.option(
        1.0,
        help="Share of each phase after which the rate falls to 0; 1 keeps it, as the reference does.",
        min=0,
        max=1,
    )
    gan_weight: float = i2i.option(
        4e-4, help="Weight of the adversarial loss; 0 trains the completion network alone, in one phase.", min=0
    )
    pixel_loss: Literal["mse", "l1"] = i2i.option(
        "mse", help="mse is the mean over all pixels, the reference's; l1 the mean over those in holes."
    )
    composite: bool = i2i.option(
        False, help="Show the discriminator the known pixels around what was made, not all that the network makes."
    )
    completion_share: int = i2i.option(90, help="Share of the run for the completion network alone.", min=1)
    discriminator_share: int = i2i.option(10, help="Share of the run for the discriminator alone.", min=1)
    joint_share: int = i2i.option(400, help="Share of the run for both, in turns.", min=1)
    masks: str = i2i.option(
        "boxes", help="Holes to learn from: boxes, strokes, center, or a folder of masks (white is the hole)."
    )
    hole_sizes: tuple[int, int] | None = i2i.option(
        None,
        help="Smallest and largest side of a box, in pixels; by default 3/8 and 1/2 of the pictures' short side.",
        min=1,
    )
    holes: int = i2i.option(1, help="Boxes in a picture, at most.", min=1)
    local_size: int | None = i2i.option(
        None,
        help="Side of the window that the discriminator looks at closely; by default 1/2 of the short side.",
        min=2,
    )
    local_layers: int | None = i2i.option(
        None, help="Halvings of that window; by default 5, or fewer for small ones.", min=1, max=8
    )
    global_layers: int | None = i2i.option(
        None, help="Halvings of the whole picture; by default 5, above 192 pixels 6.", min=1, max=8
    )
    generator_width: int = i2i.option(64, help="Channels of the completion network's first layer.", min=2)
    discriminator_width: int = i2i.option(64, help="Channels of the discriminator's first layers.", min=1)
    norm: Literal["after", "before"] = i2i.option(
        "after", help="Batch norm after each activation, as in the reference, or before it, as in mmagic."
    )
    value_range: Literal["unit", "signed"] = i2i.option(
        "unit", help="What the networks see: unit is 0 to 1, signed -1 to 1, as in mmagic."
    )


def resolve(o: Options, size: tuple[int, int]) -> Options:
    """Fill in what goes by the image size (H, W). Raises ValueError, with what to give, where sizes do not fit."""
    side = min(size)
    local = o.local_size or max(2, side // 2)
    if local > side:
        raise ValueError(f"--local-size {local} is larger than the pictures; use --local-size {side} or less")
    largest = max(1, min(local, side // 2))
    low, high = o.hole_sizes or (max(1, min(largest, side * 3 // 8)), largest)
    if low > high or high > local:
        raise ValueError(
            f"--hole-sizes {low} {high} must rise and lie within the window of --local-size {local}; "
            f"use --hole-sizes {min(low, local)} {min(max(low, high), local)}"
        )
    layers = {
        "local_layers": _halvings(o.local_layers, 5, local, "--local-layers"),
        "global_layers": _halvings(o.global_layers, 6 if side > 192 else 5, side, "--global-layers"),
    }
    lr = o.lr if o.lr is not None else {"adadelta": 1.0, "adam": 4e-4}[o.optimizer]
    return replace(o, lr=lr, local_size=local, hole_sizes=(low, high), **layers)


def _halvings(asked: int | None, usual: int, side: int, flag: str) -> int:
    """How often a tower halves: down to two pixels, for a batch norm of one picture needs more than one pixel."""
    possible = max(n for n in range(9) if n == 0 or halved(side, n) > 1)
    if asked is not None and asked > possible:
        raise ValueError(f"{flag} {asked} leaves a single pixel of {side}; use {flag} {max(1, possible)}")
    return max(1, min(asked or usual, possible))
