"""What can be chosen in training pix2pixHD and in using it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

import i2i
from i2i_pix2pixhd.maps import pairs


@dataclass(frozen=True, kw_only=True)
class Options(i2i.Options):
    """Options of training."""

    lr: float = i2i.option(2e-4, help="Learning rate of all networks.", min=0)
    betas: tuple[float, float] = i2i.option((0.5, 0.999), help="Adam's decay rates.", min=0, max=1)
    generator: Literal["local", "global"] = i2i.option(
        "local", help="global trains the global generator alone; local doubles its size by an enhancer after that."
    )
    global_share: int = i2i.option(200, help="Share of the run for the global generator, at half size.", min=1)
    enhancer_share: int = i2i.option(10, help="Share of the run for the enhancer alone, at full size.", min=1)
    joint_share: int = i2i.option(90, help="Share of the run for enhancer and global generator together.", min=1)
    decay_start: float = i2i.option(
        0.5, help="Share of each resolution's training after which the rate falls to 0.", min=0, max=1
    )
    gan: Literal["lsgan", "vanilla", "hinge"] = i2i.option("lsgan", help="Adversarial loss.")
    feature_weight: float = i2i.option(10.0, help="Weight of feature matching in the discriminators.", min=0)
    vgg_weight: float = i2i.option(10.0, help="Weight of the perceptual loss.", min=0)
    vgg: str = i2i.option("download", help="VGG-19 for it: download, off, or a file in torchvision's layout.")
    instances: bool = i2i.option(True, help="Show the edges of instances, where the data has instance maps.")
    generator_width: int = i2i.option(
        64, help="Channels of the global generator's first layer; the enhancer's has half.", min=2
    )
    downs: int = i2i.option(4, help="Halvings of the global generator.", min=1, max=8)
    blocks: int = i2i.option(9, help="Residual blocks of the global generator.", min=1)
    enhancer_blocks: int = i2i.option(3, help="Residual blocks of the enhancer.", min=0)
    upsample: Literal["transposed", "resize"] = i2i.option(
        "transposed", help="How generators double sides; resize draws no checkerboard."
    )
    discriminator_width: int = i2i.option(64, help="Channels of the discriminators' first layer.", min=1)
    discriminator_layers: int = i2i.option(3, help="Halvings of each discriminator.", min=1, max=12)
    scales: int = i2i.option(2, help="Discriminators, each at half the size of the one before.", min=1, max=6)
    features: Literal["none", "instance", "label"] = i2i.option(
        "none", help="Encode how each instance, or all of a label, looks, so that styles can be chosen later."
    )
    feature_channels: int = i2i.option(3, help="Numbers that describe how an instance looks.", min=1)
    encoder_width: int = i2i.option(16, help="Channels of the feature encoder's first layer.", min=1)
    encoder_downs: int = i2i.option(4, help="Halvings of the feature encoder.", min=1, max=8)
    clusters: int = i2i.option(10, help="Styles kept for each label.", min=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.generator == "local" and self.generator_width % 2:
            near = self.generator_width + 1
            raise ValueError(
                f"--generator-width is {self.generator_width}, and the enhancer has half of it; use {near}, or "
                "--generator global"
            )
        if self.vgg not in ("download", "off"):  # so that a run goes on from any folder
            object.__setattr__(self, "vgg", os.path.abspath(os.path.expanduser(self.vgg)))


@dataclass(frozen=True, kw_only=True)
class Request(i2i.Request):
    """Options of one translation."""

    edit: str | None = i2i.option(None, help="Labels to exchange first: 9=3,4=0 makes 3 of 9 and 0 of 4.")
    style: str | None = i2i.option(None, help="Styles by label: 10=4; others are drawn. Needs --features.")
    object_style: str | None = i2i.option(None, help="Styles by number in the instance map: 17=2.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("edit", "style", "object_style"):
            pairs(getattr(self, name), "--" + name.replace("_", "-"))
