"""What does not go together, and why: what elements need and forbid, compared with what the built networks offer."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from torch import nn

from i2i_zoo.layers.spectral import Spectral
from i2i_zoo.layers.virtual import Comparing
from i2i_zoo.parts import PLAYERS, Architecture, Divergence, Element, Shape

if TYPE_CHECKING:
    from i2i_zoo.model import TwoPlayer

BATCH_NORM = "batch norm in the discriminator"
NORMS = "--architecture with norm=layer or norm=none"  # has others
WORDS = {  # need: what to do where it is missing
    "labels": "pictures with classes: data of the kind labelled, a folder for each class",
    "classes": "a discriminator that tells classes: --conditioning with +ac, or --architecture biggan:predictor=true",
    "asked": "a generator that is told the class: --conditioning with concat+ or table+",
    "told": "a discriminator that is told the class: --conditioning with +concat or +projection",
    "features": "an --architecture whose discriminator shows its features: dcgan, resnet, biggan, sncnn",
    "energy": "an --architecture whose discriminator is an autoencoder: ebgan, began",
    "logit": "an --architecture whose discriminator gives logits: dcgan",
    "turns": "an --architecture whose discriminator tells rotations: resnet:turns=true, biggan:turns=true",
    "embedding": "an --architecture whose discriminator has an encoder: ebgan, began",
    "styles": "an --architecture whose generator draws from styles: stylegan2",
    "kinds": "a discriminator of three outputs: --architecture vaegan:outputs=3",
    "reconstructions": "reconstructions beside samples, which the model vaegan alone draws; use --objective ns",
}
BY_CLASSES = frozenset({"classes", "kinds"})  # what discriminators tell, by which an objective may judge alone
REASONS = {  # what is forbidden: why, and what to do
    BATCH_NORM: "differentiates pictures one by one, and this discriminator has batch norm, which mixes them; "
    "use {norms}, or leave the penalty out",
    "energy": "is for logits, and this discriminator gives an energy, the error of an autoencoder; "
    "use another --architecture, or an --objective of energies",
}


def offered(architecture: Architecture, discriminator: nn.Module, shape: Shape) -> frozenset[str]:
    """Everything that elements may need or forbid, as the built networks have it."""
    has = set(architecture.gives)
    if shape.classes:
        has.add("labels")
    if shape.generator_conditioning != "none":
        has.add("asked")
    if shape.discriminator_conditioning != "none":
        has.add("classes" if shape.discriminator_conditioning == "ac" else "told")
    if has_batch_norm(discriminator):
        has.add(BATCH_NORM)
    if "energy" not in has:
        has.add("logit")
    return frozenset(has)


def has_batch_norm(net: nn.Module) -> bool:
    """Whether a network mixes its batch by batch norm, of any kind that torch has."""
    return any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in net.modules())


def check_method(architecture: Architecture, method: str, asked: str, usual: str) -> None:
    """Refuse networks that another model's step alone can use, naming the `usual` ones. Raises ValueError."""
    if architecture.method not in ("", method):
        flag = asked.partition(" ")[0]
        raise ValueError(f"{asked} has networks for the steps of {architecture.method} alone; use {flag} {usual}")


def check_conditioning(architecture: Architecture, shape: Shape, asked: str) -> None:
    """Refuse a conditioning without labels, or that an architecture cannot build. Raises ValueError."""
    if asked == "none":
        return
    if len(asked.split("+")) != 2:
        raise ValueError(f"--conditioning is {asked}; name the generator's and the discriminator's, as concat+concat")
    if not shape.classes:
        raise ValueError(f"--conditioning {asked} needs {WORDS['labels']}; use --conditioning none")
    can = sorted(architecture.conditions)
    instead = f"they can by {', '.join(can)}" if can else "use --conditioning none"
    for word in (shape.generator_conditioning, shape.discriminator_conditioning):
        if word not in ("none", *can):
            raise ValueError(f"--conditioning {asked}: these networks cannot be told the class by {word}; {instead}")
    if shape.generator_conditioning == "none" and shape.discriminator_conditioning not in ("none", "ac"):
        raise ValueError(
            f"--conditioning {asked} tells the discriminator the class of generated pictures, and these have none; "
            "name what the generator is told it by, too, or use --conditioning none"
        )


