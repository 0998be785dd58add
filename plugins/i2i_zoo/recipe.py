"""What a recipe says, as options: a preset is one with the paper's defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import i2i
from i2i_zoo import spelling
from i2i_zoo.spelling import Known

LISTS = ("gradient_penalty", "regularisers", "augment")  # options that name several parts


@dataclass(frozen=True, kw_only=True)
class Common(i2i.Options):
    """What all models of the zoo share. Parts are named with their numbers: uniform:100,low=0."""

    latent: str = i2i.option(
        "normal:128", help="What pictures are drawn from: normal:128, uniform:100.", choices=Known("latent")
    )
    optimizer: Literal["adam", "rmsprop", "sgd"] = i2i.option("adam", help="How networks are updated.")
    lr: float = i2i.option(2e-4, help="Learning rate.", min=0)
    lr_curve: str = i2i.option(
        "constant", help="How rates go over the run: constant, linear, halving:2.", choices=Known("curve")
    )
    betas: tuple[float, float] = i2i.option(
        (0.5, 0.999), help="Adam's decay rates; the first is sgd's momentum, too.", min=0, max=1
    )
    epsilon: float = i2i.option(1e-8, help="Adam's and rmsprop's smallest denominator.", min=0)
    weight_decay: float = i2i.option(0.0, help="Decay of weights.", min=0)
    average: str = i2i.option(
        "none", help="Average of the generator's weights to draw with: none, constant:0.999.", choices=Known("average")
    )


@dataclass(frozen=True, kw_only=True)
class Recipe(Common):
    """Two networks that are trained against each other, and how. Parts are named with their numbers: r1:gamma=10."""

    architecture: str = i2i.option(
        "dcgan", help="Family of networks, with its numbers: dcgan:width=64.", choices=Known("architecture")
    )
    objective: str = i2i.option(
        "ns", help="What the two players make small: ns, hinge, lsgan:a=-1.", choices=Known("objective")
    )
    conditioning: str = i2i.option(
        "none",
        help="How players know the class: concat, table, shared or embed, with +concat, +projection or +ac; or none.",
    )
    gradient_penalty: str = i2i.option(
        "none",
        help="Penalty on the discriminator's slope: none, gp:weight=10, +r1 adds.",
        choices=Known("penalty"),
    )
    regularisers: str = i2i.option(
        "none",
        help="What else is asked of the players: none, clip+ortho, +ortho adds.",
        choices=Known("regulariser"),
    )
    augment: str = i2i.option(
        "none",
        help="What is done to pictures before they are judged: none, ada, +noise adds.",
        choices=Known("augmentation"),
    )
    n_critic: int = i2i.option(1, help="Updates of the discriminator for each of the generator.", min=1)
    critic_warmup: int = i2i.option(
        0, help="As many of them before each of the generator's first 25 and each 500th; 0: no more.", min=0
    )
    discriminator_lr: float | None = i2i.option(None, help="Learning rate of the discriminator, if another.", min=0)
    generator_draws: int = i2i.option(
        1, help="Pictures drawn for an update of the generator, as a multiple of the batch size.", min=1
    )
    reuse: bool = i2i.option(False, help="Let one draw serve both players; by default each has its own.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in LISTS:
            object.__setattr__(self, name, self.over(name, getattr(self, name), getattr(type(self), name)))

    @classmethod
    def over(cls, name: str, value: Any, below: Any) -> Any:
        return spelling.over(value, below) if name in LISTS else super().over(name, value, below)
