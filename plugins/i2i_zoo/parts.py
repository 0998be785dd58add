"""What a recipe is made of: what networks are built for, what a discriminator says, and what is asked of the players.

A part names what it needs and forbids in words; `rules` compares them with what the built networks offer, once, before
anything is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

import i2i
from i2i import networks
from i2i_zoo.bounds import Factor as Factor
from i2i_zoo.bounds import Probability as Probability
from i2i_zoo.bounds import Share as Share
from i2i_zoo.bounds import Weight as Weight
from i2i_zoo.bounds import kind_of
from i2i_zoo.shape import Chance as Chance
from i2i_zoo.shape import Shape as Shape

if TYPE_CHECKING:
    from i2i_zoo.model import TwoPlayer
    from i2i_zoo.moment import Moment


PLAYERS = ("discriminator", "generator")


@dataclass(frozen=True)
class Judged:
    """What a discriminator says of N pictures. All but `images` and `logit` are given by some networks alone."""

    images: Tensor  # (N, C, H, W), what penalties differentiate with respect to; pairs with latents as (N, D, 1, 1)
    logit: Tensor  # (N,), raw, never a probability; of an autoencoder its energy, at least 0
    labels: Tensor | None = None  # (N,), int64, what the discriminator was told; -1 is unknown
    features: Tensor | None = None  # (N, F), what its last linear layer gets
    classes: Tensor | None = None  # (N, K), logits
    turns: Tensor | None = None  # (N, 4), logits of rotations by 0, 90, 180 and 270 degrees
    embedding: Tensor | None = None  # (N, E), an encoder's code

    def __post_init__(self) -> None:
        """Refuse a logit (N, 1), of which numbers (N,) would make (N, N). Raises ValueError."""
        if self.logit.shape != self.images.shape[:1]:
            shape, count = tuple(self.logit.shape), len(self.images)
            raise ValueError(f"a discriminator's logit is {shape}; give one number a picture: ({count},)")

    def split(self, *counts: int) -> list[Judged]:
        """Cut what was judged together into parts of so many pictures."""
        cut = {name: value.split(list(counts)) for name, value in self._tensors()}
        return [Judged(**{name: parts[number] for name, parts in cut.items()}) for number in range(len(counts))]

    def _tensors(self) -> list[tuple[str, Tensor]]:
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return [(name, value) for name, value in values if value is not None]

    def gathered(self) -> Judged:
        """What all ranks' discriminators say, in one batch, with gradients; itself where there is one rank."""
        return replace(self, **{name: networks.gather(value) for name, value in self._tensors()})


class Architecture:
    """A family of generators and discriminators: what architectures subclass, as frozen dataclasses of their numbers.

    A generator is called with latents (N, Z), labels (N,) or None, and a `Chance` or None: without one what is random
    in it stays fixed. A discriminator is called with pictures (N, C, H, W) and labels (N,) or None, and returns
    `Judged`; its attribute `joint` says whether real and generated pictures may be judged in one batch. Without that
    attribute they may, unless it has batch norm.
    """

    conditions: ClassVar[frozenset[str]] = frozenset()  # of what stands before and after the plus, beside "none"
    gives: ClassVar[frozenset[str]] = frozenset()  # words that elements may need: "features", "classes", "styles"
    method: ClassVar[str] = ""  # the model whose step alone can use it, as no other calls its networks so

    def check(self, to: Shape) -> None:
        """Raise ValueError where it cannot be built for that, with the nearest that it can."""

    def generator(self, to: Shape) -> nn.Module:
        """Build a generator."""
        raise NotImplementedError

    def discriminator(self, to: Shape) -> nn.Module:
        """Build a discriminator."""
        raise NotImplementedError

    def initialise(self, net: nn.Module) -> None:
        """Draw the first weights of either network anew, in place; default: as its layers drew them."""

    def phases(self, to: Shape, lr: Callable[[float], float]) -> list[i2i.Phase]:
        """The stretches of training; those of networks that grow have sizes of their own."""
        return [i2i.Phase("train", lr=lr)]

    def trained(self, net: nn.Module, phase: i2i.Phase) -> list[nn.Parameter]:
        """What of a network is trained in a phase."""
        return list(net.parameters())

    def begin(self, generator: nn.Module, discriminator: nn.Module, progress: i2i.Progress) -> None:
        """Make both networks ready for a step: let them grow. It may change buffers alone."""

    def shown(self, images: Tensor, progress: i2i.Progress) -> Tensor:
        """Real pictures (N, C, H, W) as the discriminator sees them in this step: blended while networks grow."""
        return images


