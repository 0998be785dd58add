"""Labels as StarGAN takes them: what a data set says of a picture, what is asked of it, and the vector of both.

A generator's label is [labels of the first data set | of the next | ... | mask]. Only joint training has a mask, which
says whose labels are meant; the others are zeros.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

import i2i

HAIR = ("black_hair", "blond_hair", "brown_hair", "gray_hair")  # CelebA's colours: nobody has two
OFF = "not-"  # in front of an attribute that shall go


@dataclass(frozen=True)
class Part:
    """The labels of one data set: classes, of which a picture has one, or attributes, each of them on or off."""

    number: int  # of the data set
    first: int  # place of its labels among all
    names: tuple[str, ...]
    attributes: bool
    groups: tuple[frozenset[int], ...] = ()  # attributes that exclude each other, by place in `names`

    def own(self, label: Tensor) -> Tensor:
        """Turn a batch's labels, class numbers (N,) or attributes (N, K), into float32 or 64 (N, K) of 0 and 1."""
        return F.one_hot(label, len(self.names)).float() if label.dim() == 1 else label

    def pick(self, logits: Tensor) -> Tensor:
        """Take this data set's logits (N, K) out of those of all labels, in float32 or 64."""
        logits = logits[:, self.first : self.first + len(self.names)]
        return logits.to(torch.promote_types(logits.dtype, torch.float32))

    def loss(self, logits: Tensor, own: Tensor) -> Tensor:
        """Compare logits of all labels to this data set's (N, K): the mean over pictures, of attributes the SUM."""
        logits = self.pick(logits)
        own = own.to(logits)
        if self.attributes:
            return F.binary_cross_entropy_with_logits(logits, own, reduction="sum") / len(logits)
        return F.cross_entropy(logits, own)

    def changed(self, own: Tensor, changes: Mapping[int, bool]) -> Tensor:
        """Switch labels (N, K) on and off; what excludes one that comes on goes."""
        changed = own.clone()
        for place, on in changes.items():
            if on:
                changed[:, self._excluded_by(place)] = 0
        for place, on in changes.items():
            changed[:, place] = float(on)
        return changed

    def _excluded_by(self, place: int) -> list[int]:
        if not self.attributes:
            return [other for other in range(len(self.names)) if other != place]
        return sorted({other for group in self.groups if place in group for other in group if other != place})

    def each(self, own: Tensor) -> list[tuple[str, Tensor]]:
        """What a sample sheet shows of a picture labelled (1, K): a title and labels (1, K) for each of the names.

        A class comes on and so does an attribute of a group; another attribute is turned into its opposite.
        """
        shown = []
        for place, name in enumerate(self.names):
            if not self.attributes or self._excluded_by(place):
                shown.append((f"to {name}", self.changed(own, {place: True})))
            else:
                shown.append((f"{name} flipped", self.changed(own, {place: not own[0, place]})))
        return shown


def parts_of(spec: i2i.DataSpec, exclusive: str = "auto") -> tuple[Part, ...]:
    """The labels of each data set that a model is trained on.

    `exclusive` names groups of attributes, as the option of this name does. Raises ValueError for a group that makes no
    sense, and where there is nothing to translate between.
    """
    parts: list[Part] = []
    for number, one in enumerate(spec.parts or (spec,)):
        names = one.domains or tuple(map(str, range(one.num_labels)))
        attributes = one.extra.get("labels") == "attributes"
        if len(names) < (1 if attributes else 2):
            there = f"the one class {names[0]}" if names else "no classes or attributes"
            raise ValueError(f"stargan translates between classes or attributes, and the data has {there}")
        groups = tuple(frozenset(group) for group in _groups(names, exclusive)) if attributes else ()
        parts.append(Part(number, sum(len(part.names) for part in parts), names, attributes, groups))
    _check_groups(parts, exclusive)
    return tuple(parts)


def _groups(names: Sequence[str], exclusive: str) -> list[list[int]]:
    """The groups that lie within these names, by place."""
    lowered = [name.lower() for name in names]
    groups = [HAIR] if exclusive == "auto" else _split_groups(exclusive)
    found = [[lowered.index(name.lower()) for name in group if name.lower() in lowered] for group in groups]
    return [group for group in found if len(group) > 1]


def _split_groups(exclusive: str) -> list[list[str]]:
    if exclusive == "none":
        return []
    return [[name.strip() for name in group.split(",") if name.strip()] for group in exclusive.split("/")]


