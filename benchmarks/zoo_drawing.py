"""What the parts of `zoo.py` share: which presets there are, how one is built, how many pictures are drawn at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import i2i
from i2i.model import evaluating
from i2i.plugins import load_class, registry
from i2i.preparing import layers
from i2i.sampling import draw_one

BATCH = 100  # pictures drawn together
COMPARED = 3  # of them are drawn alone, too
CLOSE = 1e-3  # of a range of 2: how much may differ between drawn together and alone


def presets() -> list[str]:
    """The names of the zoo's models, in the order of their papers."""
    from i2i_zoo.base import Zoo

    cards = [card for card in registry().models().values() if card.target.startswith("i2i_zoo.")]
    return [card.name for card in sorted(cards, key=lambda c: (c.year, c.name)) if issubclass(load_class(card), Zoo)]


def small(name: str, **options: Any) -> Any:
    """The options of a preset's small setting, with others. Raises as `i2i.train` does."""
    card = registry().model(name)
    cls = load_class(card)
    return layers(card, cls, ({"small": True} if cls.small else {}) | options, None)[1]


def built(name: str, spec: i2i.DataSpec, seed: int, **options: Any) -> i2i.Model:
    """Build a preset's small setting, with other options, for data. Raises ValueError for what makes no sense."""
    made = small(name, **options)
    torch.manual_seed(seed)
    model: i2i.Model = load_class(registry().model(name))(made, spec)
    return model


def drawn(model: Any, count: int, say: Callable[[str], None] = print) -> Tensor:
    """Draw (count, C, H, W) in [-1, 1], the pictures of the seeds from 0 on.

    Together where the model's parts give what `i2i sample` does, which is compared for some; else one by one.
    """
    alone = [draw_one(model, model.Request(seed=seed)) for seed in range(COMPARED)]
    try:
        with evaluating(model):
            together = torch.cat([_batch(model, range(n, min(n + BATCH, count))) for n in range(0, count, BATCH)])
        if max(float((a - b).abs().max()) for a, b in zip(alone, together, strict=False)) <= CLOSE:
            return together
        reason = "pictures drawn together differ"
    except Exception as error:  # a method that draws in another way
        reason = f"{type(error).__name__}: {error}"
    say(f"drawn one by one ({reason})")
    return torch.stack([draw_one(model, model.Request(seed=seed)) for seed in range(count)])


def _batch(model: Any, seeds: range) -> Tensor:
    asked = [model.Request(seed=seed) for seed in seeds]
    like = next(model.generator.parameters())
    z = torch.cat([model.drawn_latent(one) for one in asked]).to(like)
    labels = [model.label(one) for one in asked]
    known = None if labels[0] is None else torch.tensor(labels, device=like.device)
    images = model.drawer()(z, known, None).clamp(-1, 1).float().cpu()
    while images.shape[2] < model.shape.size[0]:  # it has not grown up
        images = images.repeat_interleave(2, 2).repeat_interleave(2, 3)
    return images
