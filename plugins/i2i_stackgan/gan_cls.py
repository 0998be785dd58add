"""GAN-CLS with GAN-INT: small pictures of sentences.

Reed, Akata, Yan, Logeswaran, Schiele, Lee, "Generative Adversarial Text to Image Synthesis", 2016, arXiv:1605.05396, as
in the authors' code. Unlike it, the text encoder is learnt in the run, a picture has one of its sentences at a time and
not the mean of four, a wrong picture is another one of the batch, and a picture is drawn once a step for both updates.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import i2i
from i2i import networks
from i2i_stackgan import objectives, options, texts
from i2i_stackgan.networks import CODE, beside, initialise, levels_of

PHASE = "gan"
RESIDUAL = 2  # smallest sizes of the generator that have a residual block


class Residual(nn.Module):
    """Add a narrow detour of (N, C, H, W) to it, and activate the sum."""

    def __init__(self, channels: int, slope: float) -> None:
        super().__init__()
        narrow = max(channels // 4, 1)

        def layer(source: int, target: int, size: int, last: bool = False) -> nn.Sequential:
            conv = nn.Conv2d(source, target, size, padding=size // 2)
            return networks.stage(conv=conv, norm=nn.BatchNorm2d(target), act=None if last else nn.LeakyReLU(slope))

        self.layers = nn.Sequential(
            layer(channels, narrow, 1), layer(narrow, narrow, 3), layer(narrow, channels, 3, last=True)
        )
        self.act = nn.LeakyReLU(slope)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x + self.layers(x))


class Generator(nn.Module):
    """Draw pictures (N, C, H, W) in [-1, 1] of noise (N, Z) and a sentence's embedding (N, D)."""

    def __init__(self, channels: int, levels: int, text: int, projection: int, noise: int, width: int) -> None:
        super().__init__()
        self.text = networks.stage(linear=nn.Linear(text, projection), act=nn.LeakyReLU(0.2))
        self.up = nn.Sequential()
        source = noise + projection
        for level in range(levels):
            target = width << levels - 1 - level
            conv = nn.ConvTranspose2d(source, target, CODE, *((2, 1) if level else (1, 0)))
            last: nn.Module = Residual(target, 0.0) if level < RESIDUAL else nn.ReLU()
            self.up.append(networks.stage(conv=conv, norm=nn.BatchNorm2d(target), last=last))
            source = target
        self.head = networks.stage(conv=nn.ConvTranspose2d(source, channels, 4, 2, 1), act=nn.Tanh())

    def forward(self, noise: Tensor, text: Tensor) -> Tensor:
        said = self.text(text)
        vector = torch.cat([noise.to(said), said], dim=1)[:, :, None, None]
        return self.head(self.up(vector))


class Discriminator(nn.Module):
    """Judge pictures with their sentences: logits (N,). `forward` computes features (N, D, 4, 4) of pictures."""

    def __init__(self, channels: int, levels: int, text: int, projection: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        for level in range(levels):
            wide = width * 2**level
            norm = nn.BatchNorm2d(wide) if level else None
            last: nn.Module | None = Residual(wide, 0.2) if level == levels - 1 else nn.LeakyReLU(0.2)
            if 0 < level == levels - 2:
                last = None  # as the authors have it
            self.layers.append(networks.stage(conv=nn.Conv2d(channels, wide, 4, 2, 1), norm=norm, last=last))
            channels = wide
        self.text = networks.stage(
            linear=nn.Linear(text, projection), norm=nn.BatchNorm1d(projection), act=nn.LeakyReLU(0.2)
        )
        self.joint = networks.stage(
            conv=nn.Conv2d(channels + projection, channels, 1), norm=nn.BatchNorm2d(channels), act=nn.LeakyReLU(0.2)
        )
        self.paired = nn.Conv2d(channels, 1, CODE)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)

    def judge(self, features: Tensor, said: Tensor) -> Tensor:
        """Logits (N,) of pictures, by their features, with sentences, by what `text` makes of them."""
        return self.paired(self.joint(beside(features, said))).flatten()


