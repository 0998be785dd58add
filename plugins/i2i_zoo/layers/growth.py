"""Networks that grow: which sizes they can have, which they have, and how far the newest layers have faded in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import i2i
from i2i_zoo.layers.resample import repeated
from i2i_zoo.parts import Architecture, Shape

WHOLE = 1_000_000  # a share of 1: kept as a whole number, which averages of weights copy instead of smoothing


class Growth(nn.Module):
    """How far a network has grown: `level`, which of `sides` (in pixels) it draws or judges, and `alpha` of it.

    While alpha is below 1 the newest layers fade in, beside those of the level below. Both are buffers: a checkpoint in
    a fade draws as it trained. A new network is grown up.
    """

    def __init__(self, sides: Sequence[int]) -> None:
        super().__init__()
        self.sides = tuple(sides)
        self.register_buffer("state", torch.tensor([len(sides) - 1, WHOLE]))  # level, alpha in millionths
        self.state: Tensor
        self._read: tuple[object, int, int] | None = None  # the same as Python numbers, and of which version

    def grow(self, level: int, alpha: float) -> None:
        """Stand at a level, with so much of it faded in."""
        share = WHOLE if level == 0 else round(alpha * WHOLE)  # there is nothing below the first to fade from
        self.state[0], self.state[1] = level, share
        self._read = self._stamp(), level, share

    def _stamp(self) -> object:
        return None if self.state.is_inference() else (self.state.data_ptr(), self.state._version)

    def _now(self) -> tuple[int, int]:
        stamp = self._stamp()
        if self._read is None or stamp is None or self._read[0] != stamp:  # loaded, or averaged; a GPU is waited for
            self._read = stamp, int(self.state[0]), int(self.state[1])
        return self._read[1:]

    @property
    def level(self) -> int:
        """Which of `sides` it is."""
        return self._now()[0]

    @property
    def side(self) -> int:
        """Height and width of what is drawn or judged now, in pixels."""
        return self.sides[self.level]

    @property
    def doublings(self) -> int:
        """How often 4 pixels are doubled to `side`."""
        return self.side.bit_length() - 3

    @property
    def alpha(self) -> float:
        """How much of the newest layers counts."""
        return self._now()[1] / WHOLE

    @property
    def fading(self) -> bool:
        """Whether layers of the level below count, too."""
        return self._now()[1] < WHOLE

    def mixed(self, old: Tensor, new: Tensor) -> Tensor:
        """(1 - alpha) of the old and alpha of the new."""
        return old + (new - old) * self.alpha


class Growing(Architecture):
    """Networks that begin with pictures of `first` pixels; each larger size fades in, then is trained as it is.

    All stretches are as long, but for the last, which goes on as long as four. Where a size begins, its optimizers do.
    """

    first = 4

    def sides(self, to: Shape) -> list[int]:
        """The sizes of training, in pixels."""
        return [self.first << k for k in range(to.size[0].bit_length() - self.first.bit_length() + 1)]

    def faster(self, side: int) -> float:
        """What multiplies the learning rate at a size."""
        return 1.0

    def check(self, to: Shape) -> None:
        check_side(to.size, 2 * self.first)

    def phases(self, to: Shape, lr: Callable[[float], float]) -> list[i2i.Phase]:
        sides = self.sides(to)
        names = [f"{kind}-{side}" for side in sides for kind in ("fade", "hold")][1:]
        shares = [1.0] * (len(names) - 1) + [4.0]
        phases, before = [], 0.0
        for name, share in zip(names, shares, strict=True):
            side = int(name.partition("-")[2])
            curve = _Part(lr, before / sum(shares), share / sum(shares), self.faster(side))
            phases.append(i2i.Phase(name, share, curve, image_size=side))
            before += share
        return phases

    def trained(self, net: nn.Module, phase: i2i.Phase) -> list[nn.Parameter]:
        levels: Growth = net.levels  # type: ignore[assignment]
        return list(net.grown(levels.sides.index(_side(phase))))  # type: ignore[operator]

    def begin(self, generator: nn.Module, discriminator: nn.Module, progress: i2i.Progress) -> None:
        for net in (generator, discriminator):
            levels: Growth = net.levels  # type: ignore[assignment]
            levels.grow(levels.sides.index(_side(progress.phase)), _alpha(progress))

    def shown(self, images: Tensor, progress: i2i.Progress) -> Tensor:
        """Real pictures as sharp as the networks are: in a fade, mixed with themselves at half the size."""
        alpha = _alpha(progress)
        if alpha == 1:
            return images
        old = repeated(F.avg_pool2d(images, 2))
        return old + (images - old) * alpha


class _Part:
    """A stretch of a curve over the run, of the fraction of that stretch that is done, times a factor."""

    def __init__(self, curve: Callable[[float], float], start: float, share: float, factor: float) -> None:
        self.curve, self.start, self.share, self.factor = curve, start, share, factor

    def __call__(self, fraction: float) -> float:
        return self.factor * self.curve(self.start + fraction * self.share)


def _side(phase: i2i.Phase) -> int:
    return int(phase.name.partition("-")[2])


def _alpha(progress: i2i.Progress) -> float:
    return progress.fraction if progress.phase.name.startswith("fade") else 1.0


def channels_of(sides: int, width: int, multiplier: float = 1.0) -> tuple[int, ...]:
    """Channels at 4, 8, ... `sides` pixels: `width` at most, and 32 x width x multiplier / side where that is less."""
    count = sides.bit_length() - 2
    return tuple(max(1, min(width, int(32 * width * multiplier) >> k + 2)) for k in range(count))


def check_side(size: tuple[int, int], least: int) -> None:
    """Refuse sizes that doubling 4 pixels does not reach. Raises ValueError with the nearest."""
    side, width = size
    if width != side:
        raise ValueError(f"this network draws squares, and the size is {width}x{side}; leave --image-width out")
    if side < least or side & (side - 1):
        low = max(least, 1 << side.bit_length() - 1)
        near = f"{low}" if side < least else f"{low} or {2 * low}"
        raise ValueError(
            f"the pictures are drawn from 4 pixels, doubled again and again, and {side} is not reached so; "
            f"use --image-size {near}"
        )
