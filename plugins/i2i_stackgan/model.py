"""StackGAN: pictures of sentences in two stages, a small one first and then the same one large.

Zhang, Xu, Li, Zhang, Wang, Huang, Metaxas, "StackGAN: Text to Photo-realistic Image Synthesis with Stacked Generative
Adversarial Networks", 2017, arXiv:1612.03242. Networks and losses are those of the authors' PyTorch code, not of the
paper's. Unlike it, the text encoder is learnt in the run, both stages are one run, a sentence that is the same as the
picture's own is never a wrong one, and stage I is in evaluation mode while stage II learns, as when pictures are drawn.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

import i2i
from i2i_stackgan import objectives, options, published, texts
from i2i_stackgan.networks import Discriminator, FirstGenerator, SecondGenerator, initialise, levels_of

FIRST, SECOND = "stage1", "stage2"
FACTOR = 4  # by which stage II enlarges
LARGEST = 128  # side that stage I draws


class StackGAN(i2i.Model):
    """Draw a picture of a sentence.

    Terms: `generator/gan` is how far drawn pictures are from passing as real and as fitting their sentences, `kl` how
    far conditions are from noise. `discriminator/real`, `wrong` and `fake` are how badly pictures are told apart from
    those with another's sentence and from drawn ones. `encoder/find_sentence` and `find_picture` are how badly the
    encoders find one by the other. All include their weights.
    """

    inputs = ()
    run_defaults = {"batch_size": 64, "epochs": 1200, "image_size": 256, "resize": 304}  # noqa: RUF012
    eager = ("texts",)
    Request = options.Request
    watches = options.watches("discriminator")

    @dataclass(frozen=True, kw_only=True)
    class Options(options.TextOptions):
        stages: int = i2i.option(
            2, help="Stages: stage I alone draws at --image-size, 64 say; before stage II at a quarter.", min=1, max=2
        )
        condition_size: int = i2i.option(128, help="Numbers of a picture's condition.", min=1)
        generator_width: int = i2i.option(128, help="Channels of stage II's first layer; stage I ends in half.", min=2)
        discriminator_width: int = i2i.option(64, help="Channels of the discriminators' first layer.", min=1)
        blocks: int = i2i.option(4, help="Residual blocks of stage II.", min=0)
        kl_weight: float = i2i.option(2.0, help="Weight of the divergence of conditions from noise.", min=0)
        stage2_share: float = i2i.option(1.0, help="Share of the run for stage II; stage I has 1.", min=0.001)
        stage2_batch_size: int | None = i2i.option(
            None, help="Pictures a step in stage II, which needs more memory; by default --batch-size.", min=2
        )

    def __init__(self, options: Options, spec: i2i.DataSpec) -> None:
        options = dataclasses.replace(options, text_size=texts.text_size(options))
        super().__init__(options, spec)
        o, size, channels = self.options, spec.image_size[0], spec.channels["image"]
        two = o.stages == 2
        levels = levels_of(spec.image_size, FACTOR if two else 1)
        small = size // FACTOR if two else size
        if small > LARGEST:
            raise ValueError(
                f"the first stage draws up to {LARGEST} pixels, and here it would draw {small}; "
                f"use --image-size {LARGEST * FACTOR if two else 64} or less"
            )
        if two and o.generator_width < FACTOR:
            raise ValueError(
                f"stage II cannot narrow {o.generator_width} channels to a quarter; use --generator-width 4 or more"
            )
        self.texts = texts.Texts(o, spec, o.text_size, levels)
        self.stage1 = initialise(
            FirstGenerator(channels, levels, o.text_size, o.condition_size, o.noise_size, o.generator_width)
        )
        self.discriminator1 = initialise(
            Discriminator(channels, levels, o.condition_size, o.discriminator_width, alone=False)
        )
        if two:
            self.stage2 = initialise(
                SecondGenerator(channels, o.text_size, o.condition_size, o.generator_width, o.blocks)
            )
            self.discriminator2 = initialise(
                Discriminator(channels, levels + 2, o.condition_size, o.discriminator_width, alone=True)
            )

    def check_training(self) -> None:
        self.texts.check()

    def phases(self) -> list[i2i.Phase]:
        o = self.options
        lr, small = options.stairs(o.lr_stairs), 1.0 if o.stages == 1 else 1 / FACTOR
        made = [*self.texts.phases(image_scale=small), i2i.Phase(FIRST, lr=lr, image_scale=small)]
        if o.stages == 2:
            made.append(i2i.Phase(SECOND, o.stage2_share, lr=lr, batch_size=o.stage2_batch_size))
        return made

    def optimizers(self, phase: i2i.Phase) -> dict[str, torch.optim.Optimizer]:
        if phase.name == texts.PHASE:
            return self.texts.optimizers()
        generator, discriminator = self._learning(phase)
        trained = {"generator": generator, "discriminator": discriminator}
        lr, betas = self.options.lr, self.options.betas
        return {name: torch.optim.Adam(net.parameters(), lr, betas) for name, net in trained.items()}

    def _learning(self, phase: i2i.Phase) -> tuple[FirstGenerator | SecondGenerator, Discriminator]:
        """The networks that learn in a stage."""
        if phase.name == SECOND:
            return self.stage2, self.discriminator2
        return self.stage1, self.discriminator1

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        images, captions = batch["image"], batch["caption"]  # (N, C, H, W) in [-1, 1], N sentences
        count = objectives.check_batch(len(images))
        if progress.phase.name == texts.PHASE:
            yield texts.PHASE, self.texts.lesson(images, captions)
            return
        generator, discriminator = self._learning(progress.phase)
        o = self.options
        second = generator is not self.stage1

        text = self.texts(captions, next(self.stage1.parameters()))
        noise = progress.randn(count, o.noise_size)
        condition, mu, logvar = generator.condition(text, progress.randn(count, o.condition_size))
        if second:
            fake = generator(self._first(text, noise, progress.randn(count, o.condition_size)), condition)
        else:
            fake = generator(noise, condition)

        said = mu.detach()
        real_features, fake_features = discriminator(images), discriminator(fake.detach())
        real, wrong = discriminator.judge(real_features, said), None
        pairs = [(i, j) for i, j in enumerate(objectives.others(captions)[:-1]) if j is not None]
        if pairs:
            mine, theirs = torch.tensor(pairs, device=images.device).unbind(1)
            wrong = discriminator.judge(real_features[mine], said[theirs])
        drawn = discriminator.judge(fake_features, said)
        if second:
            alone = discriminator.judge_alone(real_features), discriminator.judge_alone(fake_features)
            yield "discriminator", objectives.second_stage(real, wrong, drawn, *alone)
        else:
            yield "discriminator", objectives.first_stage(real, wrong, drawn)

        features = discriminator(fake)
        terms = {"gan": objectives.yes(discriminator.judge(features, said))}
        if second:
            terms["alone"] = objectives.yes(discriminator.judge_alone(features))
        yield "generator", terms | {"kl": o.kl_weight * objectives.divergence(mu, logvar)}

    def _first(self, text: Tensor, noise: Tensor, chance: Tensor) -> Tensor:
        """Draw stage I's pictures for stage II, as when pictures are drawn."""
        with torch.no_grad():
            self.stage1.eval()
            condition, _, _ = self.stage1.condition(text, chance)
            return self.stage1(noise, condition)

    def translate(self, inputs: i2i.Batch, request: i2i.Request) -> Tensor:
        return self._draw(inputs, request)[-1]

    def _draw(self, inputs: i2i.Batch, request: i2i.Request) -> list[Tensor]:
        """Draw what is asked for: stage I's pictures and, where it has learnt, stage II's."""
        o, unready = self.options, ""
        if self.phase == texts.PHASE:
            unready = texts.UNREADY
        elif o.stages == 2 and self.phase == FIRST:
            unready = f"stage II has not learnt yet, so stage I's pictures are drawn, of {self.texts.side} pixels"
        text = self.texts.asked(inputs, request, next(self.stage1.parameters()), self.holds("texts"), unready)
        noise, first, second = options.chance(request, text, o.noise_size, o.condition_size, o.condition_size)
        drawn = [self._first(text, noise, first)]
        if o.stages == 2 and self.phase not in (texts.PHASE, FIRST):
            condition, _, _ = self.stage2.condition(text, second)
            drawn.append(self.stage2(drawn[0], condition))
        return drawn

    def preview(self, examples: Sequence[tuple[i2i.Batch, i2i.Request]]) -> list[dict[str, Tensor]]:
        if self.phase == texts.PHASE:
            return self.texts.preview(examples)
        rows = []
        for inputs, request in examples:
            *before, last = self._draw(inputs, request)
            row = {inputs["caption"][0]: last[0]}
            if before:
                row["in stage I"] = before[0][0]
            rows.append(row | {"the real picture": inputs["image"][0]})
        return rows

    @classmethod
    def import_weights(cls, files: Mapping[str, Mapping[str, Tensor]], domains: tuple[str, ...]) -> i2i.Imported:
        return published.read_stack(files)

    def export_weights(self) -> dict[str, dict[str, Tensor]]:
        return published.write_stack(self)
