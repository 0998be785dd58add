"""The perceptual loss: VGG-19's features of fakes and photos, with the reference's layers, weights and input range."""

from __future__ import annotations

import os
import sys

import torch
from torch import Tensor, nn

from i2i import losses, networks

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
SMALLEST = 16  # side of a picture, of which relu5_1 makes one pixel


class Had(nn.Module):
    """Remember in a run whether VGG-19's weights were had at its start: a resumed run goes on with the same losses."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = False
        self.now = False
        self.before: bool | None = None  # what the resumed run had

    def resume_state(self) -> dict[str, bool]:
        return {"had": self.agreed()}

    def load_resume_state(self, state: dict[str, bool]) -> None:
        self.before = bool(state["had"])

    def agreed(self) -> bool:
        """Whether the loss is on. Raises ValueError where the run had the weights and they are gone."""
        if self.before is None:
            return self.now
        if self.before and not self.now:
            raise ValueError(
                "this run was started with the perceptual loss, and VGG-19's weights are no longer to be had; bring "
                "them back (i2i doctor shows the cache) and resume again"
            )
        if self.now and not self.before:
            self.now = False
            print("VGG-19's weights can be had now; this run goes on without, as it began.", file=sys.stderr)
        return self.before


def load(where: str, channels: int, side: int) -> networks.Frozen | None:
    """Get VGG-19's weights from a file, or by "download"; None, with a warning, where they cannot be had.

    `side` is that of the smallest picture which it will see, `channels` are theirs. Raises ValueError for a file that
    is not there or holds something else.
    """
    unsuited = ""
    if channels not in (1, 3):
        unsuited = f"VGG-19 takes gray and colour, and the pictures have {channels} channels"
    elif side < SMALLEST:
        unsuited = f"VGG-19 takes pictures of {SMALLEST} pixels and more, and some are of {side}"
    try:
        if unsuited:
            raise OSError(unsuited)
        return networks.VGGFeatures.pretrained(LAYERS, where, imagenet=False)  # the reference shows it [-1, 1]
    except OSError as error:
        if not unsuited and where != "download":
            raise ValueError(
                f"--vgg {where} cannot be read: {error.strerror or error}; put the file there, or start with another, "
                "or with --vgg off"
            ) from None
        if os.environ.get("RANK", "0") == "0":
            way = "" if unsuited else "give the file of weights with --vgg FILE, or "
            print(
                f"Warning: the perceptual loss is off ({error}). Results will be less sharp; {way}--vgg off to train "
                "without.",
                file=sys.stderr,
            )
        return None


def compare(vgg: networks.Frozen, fake: Tensor, real: Tensor) -> Tensor:
    """How differently VGG-19 sees pictures (N, C, H, W) in [-1, 1]; gradients flow to `fake` alone."""
    with torch.no_grad():
        seen = vgg(real)
    return losses.perceptual(vgg(fake), seen, WEIGHTS)
