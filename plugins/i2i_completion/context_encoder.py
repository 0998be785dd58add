"""Context Encoder: the middle of a picture, made of what surrounds it.

Pathak, Krähenbühl, Donahue, Darrell, Efros, "Context Encoders: Feature Learning by Inpainting", CVPR 2016,
arXiv:1604.07379. Networks, losses and rates are those of the authors' code for the hole in the middle. Unlike there,
any hole of any picture is filled: each is scaled so that it becomes the middle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

import i2i
from i2i import losses, networks
from i2i_completion.context_networks import CentreDiscriminator, ContextEncoderNetwork
from i2i_completion.filling import Filling
from i2i_completion.masks import middle
from i2i_completion.placing import around, put, scaled, separate

FILL = (2 * 117 / 255 - 1, 2 * 104 / 255 - 1, 2 * 123 / 255 - 1)  # what holes of colour pictures show, as there


class ContextEncoder(Filling):
    """Fill the middle of a picture.

    Terms: `generator/l2` is how far the middle is from what was there, the band around the hole counted ten times,
    `generator/gan` how far it is from passing as real; `discriminator/gan` is how badly the discriminator tells. All
    include their weights.
    """

    run_defaults = {"batch_size": 64, "epochs": 500, "image_size": 128, "resize": 350}  # noqa: RUF012

    @dataclass(frozen=True, kw_only=True)
    class Options(i2i.Options):
        lr: float = i2i.option(2e-4, help="Learning rate of the discriminator.", min=0)
        lr_ratio: float = i2i.option(10.0, help="Learning rate of the generator, relative to that.", min=0)
        betas: tuple[float, float] = i2i.option((0.5, 0.999), help="Adam's decay rates.", min=0, max=1)
        pixel_weight: float = i2i.option(
            0.999, help="Weight of the L2 loss; the adversarial loss has the rest, none at 1.", min=0, max=1
        )
        overlap: int = i2i.option(4, help="Known pixels around the hole that are made, too, so that it fits in.", min=0)
        overlap_weight: float = i2i.option(10.0, help="Weight of the L2 loss there, relative to the hole's.", min=0)
        bottleneck: Literal["conv", "channelwise"] = i2i.option(
            "conv", help="conv squeezes all to a few numbers; channelwise is the paper's, which connects positions."
        )
        bottleneck_width: int = i2i.option(4000, help="Numbers that conv squeezes a picture to.", min=1)
        generator_width: int = i2i.option(64, help="Channels of the generator's first layer.", min=1)
        discriminator_width: int = i2i.option(64, help="Channels of the discriminator's first layer.", min=1)

    def __init__(self, options: Options, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        o, channels = self.options, spec.channels["image"]
        self.size = check_size(spec.image_size, o.overlap)
        generator = ContextEncoderNetwork(channels, self.size, o.generator_width, o.bottleneck, o.bottleneck_width)
        self.generator = networks.initialise(generator, "normal", 0.02)
        if o.pixel_weight < 1:
            judge = CentreDiscriminator(channels, self.size // 2, o.discriminator_width)
            self.discriminator = networks.initialise(judge, "normal", 0.02)

    def optimizers(self, phase: i2i.Phase) -> dict[str, torch.optim.Optimizer]:
        o = self.options
        trained = {"generator": torch.optim.Adam(self.generator.parameters(), o.lr * o.lr_ratio, o.betas)}
        if o.pixel_weight < 1:
            trained["discriminator"] = torch.optim.Adam(self.discriminator.parameters(), o.lr, o.betas)
        return trained

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        o, image = self.options, batch["image"]
        if len(image) < 2:
            raise ValueError(
                "a Context Encoder learns from two pictures at a time at least; use --batch-size 2 or more"
            )
        quarter, half = self.size // 4, self.size // 2
        real = image[:, :, quarter : quarter + half, quarter : quarter + half]
        made = self.generator(self.blank(image, self.hole(0).to(image)))
        asked, terms = {}, {}
        if o.pixel_weight:
            terms["l2"] = o.pixel_weight * weighted_l2(made, real, o.overlap, o.overlap_weight)
        if o.pixel_weight < 1:
            real_logits, fake_logits = self.discriminator(real), self.discriminator(made)
            asked["discriminator"] = {"gan": losses.discriminator(real_logits, fake_logits)}
            terms["gan"] = (1 - o.pixel_weight) * losses.generator(fake_logits)
        yield asked | {"generator": terms}  # one judgement serves both, as in the authors' code

    def hole(self, seed: int) -> Tensor:
        side = self.size // 2 - 2 * self.options.overlap
        return torch.from_numpy(middle((self.size, self.size), side)[None, None]).float()

    def blank(self, picture: Tensor, mask: Tensor) -> Tensor:
        channels = picture.shape[1]
        values = FILL if channels == 3 else (sum(FILL) / 3,) * channels
        return torch.where(mask.bool(), picture.new_tensor(values).view(1, -1, 1, 1), picture)

    def translate(self, inputs: i2i.Batch, request: i2i.Request) -> Tensor:
        source, mask = inputs["source"], inputs["mask"]
        made = torch.cat([self._fill(*one) for one in zip(source.split(1), mask.split(1), strict=True)])
        return self.put(source, made, mask, request)

    def _fill(self, picture: Tensor, mask: Tensor) -> Tensor:
        """Fill the holes (1, 1, H, W) of a picture (1, C, H, W) one after another; each sees those before it filled."""
        inner = self.hole(0).to(picture)
        side, quarter = self.size // 2 - 2 * self.options.overlap, self.size // 4
        for hole in separate(mask):
            square = around(hole, self.size / side)
            open_ = square.view(mask, self.size).round().maximum(inner)  # all of the middle is hidden, as in training
            made = self.generator(self.blank(square.view(picture, self.size), open_))
            whole = scaled(F.pad(made.float(), [quarter] * 4), square.side)  # what surrounds the middle is not used
            (top, left), (height, width) = (hole.top - square.top, hole.left - square.left), hole.pixels.shape
            picture = put(picture, hole, whole[:, :, top : top + height, left : left + width])
            mask = put(mask, hole, torch.zeros_like(hole.pixels, dtype=mask.dtype))
        return picture


def weighted_l2(made: Tensor, real: Tensor, overlap: int, weight: float) -> Tensor:
    """The mean squared difference of middles (N, C, S, S), a band at their edge counted `weight` times."""
    inner = made.shape[2] - 2 * overlap
    inside = torch.from_numpy(middle((made.shape[2], made.shape[3]), inner)).to(made.device)
    weights = torch.where(inside, 1.0, weight)
    difference = made.to(torch.promote_types(made.dtype, torch.float32)) - real
    return (weights * difference.square()).mean()


def check_size(sides: tuple[int, int], overlap: int) -> int:
    """The side of the pictures. Raises ValueError for what is no square, or cannot be halved down to the bottleneck."""
    size = min(sides)
    if max(sides) != size:
        raise ValueError(
            f"a Context Encoder makes the middle of squares, and {sides[1]}x{sides[0]} is none; leave out --image-width"
        )
    if size < 16 or size & (size - 1):
        good = max(16, 2 ** round(math.log2(max(1, size))))
        raise ValueError(
            f"a Context Encoder takes sides that are powers of two, and {size} is none; use --image-size {good}"
        )
    if 2 * overlap >= size // 2:
        raise ValueError(f"--overlap {overlap} leaves nothing of the hole at {size} pixels; use --overlap {size // 32}")
    return size
