"""StarGAN: one generator for many domains, told by a label where to go.

Choi, Choi, Kim, Ha, Kim, Choo, "StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image
Translation", 2018, arXiv:1711.09020. The learning rate falls as in the paper; in the authors' code it stays where it is
(`--schedule code`). Unlike both, a picture's own attributes need not be known for translating: the discriminator, which
has learnt to tell them, judges them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

import i2i
from i2i import losses
from i2i_stargan import labels, published
from i2i_stargan.networks import Discriminator, Generator


class StarGAN(i2i.Model):
    """Translate between all classes or attributes of one data set, or of several.

    Terms include their weights. `discriminator/gan` is the difference between its opinion of translations and of
    pictures, negative where it tells them apart; `classes` is how badly the label is told (of pictures) or hit (of
    translations); `penalty` keeps the discriminator's slope at 1; `reconstruction` is what a translation back misses.
    """

    run_defaults = {"batch_size": 16, "epochs": 200, "image_size": 128, "crop": "center"}  # noqa: RUF012
    eager = ("discriminator",)  # the penalty is on its derivative
    trains_jointly = True

    @dataclass(frozen=True, kw_only=True)
    class Options(i2i.Options):
        lr: float = i2i.option(1e-4, help="Learning rate of both networks.", min=0)
        betas: tuple[float, float] = i2i.option((0.5, 0.999), help="Adam's decay rates.", min=0, max=1)
        schedule: Literal["paper", "code"] = i2i.option(
            "paper", help="How the learning rate falls: to 0, or by a thousandth in all, as in the authors' code."
        )
        decay_start: float = i2i.option(0.5, help="Share of the run after which the rate falls.", min=0, max=1)
        n_critic: int = i2i.option(5, help="Updates of the discriminator for each of the generator.", min=1)
        classification_weight: float = i2i.option(1.0, help="Weight of the loss that tells or hits labels.", min=0)
        reconstruction_weight: float = i2i.option(10.0, help="Weight of the way to the label and back.", min=0)
        penalty_weight: float = i2i.option(10.0, help="Weight of the gradient penalty.", min=0)
        exclusive: str = i2i.option(
            "auto",
            help="Attributes that exclude each other: names with commas, groups parted by /. auto: hair colours; none.",
        )
        generator_width: int = i2i.option(64, help="Channels of the generator's first layer.", min=1)
        blocks: int = i2i.option(6, help="Residual blocks of the generator.", min=0)
        discriminator_width: int = i2i.option(64, help="Channels of the discriminator's first layer.", min=1)
        discriminator_layers: int = i2i.option(
            6,
            help="Halvings of the discriminator, each with twice the channels; at most what --image-size allows.",
            min=1,
        )

    @dataclass(frozen=True, kw_only=True)
    class Request(i2i.Request):
        has: str | None = i2i.option(
            None, help="Attributes that the pictures have: Male,Young, or none. By default each picture is judged."
        )

    def __init__(self, options: Options, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        self.parts = labels.parts_of(spec, options.exclusive)
        channels, count = spec.channels["image"], labels.count_of(self.parts)
        self.generator = Generator(channels, labels.width_of(self.parts), options.generator_width, options.blocks)
        self.discriminator = Discriminator(
            channels, count, spec.image_size, options.discriminator_width, options.discriminator_layers
        )
        self.size_multiple, self.min_size = Generator.size_multiple, Generator.min_size
        self.joins_targets = any(part.attributes for part in self.parts)

    def phases(self) -> list[i2i.Phase]:
        o = self.options
        curve = i2i.linear_decay(o.decay_start) if o.schedule == "paper" else as_coded(o.decay_start)
        return [i2i.Phase("train", lr=curve)]

    def optimizers(self, phase: i2i.Phase) -> dict[str, torch.optim.Optimizer]:
        nets = {"discriminator": self.discriminator, "generator": self.generator}
        o = self.options
        return {name: torch.optim.Adam(net.parameters(), o.lr, o.betas) for name, net in nets.items()}

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        o = self.options
        real = batch["image"]  # (N, C, H, W) in [-1, 1]
        part = self.parts[batch["part"] if self.spec.parts else 0]
        own = part.own(batch["label"])  # (N, K)
        wanted = labels.shuffled(own, progress)
        here, there = (labels.vector(each, part, self.parts) for each in (own, wanted))

        with torch.no_grad():
            fake = self.generator(real, there)
        patches, told = self.discriminator.judge(torch.cat([real, fake]), len(real))
        terms = {
            "gan": losses.discriminator(patches[: len(real)], patches[len(real) :], "wgan"),
            "classes": o.classification_weight * part.loss(told, own),
        }
        if o.penalty_weight:
            mixed = losses.interpolate(real, fake, progress.rand(len(real)))
            slopes = self.discriminator.slope(mixed).flatten(1).norm(dim=1)  # (N,)
            terms["penalty"] = o.penalty_weight * (slopes - 1).square().mean()
        yield "discriminator", terms

        turn = progress.step // len(self.parts)  # each data set had its batch
        if (turn + 1) % o.n_critic:
            return
        fake = self.generator(real, there)
        patches, told = self.discriminator.judge(fake)
        terms = {
            "gan": losses.generator(patches, "wgan"),
            "classes": o.classification_weight * part.loss(told, wanted),
        }
        if o.reconstruction_weight:
            terms["reconstruction"] = o.reconstruction_weight * losses.l1(self.generator(fake, here), real)
        yield "generator", terms

    def targets(self) -> tuple[str, ...]:
        return tuple(name for part in self.parts for name in part.names)

    def translate(self, inputs: i2i.Batch, request: i2i.Request) -> Tensor:
        source = inputs["source"]
        if not self.holds("generator"):
            raise LookupError(
                "these weights are of a discriminator alone, which cannot translate; import its -G.ckpt too"
            )
        part, changes = labels.asked(request.to, self.parts)
        if request.has is not None:
            own = source.new_tensor([labels.stated(request.has, part)]).expand(len(source), -1)
        else:
            own = self._judged(source, part)
        return self.generator(source, labels.vector(part.changed(own, changes), part, self.parts))

    def _judged(self, source: Tensor, part: labels.Part) -> Tensor:
        """The attributes (N, K) that pictures (N, C, H, W) show; of classes, and without a discriminator, none."""
        if not part.attributes or not self.holds("discriminator"):
            return source.new_zeros(len(source), len(part.names))
        _, told = self.discriminator.judge(_fit(source, self.discriminator.image_size))
        return (part.pick(told) > 0).to(source)

    def preview(self, examples: Sequence[tuple[i2i.Batch, i2i.Request]]) -> list[dict[str, Tensor]]:
        rows = []
        for inputs, _ in examples:
            source = inputs["source"][:1]
            row = {"source": source[0]}
            for part in self.parts:
                known = "label" in inputs and inputs.get("part", 0) == part.number
                own = part.own(inputs["label"][:1]) if known else self._judged(source, part)
                for title, label in part.each(own):
                    row[title] = self.generator(source, labels.vector(label, part, self.parts))[0]
            rows.append(row)
        return rows

    @classmethod
    def import_weights(cls, files: Mapping[str, Mapping[str, Tensor]], domains: tuple[str, ...]) -> i2i.Imported:
        return published.read(files, domains)

    def export_weights(self) -> dict[str, dict[str, Tensor]]:
        networks = {"G": self.generator, "D": self.discriminator}
        held = {"G": self.holds("generator"), "D": self.holds("discriminator")}
        step = self.manifest.step // len(self.parts) if self.manifest is not None else 0
        return published.write({name: net for name, net in networks.items() if held[name]}, step)


def as_coded(start: float) -> Callable[[float], float]:
    """Let the learning rate fall as the authors' code does: 100 stairs after `start`, each a 100,000th of it high."""

    def factor(fraction: float) -> float:
        stair = int((fraction - start) / max(1 - start, 1e-9) * 100 + 1e-6)
        return 1 - max(0, stair) / 100_000

    return factor


def _fit(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize pictures (N, C, H, W) to cover (H, W) pixels, and cut the middle out."""
    height, width = images.shape[2:]
    scale = max(size[0] / height, size[1] / width)
    covering = max(size[0], round(height * scale)), max(size[1], round(width * scale))
    if covering != (height, width):
        images = F.interpolate(images, covering, mode="bilinear", antialias=True, align_corners=False)
    top, left = (covering[0] - size[0]) // 2, (covering[1] - size[1]) // 2
    return images[:, :, top : top + size[0], left : left + size[1]]
