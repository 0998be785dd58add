"""What can be asked of a model of the zoo when pictures are drawn, and the strips that some of it stands for.

`--between 3 7` goes from one seed's latent to another's. `--arithmetic "mean(1,2,3) - mean(4,5) + 6"` adds and
subtracts those of seeds, or means of them, as Radford et al. did (2015, arXiv:1511.06434).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

import i2i
from i2i_zoo.latents import Latent

MOST_SEED = 2**63 - 1  # as of --seed
SEED = r"\d{1,999}"
TERM = re.compile(rf"\s*([+-]?)\s*(?:({SEED})|mean\s*\(\s*({SEED}(?:\s*,\s*{SEED})*)\s*\))\s*")


@dataclass(frozen=True)
class Term:
    """The latent of a seed, or the mean of several, added or subtracted."""

    sign: int
    seeds: tuple[int, ...]

    def __str__(self) -> str:
        return str(self.seeds[0]) if len(self.seeds) == 1 else f"mean({','.join(map(str, self.seeds))})"


def read(text: str) -> list[Term]:
    """Read sums of seeds and of means of seeds. Raises ValueError for anything else."""
    terms: list[Term] = []
    at = 0
    while at < len(text) or not terms:
        found = TERM.match(text, at)
        if found is None or bool(terms) > bool(found[1]):
            rest = f', which ends with "{text[at:].strip()}"' if at else ""
            known = 'add and subtract seeds and means of seeds: "mean(1,2,3) - mean(4,5) + 6"'
            raise ValueError(f'--arithmetic is "{text}"{rest}; {known}')
        seeds = [seed.strip() for seed in (found[2] or found[3]).split(",")]
        if large := next((seed for seed in seeds if int(seed) > MOST_SEED), None):
            raise ValueError(f"--arithmetic has the seed {large}; give seeds of at most {MOST_SEED}")
        terms.append(Term(-1 if found[1] == "-" else 1, tuple(map(int, seeds))))
        at = found.end()
    return terms


@dataclass(frozen=True, kw_only=True)
class Request(i2i.Request):
    """What to draw."""

    of_latents: ClassVar[tuple[str, ...]] = ("truncation", "between", "at", "arithmetic")  # say which latent is drawn

    truncation: float | None = i2i.option(
        None, help="Draw latents from their middle alone: less varied and more typical below 1.", min=0.01
    )
    between: tuple[int, int] | None = i2i.option(
        None, help="Two seeds: draw a strip of -n pictures from one to the other.", min=0, max=MOST_SEED
    )
    at: float | None = i2i.option(
        None, help="Draw one picture of --between alone, this share of the way.", min=0, max=1
    )
    arithmetic: str | None = i2i.option(
        None, help='Add and subtract latents of seeds, or means of them: "mean(1,2,3) - mean(4,5) + 6".'
    )
    search_steps: int = i2i.option(300, help="Steps of --like.", min=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.arithmetic is not None:
            if self.between is not None:
                raise ValueError("--between and --arithmetic are a strip each; give one of them")
            read(self.arithmetic)
        if self.at is not None and self.between is None:
            raise ValueError(f"--at {self.at:g} is a share of the way; say between which seeds with --between 3 7")

    def check_free(self, flag: str) -> None:
        """Refuse what says which latent is drawn, where `flag` says it. Raises ValueError."""
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        for name in self.of_latents:
            if getattr(self, name) != defaults[name]:
                other = name.replace("_", "-")
                raise ValueError(f"{flag} and --{other} both say which latent is drawn; leave --{other} out")

    def strip(self) -> list[tuple[str, Any]] | None:
        """The pictures that are drawn beside each other, with titles; None where each seed is drawn alone."""
        if self.between is not None:
            return self._walk(*self.between)
        if self.arithmetic is None:
            return None
        terms = read(self.arithmetic)
        first = dataclasses.replace(self, seed=terms[0].seeds[0], samples=1)
        whole = (self.arithmetic, first)
        shown = terms if len(terms) > 1 else [Term(1, (seed,)) for seed in terms[0].seeds]
        signs = ["- " if term.sign < 0 else "+ " * (place > 0 and len(terms) > 1) for place, term in enumerate(shown)]
        parts = [
            (f"{sign}{'seed ' * (len(term.seeds) == 1)}{term}", dataclasses.replace(first, arithmetic=str(term)))
            for sign, term in zip(signs, shown, strict=True)
        ]
        return [*parts, whole] if len(parts) > 1 else [whole]

    def _walk(self, start: int, end: int) -> list[tuple[str, Any]]:
        if self.at is None and self.samples < 2:
            raise ValueError(f"--between {start} {end} is a strip of several pictures; give -n 8, or one with --at 0.5")
        shares = [n / (self.samples - 1) for n in range(self.samples)] if self.at is None else [self.at]
        names = {0.0: f"seed {start}", 1.0: f"seed {end}"}
        return [
            (names.get(share, f"{share:.2f}"), dataclasses.replace(self, seed=start, samples=1, at=share))
            for share in shares
        ]

    def latent(self, draw: Callable[[int], Tensor], space: Latent) -> Tensor:
        """The latent (1, Z) of one picture: a seed's, by `draw`, or what is made of several in a space."""
        if self.between is not None:
            if self.at is None:
                raise ValueError("--between is a strip of pictures; for one of them give --at 0.5, too")
            start, end = (draw(seed) for seed in self.between)
            return space.between(start, end, self.at)
        if self.arithmetic is None:
            return draw(self.seed)
        weights = [(seed, term.sign / len(term.seeds)) for term in read(self.arithmetic) for seed in term.seeds]
        latents = torch.cat([draw(seed) for seed, _ in weights])
        return space.mixed(latents, torch.tensor([weight for _, weight in weights]).to(latents))
