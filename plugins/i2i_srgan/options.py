"""What can be chosen in training SRGAN."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

import i2i


@dataclass(frozen=True, kw_only=True)
class Options(i2i.Options):
    """Options of training."""

    scale: int = i2i.option(4, help="How many times pictures are enlarged: 2, 3, 4 or 8.", min=2, max=8)
    generator: Literal["msrresnet", "srresnet", "rrdb"] = i2i.option(
        "msrresnet", help="BasicSR's SRResNet without norms, which is better and faster; the paper's; or ESRGAN's."
    )
    width: int = i2i.option(64, help="Channels of the generator.", min=1)
    blocks: int | None = i2i.option(None, help="Blocks of the generator; by default 16, of rrdb 23.", min=1)
    growth: int = i2i.option(32, help="Channels that each convolution of rrdb adds.", min=1)
    skip: Literal["none", "bilinear", "bicubic"] | None = i2i.option(
        None,
        help="What the network's picture is added to; by default the bilinear enlargement for msrresnet, else none.",
    )
    ema: float = i2i.option(
        0.999, help="Decay of the average of weights that translates; 0 translates with the last weights.", min=0, max=1
    )

    pretrain_share: int = i2i.option(5, help="Share of the run for the generator alone, on pixels.", min=0)
    adversarial_share: int = i2i.option(1, help="Share of the run against the discriminator; 0 leaves it out.", min=0)
    lr: float = i2i.option(2e-4, help="Learning rate of pre-training; the paper's is 1e-4.", min=0)
    adversarial_lr: float = i2i.option(1e-4, help="Learning rate of both networks in the adversarial phase.", min=0)
    betas: tuple[float, float] = i2i.option((0.9, 0.999), help="Adam's decay rates.", min=0, max=1)
    pretrain_decay: Literal["cosine", "none"] = i2i.option(
        "cosine", help="How the rate falls in pre-training: to a hundredth, or not, as in the paper."
    )
    adversarial_decay: float = i2i.option(
        0.5, help="Share of the adversarial phase after which the rate is a tenth.", min=0, max=1
    )
    distance: Literal["l2", "l1"] = i2i.option("l2", help="How pixels and features are compared; l1 is ESRGAN's.")

    content: Literal["features", "pixels"] = i2i.option(
        "features", help="What the adversarial phase compares: what a trained network sees, or pixels."
    )
    content_weight: float = i2i.option(0.006, help="Weight of the comparison of features.", min=0)
    backbone: Literal["vgg19", "vgg16", "squeezenet"] = i2i.option(
        "vgg19", help="The trained network for features; the paper's is vgg19."
    )
    content_weights: str = i2i.option("download", help="The file of its weights, or download.")
    content_layer: str | None = i2i.option(
        None, help="Which of its layers; by default relu5_4, of vgg16 relu5_3. conv5_4, before the ReLU, is ESRGAN's."
    )
    pixel_weight: float = i2i.option(
        1.0,
        help="Weight of pixels beside features in the adversarial phase: they hold colours; the paper's is 0.",
        min=0,
    )
    gan: Literal["vanilla", "relativistic"] = i2i.option("vanilla", help="Adversarial loss; relativistic is ESRGAN's.")
    gan_weight: float = i2i.option(1e-3, help="Weight of the adversarial loss.", min=0)
    discriminator_width: int = i2i.option(64, help="Channels of the discriminator's first layer.", min=1)

    degradation: Literal["bicubic", "blur", "second-order"] = i2i.option(
        "bicubic",
        help="How small pictures are made: as MATLAB shrinks them; by the paper's Gaussian blur; or blurred, resized, "
        "made noisy and compressed, twice, for photos of unknown origin.",
    )
    blur_sigma: float = i2i.option(1.6, help="Deviation of the blur, in pixels of the large picture.", min=0.1, max=20)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.content_weights != "download":  # so that a run goes on from any folder
            object.__setattr__(self, "content_weights", os.path.abspath(os.path.expanduser(self.content_weights)))
