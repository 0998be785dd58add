"""WarmGAN: paired translation by L1 alone, then by a conditional GAN (Isola et al., 2017, arXiv:1611.07004).

Unlike the paper, the discriminator joins late: when the generator is past its first, blurred pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

import i2i
from i2i import losses, networks


class WarmGAN(i2i.Model):
    """Translate `source` to `target` with a U-Net."""

    @dataclass(frozen=True, kw_only=True)
    class Options(i2i.Options):
        lr: float = i2i.option(2e-4, help="Learning rate of both networks.", min=0)
        l1_weight: float = i2i.option(100.0, help="Weight of the L1 loss.", min=0)
        width: int = i2i.option(64, help="Channels of both networks' first layer.", min=1)
        depth: int = i2i.option(8, help="Halvings of the U-Net; sides are multiples of 2 to this power.", min=2)
        layers: int = i2i.option(3, help="Halvings of the discriminator; its patch is 70 pixels at 3.", min=1)

    def __init__(self, options: Options, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        source, target = spec.channels["source"], spec.channels["target"]
        self.generator = networks.UNet(source, target, options.width, options.depth)
        self.discriminator = networks.PatchDiscriminator(source + target, options.width, options.layers)
        self.size_multiple = self.generator.size_multiple

    def phases(self) -> list[i2i.Phase]:
        return [i2i.Phase("warmup", share=1), i2i.Phase("adversarial", share=9, lr=i2i.linear_decay(start=0.5))]

    def optimizers(self, phase: i2i.Phase) -> dict[str, torch.optim.Optimizer]:
        trained = {"generator": self.generator}
        if phase.name == "adversarial":
            trained["discriminator"] = self.discriminator
        return {n: torch.optim.Adam(net.parameters(), self.options.lr, (0.5, 0.999)) for n, net in trained.items()}

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        source, target = batch["source"], batch["target"]  # (N, C, H, W) in [-1, 1]
        fake = self.generator(source)
        terms = {"l1": self.options.l1_weight * losses.l1(fake, target)}
        if progress.phase.name == "adversarial":
            real_logits = self.discriminator(torch.cat([source, target], dim=1))
            fake_logits = self.discriminator(torch.cat([source, fake.detach()], dim=1))
            yield "discriminator", {"gan": losses.discriminator(real_logits, fake_logits)}
            terms["gan"] = losses.generator(self.discriminator(torch.cat([source, fake], dim=1)))
        yield "generator", terms

    def targets(self) -> tuple[str, ...]:
        return self.spec.domains[1:]  # it only goes one way

    def translate(self, inputs: i2i.Batch, request: i2i.Request) -> torch.Tensor:
        return self.generator(inputs["source"])
