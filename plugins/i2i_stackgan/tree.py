"""StackGAN++: pictures of sentences at three sizes at once, by a tree of generators with a discriminator for each size.

Zhang, Xu, Li, Zhang, Wang, Huang, Metaxas, "StackGAN++: Realistic Image Synthesis with Stacked Generative Adversarial
Networks", 2018, arXiv:1710.10916, as in the authors' code. Unlike it, the text encoder is learnt in the run, a wrong
picture is another one of the batch, the average of the weights has the norms' statistics, too, and follows quickly at
first, so that short runs have one; `--color-weight` is for sentences as well.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

import i2i
from i2i import networks
from i2i_stackgan import objectives, options, published, texts
from i2i_stackgan.networks import Discriminator, initialise, levels_of
from i2i_stackgan.tree_networks import Tree

PHASE = "tree"


class StackGANTree(i2i.Model):
    """Draw a picture of a sentence.

    Terms are numbered by size, 1 being the smallest: `generator/gan1` is how far pictures are from passing as real,
    with their sentences and alone, `mean1` and `covariance1` how far the colours of the next size are from theirs, `kl`
    how far conditions are from noise. `discriminator1/real`, `wrong` and `fake` are how badly pictures are told apart
    from those of another sentence and from drawn ones. All include their weights.
    """

    inputs = ()
    run_defaults = {"batch_size": 24, "epochs": 600, "image_size": 256, "resize": 304}  # noqa: RUF012
    eager = ("texts",)
    Request = options.Request
    watches = options.watches("discriminator1", "discriminator2", "discriminator3")

    @dataclass(frozen=True, kw_only=True)
    class Options(options.TextOptions):
        lr_stairs: int = i2i.option(1, help="Steps of the learning rate, each half the one before; 1 keeps it.", min=1)
        branches: int = i2i.option(
            3, help="Sizes that are drawn, the largest being --image-size, each half the next.", min=1, max=3
        )
        condition_size: int = i2i.option(128, help="Numbers of a picture's condition.", min=1)
        generator_width: int = i2i.option(64, help="Channels of the generator at its smallest size.", min=4)
        discriminator_width: int = i2i.option(64, help="Channels of the discriminators' first layer.", min=1)
        blocks: int = i2i.option(2, help="Residual blocks before each doubling of the size.", min=0)
        kl_weight: float = i2i.option(2.0, help="Weight of the divergence of conditions from noise.", min=0)
        alone_weight: float = i2i.option(1.0, help="Weight of judging pictures without their sentences.", min=0)
        color_weight: float = i2i.option(
            0.0, help="Weight of equal colours at all sizes; the paper's is 50, without sentences.", min=0
        )
        average: float = i2i.option(0.999, help="Decay of the average of weights that pictures are drawn with.", max=1)

    def __init__(self, options: Options, spec: i2i.DataSpec) -> None:
        options = dataclasses.replace(options, text_size=texts.text_size(options))
        super().__init__(options, spec)
        o, channels, factor = self.options, spec.channels["image"], 2 ** (options.branches - 1)
        levels = levels_of(spec.image_size, factor)
        self.texts = texts.Texts(o, spec, o.text_size, levels)
        self.generator = initialise(
            Tree(
                channels,
                levels,
                o.branches,
                o.text_size,
                o.condition_size,
                o.noise_size,
                o.generator_width,
                o.blocks,
            ),
            orthogonal=True,
        )
        for number in range(o.branches):
            net = Discriminator(
                channels, levels + number, o.condition_size, o.discriminator_width, alone=True, sentence_first=True
            )
            self.add_module(f"discriminator{number + 1}", initialise(net, orthogonal=True))
        self.average = networks.Average(self.generator)

    @property
    def discriminators(self) -> dict[str, Discriminator]:
        """By name, that of the smallest pictures first."""
        names = (f"discriminator{number + 1}" for number in range(self.options.branches))
        return {name: cast(Discriminator, self.get_submodule(name)) for name in names}

    def check_training(self) -> None:
        self.texts.check()

    def phases(self) -> list[i2i.Phase]:
        small = 0.5 ** (self.options.branches - 1)
        return [*self.texts.phases(image_scale=small), i2i.Phase(PHASE, lr=options.stairs(self.options.lr_stairs))]

    def optimizers(self, phase: i2i.Phase) -> dict[str, torch.optim.Optimizer]:
        if phase.name == texts.PHASE:
            return self.texts.optimizers()
        lr, betas = self.options.lr, self.options.betas
        trained = self.discriminators | {"generator": self.generator}
        return {name: torch.optim.Adam(net.parameters(), lr, betas) for name, net in trained.items()}

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        o, images, captions = self.options, batch["image"], batch["caption"]  # (N, C, H, W) in [-1, 1], N sentences
        objectives.check_batch(len(images))
        if progress.phase.name == texts.PHASE:
            yield texts.PHASE, self.texts.lesson(images, captions)
            return
        text = self.texts(captions, next(self.generator.parameters()))
        noise, chance = progress.randn(len(images), o.noise_size), progress.randn(len(images), o.condition_size)
        condition, mu, logvar = self.generator.condition(text, chance)
        drawn = self.generator(noise, condition)

        for (name, net), real, fake in zip(self.discriminators.items(), self._pyramid(images), drawn, strict=True):
            yield name, self._tell_apart(net, real, fake.detach(), mu.detach(), captions)

        terms = {}
        for number, (net, fake) in enumerate(zip(self.discriminators.values(), drawn, strict=True), 1):
            features = net(fake)
            terms[f"gan{number}"] = objectives.yes(net.judge(features, mu))
            if o.alone_weight:
                terms[f"gan{number}"] = terms[f"gan{number}"] + o.alone_weight * objectives.yes(
                    net.judge_alone(features)
                )
        if o.color_weight:
            for number in range(1, o.branches):
                mean, covariance = objectives.colour_consistency(drawn[number], drawn[number - 1])
                terms |= {f"mean{number}": o.color_weight * mean, f"covariance{number}": o.color_weight * covariance}
        yield "generator", terms | {"kl": o.kl_weight * objectives.divergence(mu, logvar)}

        self.average.update(self.generator, min(o.average, (1 + progress.step) / (10 + progress.step)))

    def _pyramid(self, images: Tensor) -> list[Tensor]:
        """Real pictures at each size, the smallest first."""
        sides = [images.shape[-1] >> k for k in reversed(range(1, self.options.branches))]
        smaller = [F.interpolate(images, (side, side), mode="bilinear", antialias=True) for side in sides]
        return [*smaller, images]

    def _tell_apart(
        self, net: Discriminator, real: Tensor, fake: Tensor, mu: Tensor, captions: Sequence[str]
    ) -> i2i.Terms:
        """A discriminator's losses; the wrong picture for a sentence is another one of the batch."""
        features, drawn, weight = net(real), net(fake), self.options.alone_weight
        alone = (net.judge_alone(features), net.judge_alone(drawn)) if weight else None
        told, wrong, wrong_alone = net.judge(features, mu), None, None
        pairs = [(j, i) for i, j in enumerate(objectives.others(captions)) if j is not None]
        if pairs:
            pictures, sentences = torch.tensor(pairs, device=real.device).unbind(1)
            wrong = net.judge(features[pictures], mu[sentences])
            wrong_alone = alone[0][pictures] if alone else None
        return objectives.branch(told, wrong, net.judge(drawn, mu), alone, weight, wrong_alone)

    def translate(self, inputs: i2i.Batch, request: i2i.Request) -> Tensor:
        return self._draw(inputs, request)[-1]

    def _draw(self, inputs: i2i.Batch, request: i2i.Request) -> list[Tensor]:
        """Draw what is asked for, at each size."""
        o, net = self.options, cast(Tree, self.average.net)
        unready = texts.UNREADY if self.phase == texts.PHASE else ""
        text = self.texts.asked(inputs, request, next(self.generator.parameters()), self.holds("texts"), unready)
        noise, chance = options.chance(request, text, o.noise_size, o.condition_size)
        return net(noise, net.condition(text, chance)[0])

    def preview(self, examples: Sequence[tuple[i2i.Batch, i2i.Request]]) -> list[dict[str, Tensor]]:
        if self.phase == texts.PHASE:
            return self.texts.preview(examples)
        rows = []
        for inputs, request in examples:
            *smaller, drawn = (images[0] for images in self._draw(inputs, request))
            row = {inputs["caption"][0]: drawn} | {f"at {image.shape[-1]} pixels": image for image in smaller[::-1]}
            rows.append(row | {"the real picture": inputs["image"][0]})
        return rows

    @classmethod
    def import_weights(cls, files: Mapping[str, Mapping[str, Tensor]], domains: tuple[str, ...]) -> i2i.Imported:
        return published.read_tree(files)

    def export_weights(self) -> dict[str, dict[str, Tensor]]:
        return published.write_tree(self)