def _check_groups(parts: Sequence[Part], exclusive: str) -> None:
    if exclusive == "auto":
        return
    names = [name for part in parts if part.attributes for name in part.names]
    for group in _split_groups(exclusive):
        if not names:
            raise ValueError("--exclusive is for attributes, and the data has classes, which exclude each other anyway")
        for name in group:
            if place_of(name, names) is None:
                raise ValueError(f'--exclusive names "{name}", and the attributes are {", ".join(names)}')
        if not any({place_of(name, part.names) for name in group} in part.groups for part in parts):
            raise ValueError(
                f"--exclusive has the group {','.join(group) or '(empty)'}; give two attributes or more of one data "
                "set, separated by commas, and / between groups"
            )


def place_of(name: str, names: Sequence[str]) -> int | None:
    """Where a name stands, capitals or not; None where it does not."""
    if name in names:
        return names.index(name)
    alike = [place for place, other in enumerate(names) if other.lower() == name.lower()]
    return alike[0] if len(alike) == 1 else None


def find(name: str, parts: Sequence[Part]) -> tuple[Part, int]:
    """The data set and place of a name. Raises LookupError for one that no data set has."""
    for part in parts:
        if (place := place_of(name, part.names)) is not None:
            return part, place
    known = ", ".join(name for part in parts for name in part.names)
    raise LookupError(f'this model knows no "{name}"; it knows {known}')


def asked(to: str | None, parts: Sequence[Part]) -> tuple[Part, dict[int, bool]]:
    """What a request asks for: a data set's labels that are to come on, or to go.

    `to` is a class, or attributes separated by commas with "not-" in front of those that shall go. Raises LookupError
    for an unknown name and for names that do not go together: no picture is at fault, so none needs to be tried.
    """
    wishes = [wish.strip() for wish in (to or "").split(",") if wish.strip()]
    if not wishes:
        raise LookupError(f"say what to translate to: to={parts[0].names[0]!r}")
    found: list[tuple[Part, int, bool]] = []
    for wish in wishes:
        off = wish.startswith(OFF) and all(place_of(wish, part.names) is None for part in parts)
        found.append((*find(wish.removeprefix(OFF) if off else wish, parts), not off))
    part, changes = found[0][0], {}
    for other, place, on in found:
        name = other.names[place]
        if not other.attributes and (not on or len(found) > 1):
            raise LookupError(f"{name} is a class, and a picture has one class: ask for it alone, --to {name}")
        if other is not part:
            raise LookupError(f"{part.names[found[0][1]]} and {name} are of two data sets; ask for one of them")
        if changes.setdefault(place, on) != on:
            raise LookupError(f"{name} cannot come and go at once; ask for {name} or for {OFF}{name}")
    on_together = [place for place, on in changes.items() if on]
    for group in part.groups:
        if len(clash := [part.names[place] for place in on_together if place in group]) > 1:
            raise LookupError(f"{' and '.join(clash)} exclude each other; ask for one of them")
    return part, changes


def stated(has: str, part: Part) -> list[float]:
    """Read the attributes that pictures are said to have: names separated by commas, or "none".

    Raises LookupError for an unknown one, and where classes are what a model knows.
    """
    if not part.attributes:
        raise LookupError("--has is for attributes; this goes from any class to the one asked for, leave it out")
    names = [] if has.strip().lower() == "none" else [name.strip() for name in has.split(",") if name.strip()]
    there = {find(name, [part])[1] for name in names}
    return [float(place in there) for place in range(len(part.names))]


def vector(own: Tensor, part: Part, parts: Sequence[Part]) -> Tensor:
    """Put a data set's labels (N, K) into the generator's vector (N, labels and mask)."""
    if len(parts) == 1:
        return own
    whole = own.new_zeros(len(own), width_of(parts))
    whole[:, part.first : part.first + len(part.names)] = own
    whole[:, -len(parts) + part.number] = 1
    return whole


def count_of(parts: Sequence[Part]) -> int:
    """How many labels there are, which is how many logits a discriminator gives."""
    return sum(len(part.names) for part in parts)


def width_of(parts: Sequence[Part]) -> int:
    """How long the generator's vector is."""
    return count_of(parts) + (len(parts) if len(parts) > 1 else 0)


def shuffled(own: Tensor, progress: i2i.Progress) -> Tensor:
    """Permute the labels (N, K) of the whole batch, over all ranks; return this rank's share."""
    if progress.ranks == 1:
        return own[progress.randperm(len(own))]
    everyone = [torch.empty_like(own) for _ in range(progress.ranks)]
    torch.distributed.all_gather(everyone, own.contiguous())
    count = len(own)
    return torch.cat(everyone)[progress.randperm(count * progress.ranks)][progress.rank * count :][:count]