class Element(nn.Module):
    """Something asked of the players: an objective, a penalty, a regulariser. State lies in buffers.

    `needs` and `forbids` are words of `rules.WORDS`. `couples` says why the samples of a batch are not independent, or
    is empty; what couples is `gathered` over ranks, unless `gathers` is False: then the reason is printed. An element
    with `every` above 1 is lazy: each so many updates of its player it has an update of its own, where its terms are
    multiplied by as much. What was judged belongs to the update before by then: it judges anew, by `now.critic`.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    forbids: ClassVar[frozenset[str]] = frozenset()
    needs_real: ClassVar[bool] = False  # the generator's update looks at real pictures, too
    pairs: ClassVar[bool] = False  # each real picture with a generated one: there must be as many
    couples: ClassVar[str] = ""
    gathers: ClassVar[bool] = True
    twice: ClassVar[tuple[str, ...]] = ()  # "discriminator", "generator": networks whose derivative it differentiates
    spares: ClassVar[tuple[str, ...]] = ()  # players that its terms teach nothing, as those of weights alone do
    teaches: ClassVar[str] = ""  # what one element of a recipe can teach at most, and this one does
    every: int = 1

    def warns(self, recipe: i2i.Options) -> str:
        """What a user should know of this element in a recipe, in a sentence; or nothing."""
        return ""

    def adapt(self, model: TwoPlayer) -> None:
        """Change the networks themselves, once, before they are averaged or trained."""

    def prepare(self, generator: nn.Module, discriminator: nn.Module) -> None:
        """Make state that depends on the networks: buffers, never the networks themselves."""

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        """Terms of the discriminator's loss."""
        return {}

    def generator(self, now: Moment, fake: Judged, real: Judged | None) -> i2i.Terms:
        """Terms of the generator's loss; `real` is None unless some element needs it."""
        return {}

    def stepped(self, now: Moment, player: str) -> None:
        """Do what follows an update of "discriminator" or "generator": clip weights, move an average."""

    def watched(self) -> i2i.Terms:
        """What is logged of its state after each step, and not made small."""
        return {}


class Augmentation(Element):
    """What is done to all pictures before the discriminator sees them, real and generated, in both updates."""

    def augment(self, now: Moment, images: Tensor) -> Tensor:
        """Change pictures (N, C, H, W) by `now.chance`, differentiably."""
        raise NotImplementedError


class Divergence(Element):
    """An objective of logits alone: a new one is a docstring with its formula, and two functions.

    Its numbers are what the class says they are, `margin = 1.0`, until an option says otherwise, `:margin=2`; a
    `Weight(1.0)` is 0 or more, a `Share(0.5)` between 0 and 1.
    Two-sample losses are the sum of both means, without a half, unless the paper has one.
    """

    forbids = frozenset({"energy"})

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = [base for base in cls.__mro__ if issubclass(base, Divergence) and base is not Divergence]
        said = {name: getattr(cls, name) for base in own for name in vars(base)}
        taken = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind_of(default))
            for name, default in said.items()
            if isinstance(default, (bool, int, float, str)) and name[0] != "_" and not hasattr(Element, name)
        ]
        plain = cls.__init__ is Divergence.__init__  # else the class says itself what it takes
        cls.__signature__ = Signature(taken) if plain else None  # type: ignore[attr-defined]

    def __init__(self, **numbers: Any) -> None:
        super().__init__()
        for player in PLAYERS:
            if all(getattr(type(self), name) is getattr(Divergence, name) for name in (player, player[0])):
                raise ValueError(f"{type(self).__name__} has no {player[0]}, the loss of the {player}; write one")
        for name, value in signature(type(self)).bind(**numbers).arguments.items():
            setattr(self, name, value)

    def d(self, r: Tensor, f: Tensor) -> Tensor:
        """The discriminator's loss of logits (N,) of real and of generated pictures."""
        raise NotImplementedError

    def g(self, f: Tensor, r: Tensor | None) -> Tensor:
        """The generator's loss; the logits of real pictures are None unless `needs_real`."""
        raise NotImplementedError

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        return {"gan": self._single("d", self.d(self._logit(real), self._logit(fake)))}

    def generator(self, now: Moment, fake: Judged, real: Judged | None) -> i2i.Terms:
        return {"gan": self._single("g", self.g(self._logit(fake), None if real is None else self._logit(real)))}

    def _single(self, function: str, loss: Tensor) -> Tensor:
        if getattr(loss, "shape", None) != ():
            given = tuple(loss.shape) if isinstance(loss, Tensor) else loss
            raise ValueError(f"{function} of {type(self).__name__} gives {given} and not one number; return its mean")
        return loss

    def _logit(self, judged: Judged) -> Tensor:
        logit = wide(judged.logit)
        return networks.gather(logit) if self.couples else logit


def merged(all_terms: Iterable[i2i.Terms]) -> i2i.Terms:
    """The terms of several elements as one player's. Raises ValueError where two have a name."""
    together: i2i.Terms = {}
    for terms in all_terms:
        if twice := together.keys() & terms.keys():
            raise ValueError(f'two elements call a term "{min(twice)}"; one must call it otherwise')
        together |= terms
    return together


def times(factor: float, terms: i2i.Terms) -> i2i.Terms:
    """Terms, each multiplied."""
    return {name: factor * value for name, value in terms.items()}


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """Labels (N,) as float32 (N, `classes`): a 1 at the class; rows of the unknown, -1, are 0."""
    return torch.nn.functional.one_hot(labels + 1, classes + 1)[:, 1:].float()


def wide(x: Tensor) -> Tensor:
    """In float32 at least: sums of logits are not taken in bf16."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
