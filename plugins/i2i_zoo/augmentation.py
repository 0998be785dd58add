"""What is done to all pictures before they are judged, differentiably: DiffAugment, ADA and noise that fades."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

import i2i
from i2i import augment, networks
from i2i_zoo import warps
from i2i_zoo.moment import Moment
from i2i_zoo.parts import PLAYERS, Augmentation, Judged

if TYPE_CHECKING:
    from i2i_zoo.model import TwoPlayer


class DiffAugment(Augmentation):
    """Colours, shifts of up to an eighth and a hole of half the side (Zhao et al., 2020, arXiv:2006.10738)."""

    def __init__(self, color: bool = True, translation: bool = True, cutout: bool = True) -> None:
        super().__init__()
        wanted = {"color": color, "translation": translation, "cutout": cutout}
        self.policy = tuple(name for name, asked in wanted.items() if asked)

    def augment(self, now: Moment, images: Tensor) -> Tensor:
        return augment.augment(images, now.chance.rand(len(images), augment.DRAWS), self.policy)


class InstanceNoise(Augmentation):
    """Add noise from N(0, std^2), less and less: std is 0 at a fraction `until` of the phase (Sonderby et al., 2016,
    arXiv:1610.04490).
    """

    def __init__(self, std: float = 0.1, until: float = 1.0) -> None:
        super().__init__()
        if std < 0 or not 0 < until <= 1:
            raise ValueError(
                f"--augment noise:std={std:g},until={until:g} cannot be; give 0 or more, and above 0 and at most 1"
            )
        self.std, self.until = std, until

    def augment(self, now: Moment, images: Tensor) -> Tensor:
        std = self.std * max(0.0, 1 - now.progress.fraction / self.until)
        return images + std * now.chance.randn(*images.shape).to(images) if std else images


class ADA(Augmentation):
    """Mirror, turn, shift, scale and recolour, each with a probability p that follows how sure the discriminator is of
    the training pictures (Karras et al., 2020, arXiv:2006.06676): the pipeline "bgc".

    Each `interval` updates p <- p + sign(mean sign C(real) - target) * pictures since / (1000 kimg), in [0, 1]; p is
    held in a buffer and is the same on all ranks. With kimg=0 it stays at `p`, and no sign is looked at.
    """

    spares = PLAYERS

    def __init__(self, target: float = 0.6, kimg: float = 500.0, interval: int = 4, p: float = 0.0) -> None:
        super().__init__()
        if not (0 <= p <= 1 and -1 <= target <= 1 and kimg >= 0 and interval >= 1):
            asked = f"target={target:g},kimg={kimg:g},interval={interval},p={p:g}"
            raise ValueError(
                f"--augment ada:{asked} cannot be; give a target in [-1, 1], kimg of 0 or more, an interval of 1 or "
                "more and p in [0, 1]"
            )
        self.target, self.kimg, self.interval = target, kimg, interval
        self.register_buffer("p", torch.tensor(float(p)))
        self.register_buffer("signs", torch.zeros(()))  # sum of mean signs since p moved
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))  # of them
        self.p: Tensor
        self.signs: Tensor
        self.updates: Tensor

    def adapt(self, model: TwoPlayer) -> None:
        if self.kimg and "energy" in model.architecture.gives:
            raise ValueError(
                "--augment ada moves p by the signs of logits, and this discriminator gives an energy, which has none; "
                "use --augment ada:p=0.5,kimg=0, where p stays, or --augment diffaugment"
            )

    def augment(self, now: Moment, images: Tensor) -> Tensor:
        draws = now.chance.rand(len(images), warps.UNIFORM), now.chance.randn(len(images), warps.NORMAL)
        return warps.warp(images, self.p, *draws)

    @torch.no_grad()
    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        if self.kimg:
            self.signs += networks.average_over_ranks(real.logit.sign().float().mean()).to(self.signs)
            self.updates += 1
        return {}

    @torch.no_grad()
    def stepped(self, now: Moment, player: str) -> None:
        if player == "discriminator" and self.kimg:
            due = self.updates >= self.interval  # no branch: it would wait for the device
            step = (self.signs / self.updates.clamp_min(1) - self.target).sign() * self.interval * now.count
            self.p += torch.where(due, step / (1000 * self.kimg), 0.0)
            self.p.clamp_(0, 1)
            self.signs *= ~due
            self.updates *= ~due

    def watched(self) -> i2i.Terms:
        return {"p": self.p.clone()}
