"""The models at hand: runs and bundles in ./runs, $I2I_MODELS and the user's model folder, found by name or target."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from i2i import places
from i2i.bundle import BadBundle, Manifest, read_manifest, resolve
from i2i.options import nearest
from i2i.request import ALL, choose_target, expand, joins


@dataclass(frozen=True)
class Found:
    """A model at hand: what to call it, what `--model` takes, its bundle and what that says."""

    name: str
    path: Path
    bundle: Path
    manifest: Manifest

    @property
    def draws(self) -> bool:
        """Whether it draws pictures and takes none. A bundle that does not say so itself is asked by its model."""
        inputs = self.manifest.inputs
        if inputs is None:
            from i2i.plugins import load_class, registry

            with suppress(Exception):  # a stranger's plugin may raise anything, or be missing
                inputs = load_class(registry().model(self.manifest.model)).inputs
        return inputs == ()

    def line(self) -> str:
        """A line of a list: name, what it is, where it goes."""
        targets = ", ".join(self.manifest.targets)
        does = f"draws {targets or 'pictures'}" if self.draws else f"translates to {targets or 'one result'}"
        return f"{self.path}: {self.manifest.model}, {self.manifest.age}, {does}"


def shelves() -> list[Path]:
    """The folders that models are looked for in, in order."""
    named = [Path(part).expanduser() for part in os.environ.get("I2I_MODELS", "").split(os.pathsep) if part.strip()]
    return [Path("runs"), *named, places.models()]


def models() -> list[Found]:
    """Every model at hand; what is no readable run or bundle is passed by."""
    found: dict[str, Found] = {}
    for shelf in shelves():
        for path in _candidates(shelf):
            try:
                bundle = resolve(path)
                manifest = read_manifest(bundle)
            except (BadBundle, OSError):
                continue
            if manifest.step == 0 and (path / "run.json").is_file():
                continue  # a run that has learnt nothing yet
            found.setdefault(os.path.realpath(path), Found(path.name, path, bundle, manifest))
    return list(found.values())


def _candidates(shelf: Path) -> Iterator[Path]:
    try:
        if (shelf / "bundle.json").is_file() or (shelf / "checkpoints").is_dir():
            yield shelf
        else:
            yield from sorted(path for path in shelf.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return


def find(model: str | None, to: str | None, draws: bool | None = None) -> Found:
    """Find the model that is meant: by path, by name, or as the only one that translates to a target.

    `draws` says whether it must be one that draws pictures, or one that translates them. Raises LookupError or
    ValueError that says which there are and how to choose, or how to train one.
    """
    if model is not None:
        found = _named(model, draws)
        if draws is not None and found.draws is not draws:
            named = shlex.quote(str(found.path))
            if draws:
                raise ValueError(f"{found.path} makes pictures of pictures; use: i2i translate --model {named} photos/")
            raise ValueError(f"{found.path} draws pictures and takes none; use: i2i sample {named}")
        return found
    known = [found for found in models() if not found.draws]
    fitting = [found for found in known if to is None or _leads_to(found.manifest, to)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        named = shlex.quote(str(fitting[0].path))
        goal = f"translate to {to}" if to is not None else "are here"
        target = f" --to {shlex.quote(to)}" if to is not None else ""
        raise ValueError(
            f"{len(fitting)} models {goal}; choose one with --model:\n{_listed(fitting)}\n"
            f"For example: i2i translate --model {named}{target} photos/"
        )
    raise LookupError(_no_model(to, known))


def _leads_to(manifest: Manifest, to: str) -> bool:
    try:
        return bool(expand(to, manifest.targets) or choose_target(to, manifest.targets, joins(manifest.request)))
    except LookupError:
        return False


def _named(model: str, draws: bool | None) -> Found:
    path, known = Path(model), models()
    if path.exists():
        try:
            bundle = resolve(path)
        except BadBundle:  # a folder of data may have a model's name
            if not any(model == found.name for found in known):
                raise
        else:
            return Found(path.absolute().name, path, bundle, read_manifest(bundle))
    named = [found for found in known if model == found.name] or [f for f in known if model == f.manifest.model]
    if len(named) == 1:
        return named[0]
    if named:
        raise ValueError(f'{len(named)} models are called "{model}"; give the path of one:\n{_listed(named)}')
    offered = [found for found in known if draws is None or found.draws is draws]
    such = {None: "", True: " that draw", False: " that translate"}[draws]
    there = f"here are:\n{_listed(offered)}" if offered else f"there are none{such} in {_where()}"
    hint = nearest(model, [found.name for found in offered]) or ";"
    raise LookupError(f'there is no run, bundle or model "{model}"{hint} {there}')


def _no_model(to: str | None, known: list[Found]) -> str:
    """Say which models are here, and the two commands that would make the one that is missing."""
    domain, typed = None if to == ALL else to, shlex.quote(to or "DOMAIN")
    goal = f"translates to {to}" if to is not None else "that translates is here"
    hint = nearest(to or "", sorted({target for found in known for target in found.manifest.targets}))
    lines = [f"no model {goal} (looked in {_where()}){hint or '.'}"]
    if known:
        lines += ["Here are:", _listed(known, 2)]
    return "\n".join([*lines, f"Train one with: {_training(domain)}", f"Then: i2i translate --to {typed} photos/"])


def _training(domain: str | None) -> str:
    """The command that trains a model with a target, on a data set of the catalogue where one has it."""
    from i2i import catalogue

    for card in catalogue.cards().values():
        if domain in card.domains and (model := _translator(card.kind)):
            return f"i2i train {model} {card.name}"
    model = _translator("unpaired") or "MODEL"
    return (
        f"i2i train {model} FOLDER (which holds a folder of pictures for each domain{f', {domain} say' * bool(domain)})"
    )


def _translator(kind: str) -> str | None:
    """The first model that learns of a kind of data above all and translates; others draw pictures of noise."""
    from i2i.plugins import load_class, registry

    for card in registry().models().values():
        with suppress(Exception):  # a stranger's plugin may raise anything
            if card.kinds[:1] == (kind,) and load_class(card).inputs:
                return card.name
    return None


def _listed(found: list[Found], most: int = 3) -> str:
    lines = [f"  {each.line()}" for each in found[:most]]
    if len(found) > most:
        lines[-1] = f"  and {len(found) - most + 1} more: i2i runs"
    return "\n".join(lines)


def _where() -> str:
    return ", ".join(str(shelf) for shelf in shelves())
