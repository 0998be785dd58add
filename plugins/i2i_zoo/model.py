"""Two players, and the one step of all recipes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

import i2i
from i2i_zoo import memorisation, recipe, rules, spelling
from i2i_zoo.base import PREVIEWED as PREVIEWED
from i2i_zoo.base import Zoo as Zoo
from i2i_zoo.latents import Seeded
from i2i_zoo.moment import Drawn, Moment
from i2i_zoo.parts import Architecture, Augmentation, Element, Judged, merged, times


class TwoPlayer(Zoo):
    """A generator and a discriminator, trained against each other by a recipe.

    `gan` is each player's objective; `penalty` and the like are what else is asked of it, with its weight.
    """

    Options = recipe.Recipe
    moment: ClassVar[type[Moment]] = Moment  # a step as the elements see it
    method: ClassVar[str] = ""  # as architectures name it that are for its step alone
    gives: ClassVar[frozenset[str]] = frozenset()  # words that elements may need, of its step
    norms: ClassVar[str] = rules.NORMS  # what to type for another norm in the discriminator

    def __init__(self, options: Any, spec: i2i.DataSpec, architecture: Architecture | None = None) -> None:
        super().__init__(options, spec)
        self.architecture: Architecture = architecture or spelling.make(
            "architecture", options.architecture, "--architecture"
        )
        usual = type(options).architecture
        rules.check_method(self.architecture, self.method, f"--architecture {options.architecture}", usual)
        rules.check_conditioning(self.architecture, self.shape, options.conditioning)
        self.architecture.check(self.shape)
        self.generator = self.architecture.generator(self.shape)
        self.discriminator = self.architecture.discriminator(self.shape)
        for net in (self.generator, self.discriminator):
            self.architecture.initialise(net)
        self.asked_for = self._elements()
        self.elements = nn.ModuleList(self.asked_for.values())
        self.augmentations = [each for each in self.elements if isinstance(each, Augmentation)]
        offered = rules.offered(self.architecture, self.discriminator, self.shape) | self.gives
        rules.check_elements(self.asked_for, offered, self.norms)
        rules.check_taught(self, offered)
        rules.check_schedule(self)
        for element in self.asked_for.values():
            element.adapt(self)
        rules.check_seen(self)
        self.joint = getattr(self.discriminator, "joint", not rules.has_batch_norm(self.discriminator))
        for element in self.asked_for.values():
            element.prepare(self.generator, self.discriminator)
        self.eager = tuple({player for element in self.asked_for.values() for player in element.twice})
        self.make_average()

    def phases(self) -> list[i2i.Phase]:
        return self.architecture.phases(self.shape, self.curve())

    def optimizers(self, phase: i2i.Phase) -> dict[str, Optimizer]:
        o = self.options
        rates = {"discriminator": o.lr if o.discriminator_lr is None else o.discriminator_lr, "generator": o.lr}
        made = {}
        for player, lr in rates.items():
            trained = self.architecture.trained(self.get_submodule(player), phase)
            every = max([element.every for element in self._lazy(player)], default=1)
            made[player] = self.optimizer(trained, lr, every)
        return made

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        o, now = self.options, self.moment(self, batch, progress)
        turn = self.clock.generator_is_due(o.n_critic, o.critic_warmup)
        reuse = o.reuse and turn
        fake = now.draw(grad=reuse)
        yield from self.teach_discriminator(now, fake)
        if turn:
            yield from self.teach_generator(now, fake if reuse else now.draw(grad=True, times=o.generator_draws))
        yield from self.watched()

    def teach_discriminator(self, now: Moment, fake: Drawn) -> i2i.Updates:
        """Update the discriminator, then do what follows."""
        real_says, fake_says = now.judge(now.pictures, fake.detached())
        yield "discriminator", merged(e.discriminator(now, real_says, fake_says) for e in self._usual())
        for element in self._lazy("discriminator"):
            if self.clock.of("discriminator") % element.every == 0:
                yield "discriminator", times(element.every, element.discriminator(now, real_says, fake_says))
        self._stepped(now, "discriminator")

    def teach_generator(self, now: Moment, fake: Drawn) -> i2i.Updates:
        """Update the generator, then do what follows."""
        real_says, fake_says = self.judged_again(now, fake)
        yield "generator", merged(e.generator(now, fake_says, real_says) for e in self._usual())
        for element in self._lazy("generator"):
            if self.clock.of("generator") % element.every == 0:
                yield "generator", times(element.every, element.generator(now, fake_says, real_says))
        self._stepped(now, "generator")
        self.follow(now.count)

    def judged_again(self, now: Moment, fake: Drawn) -> tuple[Judged | None, Judged]:
        """What the generator's update asks for: of real pictures, too, where an element compares."""
        if any(element.needs_real for element in self.asked_for.values()):
            real_says, fake_says = now.judge(now.pictures, fake)
            return real_says, fake_says
        return None, now.judge(fake)[0]

    def watched(self) -> i2i.Updates:
        """Log what the elements say of their state, last in a step."""
        if terms := merged(element.watched() for element in self.asked_for.values()):
            yield None, terms

    def told(self, labels: Tensor | None) -> Tensor | None:
        """The labels that the discriminator is told: none where it is not conditioned."""
        return None if self.shape.discriminator_conditioning == "none" else labels

    def features(self, images: Tensor) -> Tensor:
        unknown = torch.full((len(images),), -1, device=images.device)
        now = self.moment.still(self, {"image": images, "label": unknown}, Seeded(0))
        says = memorisation.judged(now, now.pictures)
        found = says.embedding if says.features is None else says.features
        return super().features(images) if found is None else found

    def diagnose(self, training: Iterable[i2i.Batch], held_back: Iterable[i2i.Batch]) -> dict[str, float]:
        return memorisation.diagnose(self, training, held_back)

    def _stepped(self, now: Moment, player: str) -> None:
        self.clock.tick(player)  # first: elements may ask it
        for element in self.asked_for.values():
            element.stepped(now, player)

    def _usual(self) -> list[Element]:
        """The elements of every update."""
        return [element for element in self.asked_for.values() if element.every == 1]

    def _lazy(self, player: str) -> list[Element]:
        """The elements that have updates of their own of a player."""
        lazy = [element for element in self.asked_for.values() if element.every > 1]
        return [element for element in lazy if getattr(type(element), player) is not getattr(Element, player)]

    def _elements(self) -> dict[str, Element]:
        """What is asked of the players, by how it was asked for."""
        o = self.options
        return (
            {f"--objective {o.objective}": spelling.make("objective", o.objective, "--objective")}
            | spelling.make_all("penalty", o.gradient_penalty, "--gradient-penalty")
            | spelling.make_all("regulariser", o.regularisers, "--regularisers")
            | spelling.make_all("augmentation", o.augment, "--augment")
        )
