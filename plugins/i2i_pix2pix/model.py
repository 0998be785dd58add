"""pix2pix: one generator, taught by pairs, by L1 and by a discriminator that sees what it was given.

Isola, Zhu, Zhou, Efros, "Image-to-Image Translation with Conditional Adversarial Networks", 2017, arXiv:1611.07004.
As in the authors' code and unlike the paper, the innermost up-sampling has no dropout. Unlike both, pictures are
translated without dropout by default, so that a picture has one translation; `--inference dropout` is theirs.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

import i2i
from i2i import losses, networks
from i2i_pix2pix import published
from i2i_pix2pix.inference import inference

DEEPEST = 8  # halvings of the paper's U-Net


class Pix2Pix(i2i.Model):
    """Translate `source` to `target` with a U-Net.

    Terms: `gan` is how far the translation is from fooling the discriminator and `l1` how far it is from the target;
    `discriminator/gan` is how badly the discriminator tells the two. All include their weights.
    """

    run_defaults = {"batch_size": 1, "epochs": 200, "image_size": 256, "resize": 286}  # noqa: RUF012

    @dataclass(frozen=True, kw_only=True)
    class Options(i2i.Options):
        lr: float = i2i.option(2e-4, help="Learning rate of both networks.", min=0)
        betas: tuple[float, float] = i2i.option((0.5, 0.999), help="Adam's decay rates.", min=0, max=1)
        decay_start: float = i2i.option(0.5, help="Share of the run after which the rate falls to 0.", min=0, max=1)
        decay_stages: int = i2i.option(
            200, help="Stairs the fall is cut by; the reference has --epochs of them.", min=1
        )
        gan: Literal["vanilla", "lsgan"] = i2i.option("vanilla", help="Adversarial loss.")
        gan_weight: float = i2i.option(1.0, help="Weight of the adversarial loss; 0 trains by L1 alone.", min=0)
        l1_weight: float = i2i.option(100.0, help="Weight of the L1 loss; 0 trains by the GAN alone.", min=0)
        conditional: bool = i2i.option(
            True, help="Show the discriminator the source beside what it judges; off is the paper's ablation."
        )
        generator_width: int = i2i.option(64, help="Channels of the U-Net's first layer.", min=1)
        depth: int | None = i2i.option(
            None, help="Halvings of the U-Net; by default as many as --image-size allows, 8 at most.", min=2, max=12
        )
        dropout: float = i2i.option(0.5, help="Share dropped in inner levels of the U-Net: its noise.", min=0, max=1)
        upsample: Literal["transposed", "resize"] = i2i.option(
            "transposed", help="How the U-Net doubles sides; resize draws no checkerboard."
        )
        discriminator: Literal["patch", "pixel"] = i2i.option("patch", help="Kind of the discriminator.")
        discriminator_width: int = i2i.option(64, help="Channels of the discriminator's first layer.", min=1)
        discriminator_layers: int = i2i.option(
            3, help="Halvings of a patch discriminator: its patch is 16, 34, 70, 142, 286 at 1 to 5.", min=1, max=12
        )
        norm: Literal["batch", "instance", "none"] = i2i.option("batch", help="Normalisation in both networks.")
        initialisation: Literal["normal", "xavier", "kaiming", "orthogonal"] = i2i.option(
            "normal", help="Rule of the first weights."
        )
        initialisation_gain: float = i2i.option(0.02, help="Scale of the first weights.", min=0)

    @dataclass(frozen=True, kw_only=True)
    class Request(i2i.Request):
        inference: Literal["instance", "running", "dropout"] = i2i.option(
            "instance",
            help="Statistics of each picture by itself, or the running ones of training; or, as in the paper, of each "
            "picture with dropout, which draws another result for each --seed.",
        )

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.samples > 1 and self.inference != "dropout":
                raise ValueError(
                    f"--samples {self.samples} would write the same picture {self.samples} times; "
                    "for different ones add --inference dropout"
                )

    def __init__(self, options: Options, spec: i2i.DataSpec) -> None:
        options = dataclasses.replace(options, depth=choose_depth(options.depth, spec.image_size))
        super().__init__(options, spec)
        o = self.options
        source, target = self._channels()
        if not o.gan_weight and not o.l1_weight:
            raise ValueError("--gan-weight 0 and --l1-weight 0 leave nothing to learn; give one of them a weight")
        self.generator = networks.initialise(
            networks.UNet(source, target, o.generator_width, o.depth, o.norm, o.dropout, o.upsample),
            o.initialisation,
            o.initialisation_gain,
        )
        judged = source + target if o.conditional else target
        net: networks.PatchDiscriminator | networks.PixelDiscriminator
        if o.discriminator == "pixel":
            net = networks.PixelDiscriminator(judged, o.discriminator_width, o.norm)
        else:
            net = networks.PatchDiscriminator(judged, o.discriminator_width, o.discriminator_layers, o.norm)
        self.discriminator = networks.initialise(net, o.initialisation, o.initialisation_gain)
        self.size_multiple, self.min_size = self.generator.size_multiple, self.generator.min_size
        if min(spec.image_size) < net.min_size:
            raise ValueError(
                f"image size {min(spec.image_size)} is too small for this discriminator; "
                f"use --image-size {2 ** math.ceil(math.log2(net.min_size))} or more, or fewer --discriminator-layers"
            )
        if spec.extra.get("derive") == "mask":
            self.inputs = ("source", "mask")
        if o.gan_weight:
            self.watches = (i2i.Watch("discriminator/gan", below=0.005, steps=500, advice=_ADVICE),)

    def _channels(self) -> tuple[int, int]:
        channels = self.spec.channels
        if "source" not in channels and "label" in channels:
            raise ValueError(
                "pix2pix makes pictures of pictures, and the sources of this data are maps of label numbers; "
                "pix2pixhd takes those, or paint each label in a colour of its own"
            )
        return channels["source"], channels["target"]

    def phases(self) -> list[i2i.Phase]:
        o = self.options
        return [i2i.Phase("train", lr=i2i.linear_decay(o.decay_start, stages=o.decay_stages))]

    def optimizers(self, phase: i2i.Phase) -> dict[str, torch.optim.Optimizer]:
        trained: dict[str, nn.Module] = {"generator": self.generator}
        if self.options.gan_weight:
            trained["discriminator"] = self.discriminator
        lr, betas = self.options.lr, self.options.betas
        return {name: torch.optim.Adam(net.parameters(), lr, betas) for name, net in trained.items()}

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        o = self.options
        source, target = batch["source"], batch["target"]  # (N, C, H, W) in [-1, 1]

        fake = self.generator(source)
        terms = {}
        if o.gan_weight:
            fake_logits = self._judge(source, fake.detach())
            real_logits = self._judge(source, target)
            yield "discriminator", {"gan": 0.5 * losses.discriminator(real_logits, fake_logits, o.gan)}
            terms["gan"] = o.gan_weight * losses.generator(self._judge(source, fake), o.gan)
        if o.l1_weight:
            terms["l1"] = o.l1_weight * losses.l1(fake, target)
        yield "generator", terms

    def _judge(self, source: Tensor, picture: Tensor) -> Tensor:
        """Logits of a target, or of what the generator made in its place."""
        shown = torch.cat([source, picture], dim=1) if self.options.conditional else picture
        return self.discriminator(shown)

    def translate(self, inputs: i2i.Batch, request: i2i.Request) -> Tensor:
        mode = getattr(request, "inference", "instance")  # the sample sheet asks with a plain i2i.Request
        if mode == "dropout" and not any(isinstance(layer, nn.Dropout) for layer in self.generator.modules()):
            raise ValueError("this model has no dropout, so its results do not vary; use --inference instance")
        source, hole = inputs["source"], inputs["mask"].bool() if "mask" in self.inputs else None
        if hole is not None:
            source = source.masked_fill(hole, 1.0)  # white, as it was taught
        with inference(self.generator, mode):
            pictures = [source] if mode == "running" else source.split(1)
            made = torch.cat([self.generator(picture) for picture in pictures])
        return made if hole is None else torch.where(hole, made, source)

    def preview(self, examples: Sequence[tuple[i2i.Batch, i2i.Request]]) -> list[dict[str, Tensor]]:
        return [{key: image for key, image in row.items() if key != "mask"} for row in super().preview(examples)]

    @classmethod
    def import_weights(cls, files: Mapping[str, Mapping[str, Tensor]], domains: tuple[str, ...]) -> i2i.Imported:
        return published.read(files, domains)

    def export_weights(self) -> dict[str, dict[str, Tensor]]:
        return published.write(self)


def choose_depth(asked: int | None, size: tuple[int, int]) -> int:
    """How often the U-Net halves pictures of a size (H, W): as asked, or down to a few pixels, at most 8 times.

    Raises ValueError, with a size to take instead, where sides cannot be halved so often.
    """
    shared = math.gcd(*size)
    possible = (shared & -shared).bit_length() - 1
    smallest = min(size)
    if asked is not None:
        if asked > possible:
            good = max(1, round(smallest / 2**asked)) * 2**asked
            raise ValueError(
                f"a U-Net of --depth {asked} takes sides that are multiples of {2**asked}, and {smallest} is none; "
                f"use --image-size {good}, or leave --depth out"
            )
        return asked
    depth = min(possible, DEEPEST)
    if depth < 2 or (depth < DEEPEST and smallest >> depth > 8):
        unit = 2 ** max(2, int(math.log2(smallest)) - 2)
        raise ValueError(
            f"a U-Net halves pictures again and again, and {smallest} pixels can be halved {possible} times; "
            f"use --image-size {max(1, round(smallest / unit)) * unit}, or set --depth"
        )
    return depth


_ADVICE = (
    "the discriminator tells translations without fail, so the generator learns little from it: "
    "train on more varied pairs, or try --discriminator-layers 2 or a lower --lr"
)
