"""The models of the zoo: what all share, and two players with the one step of all recipes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

import i2i
from i2i import networks
from i2i_zoo import memorisation, recipe, requests, rules, spelling
from i2i_zoo.clock import Clock
from i2i_zoo.curves import Curve
from i2i_zoo.latents import Seeded
from i2i_zoo.moment import Drawn, Moment
from i2i_zoo.parts import Architecture, Augmentation, Element, Shape, merged, times

PREVIEWED, PER_CLASS = 8, 4  # pictures of a preview: without classes, and of each class
CLASSES = 10  # of a preview at most
OWN_STREAM = 1 << 40  # added to a seed: what the class is drawn from


class Zoo(i2i.Model):
    """A model that draws pictures of latents by its `generator`, or by the average of its weights.

    A subclass makes `generator`, calls `make_average` and says how it is trained.
    """

    inputs = ()
    Options = recipe.Common
    Request = requests.Request
    generator: nn.Module

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        self.latent = spelling.make("latent", options.latent, "--latent")
        self.curve()  # which phases() asks for: here it is refused before anything is written
        attributes = spec.extra.get("labels") == "attributes"
        classes = 0 if attributes or "image" not in spec.channels else spec.num_labels
        conditioning = getattr(options, "conditioning", "none")
        self.shape = Shape(next(iter(spec.channels.values())), spec.image_size, self.latent.size, classes, conditioning)
        self.clock = Clock()
        self.decay = (
            None if options.average == spelling.NONE else spelling.make("average", options.average, "--average")
        )
        self.average: networks.Average | None = None

    def curve(self) -> Curve:
        """How learning rates go over a phase."""
        made: Curve = spelling.make("curve", self.options.lr_curve, "--lr-curve")
        return made

    def phases(self) -> list[i2i.Phase]:
        return [i2i.Phase("train", lr=self.curve())]

    def make_average(self) -> None:
        """Begin the average of the generator's weights, if there is one: once it is built."""
        self.average = networks.Average(self.generator) if self.decay is not None else None

    def follow(self, count: int) -> None:
        """Let the average follow, after an update of the generator by `count` pictures."""
        if self.average is not None and self.decay is not None:
            self.average.update(self.generator, self.decay(self.clock.of("generator"), count))

    def optimizer(self, parameters: Iterable[nn.Parameter], lr: float, every: int = 1) -> Optimizer:
        """Make an optimizer of the recipe's kind.

        Where a lazy element has an update of its own after each `every`, Adam's rate and memory are those of
        every / (every + 1) of an update (Karras et al., 2019, arXiv:1912.04958).
        """
        o, share = self.options, every / (every + 1) if every > 1 else 1.0
        if o.optimizer == "sgd":
            return torch.optim.SGD(parameters, lr, o.betas[0], weight_decay=o.weight_decay)
        if o.optimizer == "rmsprop":
            return torch.optim.RMSprop(parameters, lr, eps=o.epsilon, weight_decay=o.weight_decay)
        betas = (o.betas[0] ** share, o.betas[1] ** share)
        return torch.optim.Adam(parameters, lr * share, betas, o.epsilon, o.weight_decay)

    def targets(self) -> tuple[str, ...]:
        return () if self.shape.generator_conditioning == "none" else self.spec.domains

    def drawer(self) -> nn.Module:
        """The network that pictures are drawn with."""
        return self.generator if self.average is None else self.average.net

    def translate(self, inputs: i2i.Batch, request: Any) -> Tensor:
        like = next(self.generator.parameters())
        labels = None if (label := self.label(request)) is None else torch.tensor([label], device=like.device)
        images: Tensor = self.drawer()(self.drawn_latent(request).to(like), labels, None)
        return images.clamp(-1, 1)

    def drawn_latent(self, request: Any) -> Tensor:
        """The latent (1, Z) that a request's seed stands for."""
        chance = Seeded(request.seed)
        if request.truncation is None:
            return self.latent.draw(chance, 1)
        return self.latent.truncated(chance, 1, request.truncation)

    def label(self, request: Any) -> int | None:
        """The class that a request asks for; without one its seed chooses, and not the same one as the latent."""
        if not self.targets():
            return None
        if request.to is not None:
            return self.spec.domains.index(request.to)
        return int(Seeded(request.seed + OWN_STREAM).rand(1) * self.shape.classes)

    def grid(self, request: Any) -> list[list[tuple[str, Any]]] | None:
        if not self.targets() or request.to is not None:
            return None
        seeds = range(request.seed, request.seed + request.samples)
        asked = [dataclasses.replace(request, seed=seed, to=self._class(request, seed)) for seed in seeds]
        named = [(f"{one.to}, seed {one.seed}", one) for one in asked]
        return [named[first : first + PREVIEWED] for first in range(0, len(named), PREVIEWED)]

    def _class(self, request: Any, seed: int) -> str:
        label = self.label(dataclasses.replace(request, seed=seed))
        return self.spec.domains[label or 0]

    def preview(self, examples: Sequence[tuple[i2i.Batch, Any]]) -> list[dict[str, Tensor]]:
        rows = []
        for target in self.targets()[:CLASSES] or (None,):
            count = PREVIEWED if target is None else PER_CLASS
            requests = [type(self).Request(to=target, seed=seed) for seed in range(count)]
            name = "" if target is None else f"{target}, "
            rows.append({f"{name}seed {one.seed}": self.translate({}, one)[0] for one in requests})
        real = [inputs["image"][0] for inputs, _ in examples[:PREVIEWED] if "image" in inputs]
        return [*rows, {f"real picture {number}": image for number, image in enumerate(real, 1)}]