class GANCLS(i2i.Model):
    """Draw a picture of a sentence.

    Terms: `generator/gan` is how far drawn pictures are from passing as real and as fitting their sentences, and
    `interpolated` the same of sentences half way between two. `discriminator/real`, `wrong` and `fake` are how badly
    pictures are told apart from those of another sentence and from drawn ones. All include their weights.
    """

    inputs = ()
    run_defaults = {"batch_size": 64, "epochs": 600, "image_size": 64, "resize": 76}  # noqa: RUF012
    eager = ("texts",)
    Request = options.Request
    watches = options.watches("discriminator")

    @dataclass(frozen=True, kw_only=True)
    class Options(options.TextOptions):
        projection_size: int = i2i.option(128, help="Numbers that each network makes of a sentence's embedding.", min=1)
        generator_width: int = i2i.option(128, help="Channels of the generator's last hidden layer.", min=1)
        discriminator_width: int = i2i.option(64, help="Channels of the discriminator's first layer.", min=1)
        wrong_weight: float = i2i.option(
            0.5, help="Weight of pictures with wrong sentences against drawn ones, which have the rest.", min=0, max=1
        )
        interpolation_weight: float = i2i.option(
            1.0, help="Weight of sentences half way between two, which the generator draws, too (GAN-INT).", min=0
        )

    def __init__(self, options: Options, spec: i2i.DataSpec) -> None:
        options = dataclasses.replace(options, text_size=texts.text_size(options))
        super().__init__(options, spec)
        o, channels, levels = self.options, spec.channels["image"], levels_of(spec.image_size)
        self.texts = texts.Texts(o, spec, o.text_size, levels)
        self.generator = initialise(
            Generator(channels, levels, o.text_size, o.projection_size, o.noise_size, o.generator_width)
        )
        self.discriminator = initialise(
            Discriminator(channels, levels, o.text_size, o.projection_size, o.discriminator_width)
        )

    def check_training(self) -> None:
        self.texts.check()

    def phases(self) -> list[i2i.Phase]:
        return [*self.texts.phases(), i2i.Phase(PHASE, lr=options.stairs(self.options.lr_stairs))]

    def optimizers(self, phase: i2i.Phase) -> dict[str, torch.optim.Optimizer]:
        if phase.name == texts.PHASE:
            return self.texts.optimizers()
        trained = {"generator": self.generator, "discriminator": self.discriminator}
        lr, betas = self.options.lr, self.options.betas
        return {name: torch.optim.Adam(net.parameters(), lr, betas) for name, net in trained.items()}

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        o, images, captions = self.options, batch["image"], batch["caption"]  # (N, C, H, W) in [-1, 1], N sentences
        count = objectives.check_batch(len(images))
        if progress.phase.name == texts.PHASE:
            yield texts.PHASE, self.texts.lesson(images, captions)
            return
        net = self.discriminator
        text = self.texts(captions, next(self.generator.parameters()))
        half = count // 2 if o.interpolation_weight else 0
        asked = torch.cat([text, (text[:half] + text[half : 2 * half]) / 2])  # (1.5 N, D)
        fake = self.generator(progress.randn(len(asked), o.noise_size), asked)

        said = net.text(text)
        features = net(images)
        real, drawn = net.judge(features, said), net.judge(net(fake[:count].detach()), said)
        pairs = [(j, i) for i, j in enumerate(objectives.others(captions)) if j is not None]
        wrong = None
        if pairs and o.wrong_weight:
            pictures, sentences = torch.tensor(pairs, device=images.device).unbind(1)
            wrong = net.judge(features[pictures], said[sentences])
        yield "discriminator", objectives.gan_cls(real, wrong, drawn, o.wrong_weight)

        logits = net.judge(net(fake), net.text(asked))
        terms = {"gan": objectives.yes(logits[:count]) * count / len(logits)}
        if half:
            terms["interpolated"] = o.interpolation_weight * objectives.yes(logits[count:]) * half / len(logits)
        yield "generator", terms

    def translate(self, inputs: i2i.Batch, request: i2i.Request) -> Tensor:
        unready = texts.UNREADY if self.phase == texts.PHASE else ""
        text = self.texts.asked(inputs, request, next(self.generator.parameters()), unready=unready)
        (noise,) = options.chance(request, text, self.options.noise_size)
        return self.generator(noise, text)

    def preview(self, examples: Sequence[tuple[i2i.Batch, i2i.Request]]) -> list[dict[str, Tensor]]:
        if self.phase == texts.PHASE:
            return self.texts.preview(examples)
        return [
            {inputs["caption"][0]: self.translate(inputs, request)[0], "the real picture": inputs["image"][0]}
            for inputs, request in examples
        ]
