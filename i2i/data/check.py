"""What `i2i data check` says of a folder: what was understood, what would be trained on, what is wrong. No torch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from i2i.data import facts, listed
from i2i.data.layouts import UNKNOWN, Item
from i2i.data.scan import Tree, scan
from i2i.data.survey import LAYOUTS, Survey, check_pictures, kinds_of, some, survey

FEW = {"images": 50, "paired": 50, "unpaired": 50, "labelled": 50, "captioned": 100}
"""Below so many training pictures (of a domain or class) a model learns them by heart."""
_SHOWN = 5  # names listed in the text; --json has all


@dataclass
class Report:
    """A folder as `i2i data check` sees it; `json()` for programs, `text()` for people."""

    root: str
    kind: str
    layout: str
    other_kinds: list[str]
    domains: list[str]
    counts: dict[str, dict[str, int]]  # split -> domain ("" where there are none) -> samples
    sizes: dict[str, list[int]]  # min, median, max -> [width, height]
    formats: dict[str, int]  # "RGB, 8 bit" -> pictures
    depth: int
    value_range: list[float]
    channels: dict[str, int]
    num_labels: int
    trained_on: int
    held_back: int
    held_back_from: str  # in words
    held_back_files: list[str]
    unreadable: dict[str, str]
    stray: list[str]
    missing: list[str]
    outside: list[str]
    unused: dict[str, str]  # tables
    duplicates: list[list[str]]
    duplicates_across: list[list[str]]  # in what is trained on and in what is held back
    unlabelled: int = 0  # of what is trained on
    licence: str = ""
    warnings: list[str] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return asdict(self)

    def text(self) -> str:
        """As lines for people."""
        rows = [
            ("kind", f"{self.kind} ({self.layout})"),
            ("also reads as", ", ".join(self.other_kinds)),
            (_DOMAINS.get(self.kind, "domains"), some(self.domains, 12)),
            *((f"{split} samples", _counted(counts)) for split, counts in self.counts.items()),
            ("sizes", "; ".join(f"{name} {width}x{height}" for name, (width, height) in self.sizes.items())),
            ("pictures", ", ".join(f"{count:,} {name}" for name, count in self.formats.items())),
            (
                "values",
                f"{self.value_range[0]:g} to {self.value_range[1]:g} map to -1 to 1" if self.value_range else "",
            ),
            ("channels", ", ".join(f"{key} {count}" for key, count in self.channels.items())),
            ("labels", f"{self.num_labels} in the maps" if self.num_labels else ""),
            ("trained on", _samples(self.trained_on) + self._labelled()),
            ("held back", f"{_samples(self.held_back)}, {self.held_back_from}"),
            ("licence", self.licence),
            ("unreadable", _all([f"{name} {reason}" for name, reason in self.unreadable.items()])),
            ("stray files", _all(self.stray)),
            ("no partner" if self.kind == "paired" else "incomplete", _all(self.missing)),
            ("outside layout", _all(self.outside)),
            ("unused tables", _all([f"{name} {reason}" for name, reason in self.unused.items()])),
            ("duplicates", _all([" = ".join(group) for group in self.duplicates])),
        ]
        lines = [self.root, *(f"  {name + ':':16}{value}" for name, value in rows if value)]
        return "\n".join([*lines, *(f"  Warning: {warning}" for warning in self.warnings)])

    def _labelled(self) -> str:
        return f", {self.trained_on - self.unlabelled:,} of them labelled" if self.unlabelled else ""


def _samples(count: int) -> str:
    return f"{count:,} sample{'s' if count != 1 else ''}"


_DOMAINS = {"labelled": "labels", "paired": "source, target"}


def check(root: Path | str, kinds: tuple[str, ...] = ()) -> Report:
    """Look at a folder as training would; with `kinds`, as the first of these that it holds.

    Raises ValueError when there is no such folder or not one picture in it can be used.
    """
    tree = scan(Path(root))
    check_pictures(tree)
    possible = kinds_of(tree)
    if not kinds:  # what dataset.toml says must hold, unless a plugin's kind reads it
        told = tree.config.get("kind")
        kinds = (told,) if told in LAYOUTS else (possible[0],)
    chosen = next((kind for kind in kinds if kind in possible), kinds[0])
    found = survey(tree.root, chosen, tree)
    return _report(found, [kind for kind in possible if kind != chosen])


def _report(found: Survey, others: list[str]) -> Report:
    tree, understood, splits = found.tree, found.found, found.splits
    used = {name for item in found.items for name in item.files.values()}
    infos = [tree.pictures[name] for name in sorted(used)]
    by_area = sorted(([info.width, info.height] for info in infos), key=lambda size: size[0] * size[1])
    middle = [round(median(info.width for info in infos)), round(median(info.height for info in infos))]
    groups, across = _duplicates(tree, splits)
    report = Report(
        root=str(tree.root),
        kind=understood.kind,
        layout=understood.layout,
        other_kinds=others,
        domains=list(understood.domains),
        counts={split: _by_domain(found, items) for split, items in splits.items() if items},
        sizes={"smallest": by_area[0], "median": middle, "largest": by_area[-1]},
        formats=dict(Counter(facts.describe(info) for info in infos).most_common()),
        depth=0,
        value_range=[],
        channels={},
        num_labels=0,
        trained_on=len(splits["train"]),
        held_back=len(splits["test"]),
        held_back_from=_held_back_from(found),
        held_back_files=[item.key for item in splits["test"]],
        unreadable=found.unreadable,
        stray=list(tree.stray),
        missing=list(understood.missing),
        outside=list(understood.outside),
        unused=listed.unused(tree),
        duplicates=groups,
        duplicates_across=across,
        unlabelled=sum(item.label == UNKNOWN for item in splits["train"]),
        licence=found.licence,
    )
    _measure(report, found)
    report.warnings += _warnings(report, found)
    return report


def _measure(report: Report, found: Survey) -> None:
    """Fill in what all pictures share; what keeps them from being trained on is a warning here."""
    domains = {f"domain {name}": name for name in found.found.domains}  # a domain may be called mask
    roles: dict[str, list[str]] = defaultdict(list)
    for item in found.items:
        for role, name in item.files.items():
            key = f"domain {item.domain}" if found.found.kind == "unpaired" else role
            for part in ("source", "target") if key == "pair" else (key,):
                roles[part].append(name)
    try:
        values: dict[str, Any] = facts.spec_values(found.tree, roles)
    except ValueError as error:
        report.warnings.append(f"This stops training: {error}")
        return
    report.channels = {domains.get(key, key): count for key, count in values["channels"].items()}
    report.depth, report.value_range = values["depth"], list(values["value_range"])
    report.num_labels = values["num_labels"]


def _by_domain(found: Survey, items: list[Item]) -> dict[str, int]:
    return dict(sorted(Counter(item.domain for item in items).items()))


def _held_back_from(found: Survey) -> str:
    if not found.splits["test"]:
        return "as there is nothing to spare"
    if found.held_back_by_hash:
        return "chosen by a hash of their names"
    named = sorted({item.split for item in found.splits["test"] if item.split})
    return f"the data's own {' and '.join(named)}"


def _duplicates(tree: Tree, splits: dict[str, list[Item]]) -> tuple[list[list[str]], list[list[str]]]:
    """Groups of pictures with the very same content, and those of them that lie on both sides of the split."""
    sides: dict[str, set[str]] = defaultdict(set)  # a table of pairs may name one target in both
    for split, items in splits.items():
        for item in items:
            for role, name in item.files.items():
                if role not in facts.MAPS:
                    sides[name].add(split)
    same: dict[str, list[str]] = defaultdict(list)
    for name in sorted(sides):
        same[tree.pictures[name].sha256].append(name)
    across = [names for names in same.values() if {"train", "test"} <= set().union(*(sides[name] for name in names))]
    return [names for names in same.values() if len(names) > 1], across


def _warnings(report: Report, found: Survey) -> list[str]:
    warnings = []
    if report.duplicates_across:
        warnings.append(
            f"{_many(len(report.duplicates_across), 'picture is', 'pictures are')} both trained on and held back, "
            "which flatters every figure; remove one of each."
        )
    few = sorted((count, domain) for domain, count in report.counts["train"].items() if count < FEW[report.kind])
    if few:
        (least, rarest), *others = few
        told = _many(least, "training picture", "training pictures") + f" of {rarest}" * bool(rarest)
        also = [f"{count:,} of {domain}" for count, domain in others]
        warnings.append(
            f"{some([told, *also], 3)}: fewer than {FEW[report.kind]} are learnt by heart; add pictures, or start "
            "from a trained model with --init."
        )
    if untrained := sorted({item.domain for item in found.items} - report.counts["train"].keys()):
        where = "" if found.held_back_by_hash else " to train/"
        warnings.append(f"No picture of {some(untrained, 3)} is trained on; add some{where}.")
    if not report.held_back:
        warnings.append("Nothing can be held back, so nothing can be measured; add pictures.")
    warnings += [f"{name} is not used: it {why}." for name, why in report.unused.items() if listed.is_expected(name)]
    warnings += [found.incomplete] if found.incomplete else []
    smallest = min(min(size) for size in report.sizes.values())
    if smallest < 32 < max(max(size) for size in report.sizes.values()):
        warnings.append(f"The smallest picture is {report.sizes['smallest'][0]}x{report.sizes['smallest'][1]}.")
    return warnings


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"


def _counted(counts: dict[str, int]) -> str:
    if list(counts) == [""]:
        return f"{counts['']:,}"
    shown = [f"{domain} {count:,}" for domain, count in list(counts.items())[:12]]
    return ", ".join(shown) + (f" and {len(counts) - 12} more" if len(counts) > 12 else "")


def _all(names: Collection[str]) -> str:
    """How many there are, and the first of them."""
    return f"{len(names):,}: {some(names, _SHOWN)}" if names else ""
