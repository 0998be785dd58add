"""Which pictures a command means, and where each result goes: the same tree and names, never inside the input."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from i2i.options import nearest


@dataclass(frozen=True)
class Job:
    """One picture: its file, its name in messages, the file of its result, and what goes along with it."""

    source: Path
    name: str
    target: Path
    stem: str  # the result's name without label and suffix, for when there are several
    companions: Mapping[str, Path] = field(default_factory=dict)  # batch key -> file


@dataclass
class Plan:
    """Every picture of a command, and what was passed by."""

    jobs: list[Job] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)  # suffix of files that are no pictures -> how many
    results: int = 0  # files named that are results of an earlier run
    place: str = ""  # where results go, in words


def plan(
    inputs: list[str | Path], out: Path | None, to: str | None, format: str = "", targets: tuple[str, ...] = ()
) -> Plan:
    """List the pictures of files and folders, recursively, with the place of each result.

    Without `out` results go to `photos-TO/` beside `photos/` and to `name-TO.ext` beside a file. `format` ("png")
    replaces the suffix of each name. `targets` are those that `to` stands for, where it stands for several. Raises
    ValueError, before anything is written, for an input that is not there, for a place inside an input, and where no
    picture is found; LookupError for an unknown format.
    """
    from i2i.encoding import format_of
    from i2i.images import EXTENSIONS

    if format:
        format_of(format)
    suffix = "." + format.lower().lstrip(".") if format else None
    label = to or "translated"
    paths = [Path(os.path.abspath(path)) for path in inputs]
    for path, given in zip(paths, inputs, strict=True):
        if not path.exists():
            raise ValueError(f"there is no file or folder {given}{_near(path)}")
    label = slug(label)
    made = Plan(place=shown(out) if out is not None else "")
    seen: set[Path] = set()
    found: list[tuple[Path, Path]] = []  # source, target
    folders = [path for path in paths if path.is_dir()]
    shared = _shared_parent(paths)
    for path in paths:
        base = _base(path, out, label, shared)
        _refuse_inside(base if path.is_dir() else base.parent if out is not None else None, folders, out, label)
        if (
            path.is_file()
            and out is None
            and any(_is_result(path, paths, each) for each in (label, *map(slug, targets)))
        ):
            made.results += 1
            continue
        files = _walk(path, EXTENSIONS, made.ignored) if path.is_dir() else iter([path])
        for file in files:
            if file not in seen:  # photos/ and photos/a.jpg may both be named
                seen.add(file)
                found.append((file, base / file.relative_to(path) if path.is_dir() else base))
        made.place = made.place or (shown(base) if len(paths) == 1 and path.is_dir() else "")
    if not found and not made.results:
        raise ValueError(_none_found(paths, made.ignored))
    made.jobs = _without_clashes(found, suffix, "" if out is not None else f"-{label}")
    return made


def slug(label: str) -> str:
    """A target's name as part of a file's name."""
    return re.sub(r"[^\w.+-]+", "-", label).strip("-.") or "translated"


def _base(path: Path, out: Path | None, label: str, shared: Path) -> Path:
    """Where a folder's results go, or the result of a file."""
    if out is None:
        if path.is_dir():
            return path.with_name(f"{path.name}-{label}") if path.name else path / label
        return path.with_name(f"{path.stem}-{label}{path.suffix}")
    root = Path(os.path.abspath(out))
    return root if path == shared else root / path.relative_to(shared)


def _shared_parent(paths: list[Path]) -> Path:
    """What all inputs have in common; paths below it tell them apart, so that equal names do not meet."""
    if len(paths) == 1 and paths[0].is_dir():
        return paths[0]
    return Path(os.path.commonpath([path.parent for path in paths])) if paths else Path()


def _refuse_inside(place: Path | None, folders: list[Path], out: Path | None, label: str) -> None:
    for folder in folders:
        if place is not None and _inside(place, folder):
            beside = folder.with_name(f"{folder.name}-{label}") if folder.name else Path.home() / label
            what = f"--out {out}" if out is not None else f"the default, {shown(place)},"
            raise ValueError(
                f"{what} lies inside the input {shown(folder)}, where the next run would take results for pictures; "
                f"give a folder outside it: --out {shown(beside)}"
            )


def _inside(path: Path, folder: Path) -> bool:
    real, root = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    return real == root or root in real.parents


def _is_result(path: Path, paths: list[Path], label: str) -> bool:
    """Whether a file is what this command made of another of its inputs: `*.jpg` names both the second time."""
    if not path.stem.endswith(f"-{label}"):
        return False
    original = path.stem.removesuffix(f"-{label}")
    return any(other.parent == path.parent and other.stem == original for other in paths)


def _walk(folder: Path, extensions: frozenset[str], ignored: Counter[str]) -> Iterator[Path]:
    """The pictures in a folder, sorted. Links to folders are followed, each folder once; hidden files are passed by."""
    visited = {os.path.realpath(folder)}
    for root, folders, files in os.walk(folder, followlinks=True):
        kept = []
        for name in sorted(folders):
            real = os.path.realpath(os.path.join(root, name))
            if not name.startswith(".") and real not in visited:
                visited.add(real)
                kept.append(name)
        folders[:] = kept
        for name in sorted(files):
            suffix = os.path.splitext(name)[1].lower()
            if suffix in extensions and not name.startswith("."):
                yield Path(root, name)
            else:
                ignored[suffix or name] += 1


def _without_clashes(found: list[tuple[Path, Path]], suffix: str | None, label: str) -> list[Job]:
    """Give each result a file of its own: where `x.jpg` and `x.png` would both be `x.png`, the suffix is added.

    `label` is what a file's result has more in its name than the file.
    """
    targets = [target.with_suffix(suffix) if suffix else target for _, target in found]
    counts = Counter(targets)
    sources = {os.path.realpath(source) for source, _ in found}
    jobs, taken = [], set()
    for (source, whole), target in zip(found, targets, strict=True):
        if counts[target] > 1:
            target = whole.with_name(whole.name + (suffix or whole.suffix))
        stem, number = target.stem, 2
        while target in taken:
            target, number = target.with_name(f"{stem}-{number}{target.suffix}"), number + 1
        if os.path.realpath(target) in sources:
            raise ValueError(f"{shown(target)} is an input and would be written over; give another folder with --out")
        taken.add(target)
        labelled = target.stem == source.stem + label
        jobs.append(Job(source, shown(source), target, source.stem if labelled else target.stem))
    return jobs


def _none_found(paths: list[Path], ignored: Counter[str]) -> str:
    where = ", ".join(shown(path) for path in paths)
    if not ignored:
        return f"no pictures in {where}: it holds no files"
    total = sum(ignored.values())
    kinds = " ".join(suffix for suffix, _ in ignored.most_common(5))
    return f"no pictures in {where}: it holds {total:,} file{'s' if total > 1 else ''}, none a picture ({kinds})"


def _near(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    except OSError:
        names = []
    return nearest(path.name, names)


def shown(path: Path) -> str:
    """A path as the user would type it: relative where that is shorter."""
    path = Path(os.path.abspath(path))
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        relative = os.path.relpath(path)
        return relative if len(relative) < len(str(path)) and relative.count("..") < 3 else str(path)