class TwoPlayer(Zoo):
    """A generator and a discriminator, trained against each other by a recipe.

    `gan` is each player's objective; `penalty` and the like are what else is asked of it, with its weight.
    """

    Options = recipe.Recipe

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        self.architecture: Architecture = spelling.make("architecture", options.architecture, "--architecture")
        rules.check_conditioning(self.architecture, self.shape, options.conditioning)
        self.architecture.check(self.shape)
        self.generator = self.architecture.generator(self.shape)
        self.discriminator = self.architecture.discriminator(self.shape)
        for net in (self.generator, self.discriminator):
            self.architecture.initialise(net)
        self.joint = getattr(self.discriminator, "joint", not rules.has_batch_norm(self.discriminator))
        self.asked_for = self._elements()
        self.elements = nn.ModuleList(self.asked_for.values())
        self.augmentations = [each for each in self.elements if isinstance(each, Augmentation)]
        rules.check_elements(self.asked_for, rules.offered(self.architecture, self.discriminator, self.shape))
        rules.check_schedule(self)
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
        o, now = self.options, Moment(self, batch, progress)
        turn = self.clock.generator_is_due(o.n_critic, o.critic_warmup)
        reuse = o.reuse and turn
        fake = now.draw(grad=reuse)
        yield from self.teach_discriminator(now, fake)
        if turn:
            yield from self.teach_generator(now, fake if reuse else now.draw(grad=True, times=o.generator_draws))
        if watched := merged(element.watched() for element in self.asked_for.values()):
            yield None, watched

    def teach_discriminator(self, now: Moment, fake: Drawn) -> i2i.Updates:
        """Update the discriminator, then do what follows."""
        real_says, fake_says = now.judge(now.pictures, fake.detached())
        yield "discriminator", merged(e.discriminator(now, real_says, fake_says) for e in self._usual())
        for element in self._lazy("discriminator"):
            if self.clock.of("discriminator") % element.every == 0:
                yield "discriminator", times(element.every, element.discriminator(now, real_says, fake_says))
        self._stepped(now, "discriminator")

    def teach_generator(self, now: Moment, fake: Drawn) -> i2i.Updates:
        """Update the generator, then do what follows; real pictures are judged again where an element compares."""
        if any(element.needs_real for element in self.asked_for.values()):
            real_says, fake_says = now.judge(now.pictures, fake)
        else:
            real_says, (fake_says,) = None, now.judge(fake)
        yield "generator", merged(e.generator(now, fake_says, real_says) for e in self._usual())
        for element in self._lazy("generator"):
            if self.clock.of("generator") % element.every == 0:
                yield "generator", times(element.every, element.generator(now, fake_says, real_says))
        self._stepped(now, "generator")
        self.follow(now.count)

    def told(self, labels: Tensor | None) -> Tensor | None:
        """The labels that the discriminator is told: none where it is not conditioned."""
        return None if self.shape.discriminator_conditioning == "none" else labels

    def features(self, images: Tensor) -> Tensor:
        unknown = torch.full((len(images),), -1, device=images.device)
        says = memorisation.judged(self, images, unknown)
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