def check_elements(elements: Mapping[str, Element], has: frozenset[str], norms: str = NORMS) -> None:
    """Refuse elements, by how they were asked for, whose needs are not met. Raises ValueError with the reason.

    `norms` is what to type for another norm in the discriminator.
    """
    for asked, element in elements.items():
        for word in sorted(element.needs - has):
            raise ValueError(f"{asked} needs {WORDS.get(word, word)}")
        for word in sorted(element.forbids & has):
            raise ValueError(f"{asked} {REASONS.get(word, f'does not go with {word}').format(norms=norms)}")
    taught: dict[str, str] = {}
    for asked, element in elements.items():
        if element.teaches and (other := taught.setdefault(element.teaches, asked)) != asked:
            raise ValueError(
                f"{other} and {asked} both teach the discriminator {element.teaches}; leave one of them out"
            )


def check_taught(model: TwoPlayer, has: frozenset[str]) -> None:
    """Refuse a recipe without a loss of one of the players, or of something that it adds. Raises ValueError."""
    o, elements = model.options, model.asked_for.values()
    for player in PLAYERS:
        own = getattr(Element, player)
        if all(getattr(type(each), player) is own or player in each.spares for each in elements):
            hint = "add --regularisers feature-matching, or " * (player == "generator")
            raise ValueError(
                f"--objective {o.objective} leaves the {player} without a loss, and nothing else that is asked for has "
                f"one; {hint}use another --objective"
            )
    taught = frozenset[str]().union(*(each.needs for each in elements))
    if "classes" in has - taught:
        raise ValueError(_untaught_classes(model))
    if "turns" in has - taught:
        raise ValueError(
            f"--architecture {o.architecture} lets the discriminator tell rotations, and nothing teaches it which; "
            "use --regularisers rotation, or no turns=true"
        )


def _untaught_classes(model: TwoPlayer) -> str:
    """That a discriminator names classes, nothing teaches it which, and what to type."""
    o, shape = model.options, model.shape
    if shape.discriminator_conditioning != "ac":
        asked, hint = f"--architecture {o.architecture}", "--regularisers predictor, or no predictor=true"
    else:
        loss = "--objective kplus1" if shape.generator_conditioning == "none" else "--regularisers ac"
        alone = not _builds(model.architecture, replace(shape, conditioning="none"))
        asked, hint = f"--conditioning {o.conditioning}", loss + ", or --conditioning none" * (not alone)
    return f"{asked} lets the discriminator name classes, and nothing teaches it which; use {hint}"


def _builds(architecture: Architecture, shape: Shape) -> bool:
    try:
        architecture.check(shape)
    except ValueError:
        return False
    return True


def check_seen(model: TwoPlayer) -> None:
    """Refuse what is added to a logit that the objective does not look at. Raises ValueError."""
    objective, *_ = model.asked_for.values()
    if (
        isinstance(model.discriminator, Comparing)
        and not model.discriminator.by_classes
        and objective.needs & BY_CLASSES
        and not isinstance(objective, Divergence)
    ):
        raise ValueError(
            f"--regularisers {model.options.regularisers} has minibatch-discrimination, which adds to the logit, and "
            f"--objective {model.options.objective} judges by classes alone; leave minibatch-discrimination out"
        )


def check_schedule(model: TwoPlayer) -> None:
    """Refuse numbers of a recipe that exclude each other, and warn of what is known to fail."""
    o = model.options
    pairing = [asked for asked, element in model.asked_for.items() if element.pairs]
    if o.generator_draws > 1 and pairing:
        raise ValueError(f"{pairing[0]} pairs each real picture with a generated one; use --generator-draws 1")
    if o.generator_draws > 1 and o.reuse:
        raise ValueError("--reuse has one draw for both players; use --generator-draws 1 or --no-reuse")
    for asked, element in model.asked_for.items():
        if told := element.warns(o):
            warnings.warn(f"{asked}: {told}", stacklevel=2)
    if o.weight_decay and any(isinstance(layer, Spectral) for layer in model.modules()):
        warnings.warn(
            f"--weight-decay {o.weight_decay:g}: spectral norm divides weights by their size, so what decay makes "
            "smaller is the same network, which learns in ever larger steps; use --weight-decay 0",
            stacklevel=2,
        )


def say_exempt(elements: Mapping[str, Element], ranks: int) -> None:
    """Say, of training on several devices, which elements see their own part of the batch alone, and why."""
    if ranks > 1:
        for asked, element in elements.items():
            if element.couples and not element.gathers:
                warnings.warn(f"{asked} sees each device's part of the batch alone: {element.couples}", stacklevel=2)
