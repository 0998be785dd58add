"""What else is asked of the players: bounds on weights, and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

import i2i
from i2i_zoo.latents import Seeded
from i2i_zoo.layers.virtual import Comparing, Referenced
from i2i_zoo.moment import Moment
from i2i_zoo.parts import PLAYERS, Architecture, Element, Judged, wide
from i2i_zoo.rules import has_batch_norm

if TYPE_CHECKING:
    from i2i_zoo.model import TwoPlayer


class Clip(Element):
    """Clamp every weight of the discriminator to [-bound, bound] after its update (Arjovsky et al., 2017,
    arXiv:1701.07875).
    """

    def __init__(self, bound: float = 0.01) -> None:
        super().__init__()
        if bound <= 0:
            raise ValueError(f"--regularisers clip:bound={bound:g} leaves nothing; give more than 0")
        self.bound = bound

    def warns(self, recipe: i2i.Options) -> str:
        if getattr(recipe, "optimizer", "") == "adam":
            return "clipped weights and Adam's momentum work against each other; --optimizer rmsprop is the paper's"
        return ""

    @torch.no_grad()
    def stepped(self, now: Moment, player: str) -> None:
        if player == "discriminator":
            for weights in now.model.discriminator.parameters():
                weights.clamp_(-self.bound, self.bound)


class HistoricalAverage(Element):
    """weight * |theta - mean of its past values|^2, of both players (Salimans et al., 2016, arXiv:1606.03498).

    The present value is not in the mean, which is held in buffers.
    """

    spares = PLAYERS

    def __init__(self, weight: float = 1e-3) -> None:
        super().__init__()
        if weight < 0:
            raise ValueError(f"--regularisers historical:weight={weight:g} drives weights away; give 0 or more")
        self.weight = weight

    def prepare(self, generator: nn.Module, discriminator: nn.Module) -> None:
        for player, net in (("generator", generator), ("discriminator", discriminator)):
            self.register_buffer(player + "_mean", torch.zeros_like(flat(net)))
            self.register_buffer(player + "_count", torch.zeros((), dtype=torch.int64))

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        return {"historical": self.weight * self.distance("discriminator", now.model.discriminator)}

    def generator(self, now: Moment, fake: Judged, real: Judged | None) -> i2i.Terms:
        return {"historical": self.weight * self.distance("generator", now.model.generator)}

    def distance(self, player: str, net: nn.Module) -> Tensor:
        """The squared distance from the mean, which then has the present value in it, too."""
        mean, count = self.get_buffer(player + "_mean"), self.get_buffer(player + "_count")
        weights = flat(net)
        distance = (weights - mean).square().sum() * (count > 0)
        with torch.no_grad():
            count += 1
            self.get_buffer(player + "_mean").copy_(torch.lerp(mean, weights, 1 / count.to(mean)))
        return distance


class VirtualBatchNorm(Element):
    """Let the generator's batch norms compare with `count` drawings of fixed latents (Salimans et al., 2016,
    arXiv:1606.03498, section 3.5): what it draws of a latent then does not depend on the others of a batch.
    """

    def __init__(self, count: int = 64) -> None:
        super().__init__()
        if count < 1:
            raise ValueError(f"--regularisers virtual-norm:count={count} compares with nothing; give 1 or more")
        self.count = count

    def adapt(self, model: TwoPlayer) -> None:
        if not has_batch_norm(model.generator):
            raise ValueError(
                "--regularisers virtual-norm is for generators with batch norm, and this one has none; leave it out"
            )
        chance, classes = Seeded(0), model.shape.classes
        latents, labels = model.latent.draw(chance, self.count), (chance.rand(self.count) * classes).long()
        told = labels if model.shape.generator_conditioning != "none" else None
        model.generator = Referenced(model.generator, latents, told)


class MinibatchDiscrimination(Element):
    """Let the discriminator see how close each picture is to the others of its batch, in `kernels` learnt ways (same
    paper, section 3.2): a generator that always draws the same is told by it. Where the logit is the evidence of any
    class, it goes into the logits of classes.
    """

    needs = frozenset({"features"})
    couples = "it compares the pictures of a batch"

    def __init__(self, kernels: int = 100, size: int = 5) -> None:
        super().__init__()
        if kernels < 1 or size < 1:
            asked = f"kernels={kernels},size={size}"
            raise ValueError(f"--regularisers minibatch-discrimination:{asked} sees nothing; give 1 or more of both")
        self.kernels, self.size = kernels, size

    @torch.no_grad()
    def adapt(self, model: TwoPlayer) -> None:
        if type(model.architecture).trained is not Architecture.trained:
            raise ValueError(
                "--regularisers minibatch-discrimination is for discriminators that are trained whole, and this one is "
                "trained level by level; leave it out"
            )
        images = torch.ones(1, model.shape.channels, *model.shape.size)
        labels = model.told(torch.zeros(1, dtype=torch.int64))
        net = model.discriminator
        found: Judged = net.eval()(images, labels)
        assert found.features is not None
        classes = 0
        if found.classes is not None and torch.allclose(found.logit, found.classes.logsumexp(dim=1)):
            classes = found.classes.shape[1]
        model.discriminator = Comparing(
            net.train(), found.features.flatten(1).shape[1], self.kernels, self.size, classes
        )


def flat(net: nn.Module) -> Tensor:
    """All weights of a network, (P,), in float32 at least."""
    return torch.cat([wide(weights).flatten() for weights in net.parameters()])
