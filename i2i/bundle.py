"""Bundles: what training leaves and translating needs, a folder that describes itself and executes nothing.

    bundle.json          what the model is: plugin, options, data specification, targets, request options
    weights.safetensors  its numbers
    resume.pt            in a run: optimizers and whatever else going on exactly needs

Written beside its place and renamed, so that a reader sees a whole bundle or none. This module imports no torch
until weights are touched: a list of bundles is quick.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2i import weights
from i2i.errors import BadBundle
from i2i.manifest import MANIFEST, Manifest
from i2i.manifest import read as read_manifest
from i2i.options import build
from i2i.plugins import load_class, registry
from i2i.spec import words
from i2i.state import STATE
from i2i.weights import WEIGHTS

if TYPE_CHECKING:
    from i2i.model import Model

RESUME = "resume.pt"

__all__ = ["MANIFEST", "RESUME", "WEIGHTS", "BadBundle", "Manifest", "load", "read_manifest", "resolve", "write"]


def describe(name: str, model: Model, **more: Any) -> Manifest:
    """Make the manifest of a model by the name of its card."""
    from i2i import __version__
    from i2i.options import to_plain
    from i2i.request import schema_of

    owner = registry().owner(name)
    return Manifest(
        model=name,
        options=to_plain(model.options),
        spec=model.spec,
        targets=tuple(model.targets()),
        inputs=tuple(model.inputs),
        request=schema_of(model),
        phase=model.phase,
        plugin=owner.name,
        distribution=owner.distribution,
        version=owner.version,
        i2i=__version__,
        **more,
    )


def resolve(path: Path | str) -> Path:
    """Find the bundle folder that a bundle, a checkpoints folder or a run means: `best` if there is one, else `last`.

    Raises BadBundle when there is none.
    """
    path = Path(path)
    try:
        if (path / MANIFEST).is_file():
            return path
        for name in ("best", "last", "previous"):
            for folder in (path / "checkpoints" / name, path / name):
                if (folder / MANIFEST).is_file():
                    return folder
        if path.is_file():
            raise BadBundle(f"{path} is a file, and a bundle is a folder; give the whole of it: {path.parent}")
        if not path.exists():
            raise BadBundle(f"there is no bundle or run at {path}; i2i runs lists the runs here")
    except OSError as error:
        raise BadBundle(f"{path} cannot be read: {error.strerror or error}") from None
    raise BadBundle(f"{path} is neither a bundle nor a run: it holds no {MANIFEST} and no checkpoints")


def load(path: Path | str, device: str = "cpu") -> Model:
    """Load a model from a bundle or a run, ready to translate (evaluation mode).

    Nothing in the files is executed. Raises BadBundle when they are damaged, LookupError when the model's plugin is not
    installed (saying which to install), ValueError when the device is not there.
    """
    from i2i.device import choose_device

    place = choose_device(device)
    folder = resolve(path)
    try:
        manifest = read_manifest(folder)
        model = _build_model(manifest, folder)
        read_weights(model, folder, partial=True)
    except BadBundle as error:
        if not (way := _spare(folder)):
            raise
        raise BadBundle(f"{str(error).removesuffix(weights.AGAIN)}; {way}") from error
    model.phase = manifest.phase
    return model.to(place).eval()


def _spare(folder: Path) -> str:
    """What to use instead of a damaged checkpoint of a run: another one that is whole; empty where there is none."""
    others = {"best": ("last", "previous"), "last": ("previous",)}.get(folder.name, ())
    whole = next((place for name in others if is_whole(place := folder.parent / name)), None)
    if whole is None or folder.parent.name != "checkpoints":
        return ""
    run = folder.parent.parent
    again = f", or go on from it with: i2i resume {shlex.quote(str(run))}" * (run / STATE).is_file()
    return f"{whole} is whole: use that{again}"


def _build_model(manifest: Manifest, folder: Path) -> Model:
    """Build the untrained model that a manifest describes, in the precision of its weights."""
    import torch

    card = registry().models().get(manifest.model)
    if card is None:
        raise LookupError(_missing_plugin(manifest, folder))
    cls = load_class(card)
    try:
        options = build(cls.Options, manifest.options)
    except (ValueError, LookupError, TypeError) as error:
        raise BadBundle(f"{folder / MANIFEST}: {error}") from None
    held = weights.stored(folder / WEIGHTS)
    with torch.random.fork_rng(devices=[]):  # the caller's chance is not ours to spend
        torch.manual_seed(0)  # what a bundle does not hold is the same at each load
        try:
            model = weights.build_within(lambda: cls(options, manifest.spec), held, folder / WEIGHTS, manifest.held)
        except BadBundle:
            raise
        except Exception as error:
            kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
            raise BadBundle(f"{folder}: its options do not make a {manifest.model}: {kind}{error}") from error
    model.manifest = manifest
    return model.double() if weights.is_double(held) else model


def _missing_plugin(manifest: Manifest, folder: Path) -> str:
    name, version = manifest.distribution, manifest.version
    for plugin in registry().plugins:
        if plugin.name != manifest.plugin:
            continue
        if plugin.problem:
            return (
                f'{folder} needs the model "{manifest.model}" of {plugin.distribution} {plugin.version}, '
                f"which did not load: {plugin.problem}"
            )
        if plugin.disabled:
            return f'{folder} needs the plugin "{plugin.name}", which I2I_DISABLE_PLUGINS switches off'
        if plugin.distribution == name:
            return (
                f'{folder} needs the model "{manifest.model}" of {name} {version}, which {name} {plugin.version} '
                f"no longer has; go back with: pip install {name}=={version}"
            )
    source = f"{name} {version}".strip() or "an unknown plugin"
    is_name = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name)  # what a foreign file makes us print is a name, no more
    install = f"; install it with: pip install {name}" if is_name else ""
    return f'{folder} needs the model "{manifest.model}" of {source}, which is not installed{install}'


def read_weights(model: Model, folder: Path, partial: bool = False) -> None:
    """Fill a model from a bundle's weights: every tensor must be there, of the right shape, as it was written.

    A bundle that was imported may hold some of the model's networks alone; where that is welcome (`partial`) the others
    stay as they are. Raises BadBundle.
    """
    path, manifest = folder / WEIGHTS, read_manifest(folder)
    if manifest.held and not partial:
        raise BadBundle(f"{folder} holds {words(manifest.held)} alone; a run goes on from all of its networks")
    weights.check_fit(model, weights.stored(path), path, manifest.held)
    written = manifest.files.get(WEIGHTS)
    if written is not None and _fingerprint(path) != written:
        raise BadBundle(f"{path} is damaged: it is not the file that {MANIFEST} describes{weights.AGAIN}")
    weights.fill(model, path, manifest.held)


def lacking(model: Model, manifest: Manifest) -> list[str]:
    """The networks of a model that its bundle does not hold."""
    return [name for name in weights.submodules(model) if manifest.held and name not in manifest.held]


def write(folder: Path, model: Model, manifest: Manifest, resume: Mapping[str, Any] | None = None) -> None:
    """Write a bundle beside `folder` and rename it there. Raises FileExistsError when the place is taken."""
    if folder.exists():
        raise FileExistsError(f"{folder} is there already; choose another place")
    temporary = write_beside(folder, model, manifest, resume)
    try:
        temporary.rename(folder)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(folder.parent)


def write_beside(folder: Path, model: Model, manifest: Manifest, resume: Mapping[str, Any] | None = None) -> Path:
    """Write a whole bundle into a hidden folder beside `folder`, on disk when this returns; return the hidden one.

    Raises OSError when the disk is full or read-only; nothing is left then.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.writing")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        weights.write(model, temporary / WEIGHTS, manifest.held)
        if resume is not None:
            _save(dict(resume), temporary / RESUME)
        files = {path.name: _fingerprint(path) for path in sorted(temporary.iterdir())}
        values = manifest.to_json() | {"files": files}
        (temporary / MANIFEST).write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        for path in temporary.iterdir():
            _sync(path)
        sync_folder(temporary)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return temporary


def _save(values: dict[str, Any], path: Path) -> None:
    """Write a file with torch.save, which by itself hides the system's reason when it cannot."""
    import torch

    problems: list[OSError] = []

    class Writer:
        def write(self, data: Any) -> int:
            if not problems:
                try:
                    file.write(data)
                except OSError as error:
                    problems.append(error)
            return len(data)

        def flush(self) -> None:
            pass

    with path.open("wb", buffering=0) as raw, io.BufferedWriter(raw, 1 << 20) as file:
        torch.save(values, Writer())  # type: ignore[arg-type]
    if problems:
        raise problems[0]


def is_whole(folder: Path) -> bool:
    """Whether every file of a bundle is there and is what was written."""
    try:
        files = read_manifest(folder).files
        return WEIGHTS in files and all(_fingerprint(folder / name) == wanted for name, wanted in files.items())
    except (BadBundle, OSError):
        return False


def _fingerprint(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder last through a power cut, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
