"""CycleGAN: two generators that undo each other, taught by two discriminators.

Zhu, Park, Isola, Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", 2017,
arXiv:1703.10593. As in the authors' code and unlike the paper, the identity loss is on for every task. Unlike both,
`--gan wgan-gp` has its gradient penalty, and the image pool is kept for resuming.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import torch
from torch import Tensor, nn

import i2i
from i2i import losses, networks
from i2i_cyclegan import published


class CycleGAN(i2i.Model):
    """Translate between domains a and b with one generator for each way.

    Terms are named by the domain of the picture they judge: `gan_b` is how far the fakes of b are from fooling the
    discriminator, `cycle_a` how far a -> b -> a is from where it began, `identity_b` how much a -> b changes a picture
    that is of b already. All include their weights.
    """

    run_defaults = {"batch_size": 1, "epochs": 200, "image_size": 256, "resize": 286}  # noqa: RUF012

    @dataclass(frozen=True, kw_only=True)
    class Options(i2i.Options):
        lr: float = i2i.option(2e-4, help="Learning rate of all networks.", min=0)
        betas: tuple[float, float] = i2i.option((0.5, 0.999), help="Adam's decay rates.", min=0, max=1)
        decay_start: float = i2i.option(0.5, help="Share of the run after which the rate falls to 0.", min=0, max=1)
        decay_stages: int = i2i.option(
            200, help="Stairs the fall is cut by; the reference has --epochs of them.", min=1
        )
        gan: Literal["lsgan", "vanilla", "hinge", "wgan-gp"] = i2i.option("lsgan", help="Adversarial loss.")
        gan_weight: float = i2i.option(1.0, help="Weight of the adversarial loss of the generators.", min=0)
        penalty_weight: float = i2i.option(10.0, help="Weight of the gradient penalty of wgan-gp.", min=0)
        cycle_weight_a: float = i2i.option(10.0, help="Weight of the cycle a -> b -> a.", min=0)
        cycle_weight_b: float = i2i.option(10.0, help="Weight of the cycle b -> a -> b.", min=0)
        identity_weight: float = i2i.option(
            0.5, help="Weight of the identity loss, as a share of the cycle's; it keeps colours. 0 turns it off.", min=0
        )
        pool_size: int = i2i.option(50, help="Earlier fakes kept for the discriminators; 0 keeps none.", min=0)
        generator: Literal["resnet", "unet"] = i2i.option("resnet", help="Kind of the generators.")
        generator_width: int = i2i.option(64, help="Channels of a generator's first layer.", min=1)
        blocks: int = i2i.option(9, help="Residual blocks of a resnet; the paper uses 6 for 128 pixels.", min=0)
        depth: int = i2i.option(8, help="Halvings of a unet; sides are multiples of 2 to this power.", min=2, max=12)
        dropout: float = i2i.option(
            0.0, help="Share dropped in the generators; the reference's option is 0.5.", min=0, max=1
        )
        padding: Literal["reflect", "replicate", "zeros"] = i2i.option(
            "reflect", help="Padding of the residual blocks."
        )
        upsample: Literal["transposed", "resize", "blur"] = i2i.option(
            "transposed", help="How generators double sides; resize and blur (as CUT) draw no checkerboard."
        )
        antialias: bool = i2i.option(False, help="Blur before halving, in a resnet and patch discriminators, as CUT.")
        discriminator: Literal["patch", "pixel"] = i2i.option("patch", help="Kind of the discriminators.")
        discriminator_width: int = i2i.option(64, help="Channels of a discriminator's first layer.", min=1)
        discriminator_layers: int = i2i.option(
            3, help="Halvings of a patch discriminator: its patch is 70 pixels at 3.", min=1, max=12
        )
        norm: Literal["instance", "batch", "none"] = i2i.option("instance", help="Normalisation in all networks.")
        initialisation: Literal["normal", "xavier", "kaiming", "orthogonal"] = i2i.option(
            "normal", help="Rule of the first weights."
        )
        initialisation_gain: float = i2i.option(0.02, help="Scale of the first weights.", min=0)

    def __init__(self, options: Options, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        if len(spec.domains) != 2:
            raise ValueError(f"cyclegan trains on two domains, the data has {len(spec.domains)}; choose with --domains")
        a, b = spec.channels["a"], spec.channels["b"]
        if options.identity_weight and a != b:
            raise ValueError(
                f"the identity loss needs equal channels, but {spec.domains[0]} has {a} and {spec.domains[1]} {b}; "
                "use --identity-weight 0"
            )
        self.a_to_b = self._generator(a, b)
        self.b_to_a = self._generator(b, a)
        self.discriminator_a = self._discriminator(a)
        self.discriminator_b = self._discriminator(b)
        self.pool_a = networks.ImagePool(options.pool_size)
        self.pool_b = networks.ImagePool(options.pool_size)
        self.size_multiple, self.min_size = self.a_to_b.size_multiple, self.a_to_b.min_size
        smallest = self.discriminator_a.min_size
        if min(spec.image_size) < smallest:
            raise ValueError(
                f"image size {min(spec.image_size)} is too small for this discriminator; use --image-size {smallest} "
                "or more, or fewer --discriminator-layers"
            )
        self.loss_mode = options.gan.removesuffix("-gp")
        if options.gan == "wgan-gp":
            self.eager = ("discriminator_a", "discriminator_b")  # the penalty differentiates them twice
        else:
            self.watches = tuple(
                i2i.Watch(f"discriminators/{domain}", below=0.005, steps=500, advice=_ADVICE) for domain in "ab"
            )

    def _generator(self, source: int, target: int) -> networks.ResNetGenerator | networks.UNet:
        o = self.options
        net: networks.ResNetGenerator | networks.UNet
        if o.generator == "unet":
            net = networks.UNet(source, target, o.generator_width, o.depth, o.norm, o.dropout, o.upsample)
        else:
            net = networks.ResNetGenerator(
                source,
                target,
                o.generator_width,
                o.blocks,
                o.norm,
                o.dropout,
                o.padding,
                o.upsample,
                antialias=o.antialias,
            )
        return networks.initialise(net, o.initialisation, o.initialisation_gain)

    def _discriminator(self, channels: int) -> networks.PatchDiscriminator | networks.PixelDiscriminator:
        o = self.options
        net: networks.PatchDiscriminator | networks.PixelDiscriminator
        if o.discriminator == "pixel":
            net = networks.PixelDiscriminator(channels, o.discriminator_width, o.norm)
        else:
            net = networks.PatchDiscriminator(
                channels, o.discriminator_width, o.discriminator_layers, o.norm, antialias=o.antialias
            )
        return networks.initialise(net, o.initialisation, o.initialisation_gain)

    def phases(self) -> list[i2i.Phase]:
        o = self.options
        return [i2i.Phase("train", lr=i2i.linear_decay(o.decay_start, stages=o.decay_stages))]

    def optimizers(self, phase: i2i.Phase) -> dict[str, torch.optim.Optimizer]:
        def adam(*nets: nn.Module) -> torch.optim.Optimizer:
            return torch.optim.Adam(chain(*(n.parameters() for n in nets)), self.options.lr, self.options.betas)

        return {
            "generators": adam(self.a_to_b, self.b_to_a),
            "discriminators": adam(self.discriminator_a, self.discriminator_b),
        }

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        o = self.options
        a, b = batch["a"], batch["b"]  # (N, C, H, W) in [-1, 1]

        fake_b, fake_a = self.a_to_b(a), self.b_to_a(b)
        terms = {
            "gan_a": o.gan_weight * losses.generator(self.discriminator_a(fake_a), self.loss_mode),
            "gan_b": o.gan_weight * losses.generator(self.discriminator_b(fake_b), self.loss_mode),
            "cycle_a": o.cycle_weight_a * losses.l1(self.b_to_a(fake_b), a),
            "cycle_b": o.cycle_weight_b * losses.l1(self.a_to_b(fake_a), b),
        }
        if o.identity_weight:
            terms["identity_a"] = o.identity_weight * o.cycle_weight_a * losses.l1(self.b_to_a(a), a)
            terms["identity_b"] = o.identity_weight * o.cycle_weight_b * losses.l1(self.a_to_b(b), b)
        yield "generators", terms

        terms = self._judge("a", self.discriminator_a, a, self.pool_a.query(fake_a, progress), progress)
        terms |= self._judge("b", self.discriminator_b, b, self.pool_b.query(fake_b, progress), progress)
        yield "discriminators", terms

    def _judge(self, domain: str, net: nn.Module, real: Tensor, fake: Tensor, progress: i2i.Progress) -> i2i.Terms:
        terms = {domain: 0.5 * losses.discriminator(net(real), net(fake), self.loss_mode)}
        if self.options.gan == "wgan-gp":
            mixed = losses.interpolate(real, fake, progress.rand(len(real)))
            terms[f"penalty_{domain}"] = self.options.penalty_weight * losses.gradient_penalty(net, mixed)
        return terms

    def translate(self, inputs: i2i.Batch, request: i2i.Request) -> Tensor:
        return self._towards(request)(inputs["source"])

    def _towards(self, request: i2i.Request, back: bool = False) -> nn.Module:
        """Choose the generator that leads to the requested domain (b by default), or back from it."""
        to = request.to or self.spec.domains[1]
        if to not in self.spec.domains:
            raise LookupError(f'this model knows no "{to}"; use {self.spec.domains[0]} or {self.spec.domains[1]}')
        return self.a_to_b if (to == self.spec.domains[1]) != back else self.b_to_a

    def preview(self, examples: Sequence[tuple[i2i.Batch, i2i.Request]]) -> list[dict[str, Tensor]]:
        rows = []
        for inputs, request in examples:
            source = inputs["source"]
            fake = self._towards(request)(source)
            to_b = self._towards(request) is self.a_to_b
            here, there = self.spec.domains if to_b else reversed(self.spec.domains)
            again = self._towards(request, back=True)(fake)
            rows.append({here: source[0], f"to {there}": fake[0], f"back to {here}": again[0]})
        return rows

    @classmethod
    def import_weights(cls, files: Mapping[str, Mapping[str, Tensor]], domains: tuple[str, ...]) -> i2i.Imported:
        return published.understand(files, domains)

    def export_weights(self) -> dict[str, dict[str, Tensor]]:
        return published.publish(self)


_ADVICE = (
    "the discriminator tells fakes without fail, so the generator learns little from it: "
    "train on more varied pictures, or try --discriminator-layers 2 or a lower --lr"
)
