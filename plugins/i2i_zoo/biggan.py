"""What BigGAN adds to two players: norms whose statistics are taken anew for drawing, and its published weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import i2i
from i2i_zoo import biggan_weights, requests
from i2i_zoo.latents import Seeded
from i2i_zoo.layers.spectral import Spectral
from i2i_zoo.model import TwoPlayer
from i2i_zoo.moment import Drawn, Moment

PICTURES = 16  # of a pass


@dataclass(frozen=True, kw_only=True)
class Request(requests.Request):
    """What to draw, and by which statistics."""

    standing: int = i2i.option(
        16, help="Passes that norms take their statistics of, truncated as pictures are; 0: those of training.", min=0
    )


class BigGAN(TwoPlayer):
    """Two players whose generator draws with standing statistics (Brock et al., 2018, arXiv:1809.11096).

    An average of weights has other statistics than the averages of its norms, and so have truncated latents.
    """

    Request = Request

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        self._standing: tuple[object, nn.Module | None] = None, None  # what for, and the copy: no part of the state

    def teach_generator(self, now: Moment, fake: Drawn) -> i2i.Updates:
        """As all recipes do; then log each network's largest singular value, which grows before a collapse."""
        yield from super().teach_generator(now, fake)
        nets = {"generator": self.generator, "discriminator": self.discriminator}
        found = {name: [m.sigma for m in net.modules() if isinstance(m, Spectral)] for name, net in nets.items()}
        yield None, {f"sigma_{name}": torch.stack(sigmas).max() for name, sigmas in found.items() if sigmas}

    def painter(self, request: Any) -> nn.Module:
        if not request.standing:
            return super().drawer()
        device = next(self.generator.parameters()).device
        wanted = self.clock.of("generator"), request.standing, request.truncation, device
        known, net = self._standing
        if net is None or known != wanted:
            net = self.stand(request.standing, request.truncation)
            self._standing = wanted, net
        return net

    def drawer(self) -> nn.Module:
        return self.painter(Request())  # as it is drawn with where nothing else is asked for

    @torch.inference_mode(False)
    @torch.no_grad()
    def stand(self, passes: int, truncation: float | None) -> nn.Module:
        """A copy of what draws, whose norms have the mean statistics of so many passes."""
        net, chance = copy.deepcopy(super().drawer()).eval(), Seeded(0)
        norms = [_Standing(layer) for layer in net.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
        like = next(self.generator.parameters())
        for _ in range(passes):
            if truncation is None:
                z = self.latent.draw(chance, PICTURES)
            else:
                z = self.latent.truncated(chance, PICTURES, truncation)
            labels = (chance.rand(PICTURES) * self.shape.classes).long().to(like.device) if self.targets() else None
            net(z.to(like), labels, None)
        for norm in norms:
            norm.finish(passes)
        return net

    @classmethod
    def import_weights(cls, files: Mapping[str, Mapping[str, Tensor]], domains: tuple[str, ...]) -> i2i.Imported:
        return biggan_weights.read(files, domains)

    def export_weights(self) -> dict[str, dict[str, Tensor]]:
        return biggan_weights.write(self)


class _Standing:
    """Lets a norm in evaluation use each batch's own statistics, and sums them."""

    def __init__(self, norm: nn.modules.batchnorm._BatchNorm) -> None:
        self.norm = norm
        self.sums = [torch.zeros_like(kept) for kept in self._kept()]
        self.hook = norm.register_forward_pre_hook(self._take)

    def _kept(self) -> list[Tensor]:
        return [self.norm.get_buffer("running_mean"), self.norm.get_buffer("running_var")]

    def _take(self, norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0]  # and a condition may follow
        axes = [axis for axis in range(x.dim()) if axis != 1]
        variance, mean = torch.var_mean(x.to(self.sums[0]), axes, correction=0)
        for total, kept, value in zip(self.sums, self._kept(), (mean, variance), strict=True):
            total.add_(value)
            kept.copy_(value)

    def finish(self, passes: int) -> None:
        """Give the norm the means of what was summed."""
        self.hook.remove()
        for total, kept in zip(self.sums, self._kept(), strict=True):
            kept.copy_(total / passes)
