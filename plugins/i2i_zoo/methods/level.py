"""The players of a level of a stacked GAN: those of all recipes, and a recogniser of the noise that they draw of."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

import i2i
from i2i import networks
from i2i_zoo import recipe
from i2i_zoo.architectures.dcgan import DCGAN
from i2i_zoo.architectures.stacked import Features
from i2i_zoo.model import TwoPlayer
from i2i_zoo.moment import Drawn, Moment
from i2i_zoo.parts import Architecture, Divergence, Element, merged, wide


def of_logits_alone(objective: Element) -> bool:
    """Whether an objective is nothing but two functions of logits, which may be asked of any level."""
    more = (name for name, value in vars(Element).items() if callable(value) and name != "__init__")
    plain = all(getattr(type(objective), name) is getattr(Divergence, name) for name in more)
    return isinstance(objective, Divergence) and plain and not objective.needs


class Level(TwoPlayer):
    """The players of a level, and a recogniser of the noise that the level draws of."""

    norms = "--norm layer or --norm none"

    def __init__(self, options: Any, spec: i2i.DataSpec, architecture: Architecture, noise: int) -> None:
        super().__init__(options, spec, architecture)
        seen = torch.zeros(1, self.shape.channels, *self.shape.size)
        with torch.no_grad():
            features: Tensor = self.discriminator.eval()(seen, None).features
        self.discriminator.train()
        self.recogniser = nn.Linear(features.shape[1], noise)
        networks.initialise(self.recogniser)

    def optimizers(self, phase: i2i.Phase) -> dict[str, Optimizer]:
        made = super().optimizers(phase)
        made["generator"].add_param_group({"params": list(self.recogniser.parameters())})
        return made

    def drawing(self, now: Moment, fake: Drawn, weight: float) -> i2i.Terms:
        """The generator's terms of what it drew, and the entropy loss of its noise, weighted."""
        real_says, says = self.judged_again(now, fake)
        assert says.features is not None
        assert fake.z is not None  # noise first
        off = wide(self.recogniser(says.features)) - fake.z[:, : self.recogniser.out_features]
        own = {"entropy": weight * off.square().mean()}
        return merged([own, *(each.generator(now, says, real_says) for each in self._usual())])

    def follow_up(self, now: Moment) -> None:
        """Do what follows the generator's update."""
        self._stepped(now, "generator")
        self.follow(now.count)


def levels_of(o: Any, spec: i2i.DataSpec, noise: int) -> tuple[Level, Level]:
    """The upper level, of features and told the class, and the lower, of pictures; each with `noise` numbers."""
    own = {field.name for field in dataclasses.fields(recipe.Recipe)}
    shared = {key: value for key, value in vars(o).items() if key in own}
    upper = shared | {"latent": f"normal:{noise}", "augment": "none", "conditioning": "concat+none"}
    lower = shared | {"latent": f"normal:{noise + o.features}"}
    seen = dataclasses.replace(spec, channels={"image": o.features}, image_size=(1, 1))
    top = Level(recipe.Recipe(**upper), seen, Features(), noise)
    return top, Level(recipe.Recipe(**lower), spec, DCGAN(o.width, o.norm), noise)
