"""Weights that others published: from the files of a reference implementation to a bundle, and back."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2i.options import build, nearest
from i2i.plugins import load_class, registry
from i2i.spec import DataSpec, words

if TYPE_CHECKING:
    from torch import Tensor

    from i2i.manifest import Manifest
    from i2i.model import Model

_CHECKPOINT = re.compile(r"(latest|best|iter_\d+|\d+)[_-](net_)?\w+", re.IGNORECASE)  # names that say no subject


@dataclass(frozen=True)
class Imported:
    """What a model understood of published weights: `Model.import_weights` returns it.

    Of the model's networks some may be missing (one file of a CycleGAN holds one generator), but each is whole.
    """

    options: Mapping[str, Any]  # of the model, as understood from keys and shapes
    spec: DataSpec
    weights: Mapping[str, Tensor]  # under the model's own names, as in its state_dict()
    targets: tuple[str, ...]  # what the networks that are there lead to
    found: tuple[str, ...]  # sentences: what was understood, for the user


def importers() -> list[str]:
    """The installed models that read published weights. Imports them all, and torch."""
    names = []
    for name, card in registry().models().items():
        try:
            cls = load_class(card)
        except ValueError:
            continue  # `i2i plugins` says what is wrong with it
        if _reads(cls):
            names.append(name)
    return names


def _reads(cls: type[Model]) -> bool:
    """Whether a model has an importer of its own."""
    from i2i.model import Model

    return inspect.getattr_static(cls, "import_weights") is not inspect.getattr_static(Model, "import_weights")


def understand(name: str, paths: Sequence[Path], domains: tuple[str, ...]) -> tuple[Model, Manifest, tuple[str, ...]]:
    """Read published weights into a model: itself, the manifest of its bundle, and in sentences what was found.

    Raises LookupError for a model that is not there or reads none, ValueError for files that are not what they should.
    """
    from i2i import bundle, foreign

    card = registry().models().get(name)
    cls = load_class(card) if card is not None else None
    if cls is None or not _reads(cls):
        known = importers()
        then = nearest(name, known, f"these do: {words(known)}")
        raise LookupError(f'no model "{name}" reads published weights{then}')
    files: dict[str, dict[str, Tensor]] = {}
    notes = []
    for label, path in _labelled(paths).items():
        files[label], halved = _widened(foreign.read(path))
        notes += [f"{label}: its numbers of fewer than 32 bits are widened to 32"] * halved
    imported = cls.import_weights(files, domains)
    model, held = _fill(cls, imported)
    model.phase = model.phases()[-1].name
    made = bundle.describe(name, model, held=held, data={"imported": list(files)})
    if missing := bundle.lacking(model, made):
        notes.append(f"not in the files, so fresh where training goes on from them: {words(missing)}")
    return model, replace(made, targets=tuple(imported.targets)), (*imported.found, *notes)


def export(model: Model, folder: Path) -> list[Path]:
    """Write a model's weights in the published layout into a folder; return the files.

    Raises ValueError where that layout cannot hold them or a file is there already, OSError as the system does.
    """
    import torch

    states = model.export_weights()
    paths = {folder / name: state for name, state in states.items()}
    for path in paths:
        if path.exists():
            raise ValueError(f"{path} is there already; choose another folder with --out")
    folder.mkdir(parents=True, exist_ok=True)
    for path, state in paths.items():
        temporary = path.with_name(f".{path.name}.{os.getpid()}.writing")
        try:
            plain = {key: tensor.detach().cpu().clone() for key, tensor in state.items()}
            with temporary.open("wb") as file:
                torch.save(plain, file)
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    return list(paths)


def subject(paths: Sequence[Path]) -> str:
    """What to call a bundle of these files: by the file, or by its folder where the file's name says no subject."""
    first = paths[0].absolute()
    return first.parent.name if _CHECKPOINT.fullmatch(first.stem) else first.stem


def _labelled(paths: Sequence[Path]) -> dict[str, Path]:
    """Name files by their names, or with their folders where two are called the same."""
    places: dict[Path, Path] = {}
    for path in paths:
        if (known := places.setdefault(path.resolve(), path)) is not path:
            raise ValueError(f"{path} is named twice" + f", once as {known}" * (known != path))
    for label in (lambda p: p.name, lambda p: f"{p.parent.name}/{p.name}", str):
        labels = [label(path.absolute()) for path in paths]
        if len(set(labels)) == len(labels):
            break
    return dict(zip(labels, paths, strict=True))


def _widened(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], bool]:
    """Turn numbers that a bundle's model does not compute in into float32; say whether there were any."""
    import torch

    kept = (torch.float32, torch.float64)
    wide = {k: t.float() if t.is_floating_point() and t.dtype not in kept else t for k, t in state.items()}
    return wide, any(wide[key].dtype != tensor.dtype for key, tensor in state.items())


def _fill(cls: type[Model], imported: Imported) -> tuple[Model, tuple[str, ...]]:
    """Build the model and fill it; return it and the attributes that hold weights now, () meaning all."""
    import torch

    from i2i.weights import submodules

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            model = cls(build(cls.Options, dict(imported.options)), imported.spec)
        except ValueError as error:
            raise ValueError(f"the files are of a {cls.__name__} that cannot be built here: {error}") from None
    numbers = {tensor.dtype for tensor in imported.weights.values() if tensor.is_floating_point()}
    if numbers == {torch.float64}:
        model = model.double()
    given = {key.partition(".")[0] for key in imported.weights}
    held = tuple(name for name in submodules(model) if name in given)
    own = {key: tensor for key, tensor in model.state_dict().items() if key.partition(".")[0] in given}
    for key in [*imported.weights, *own]:
        if key not in own or key not in imported.weights:
            raise ValueError(f'the files do not make a whole {cls.__name__}: "{key}" is missing or unknown')
        if own[key].shape != imported.weights[key].shape:
            raise ValueError(
                f'the files do not make a {cls.__name__}: "{key}" has the shape {tuple(imported.weights[key].shape)}, '
                f"not {tuple(own[key].shape)}"
            )
    model.load_state_dict(dict(imported.weights), strict=False)
    return model, () if len(held) == len(submodules(model)) else held
