"""Bundles: what training leaves and translating needs, a folder that describes itself and executes nothing.

    bundle.json          what the model is: plugin, options, data specification, targets, request options
    weights.safetensors  its numbers
    resume.pt            in a run: optimizers and whatever else going on exactly needs

Written beside its place and renamed, so that a reader sees a whole bundle or none. This module imports no torch
until weights are touched: a list of bundles is quick.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2i.options import build
from i2i.plugins import load_class, registry
from i2i.spec import DataSpec

if TYPE_CHECKING:
    import torch

    from i2i.model import Model

FORMAT = 1
MANIFEST, WEIGHTS, RESUME = "bundle.json", "weights.safetensors", "resume.pt"
_MAX_MANIFEST = 16_000_000  # bytes; an honest one has thousands


class BadBundle(ValueError):
    """A bundle that is damaged, foreign or newer than this program."""


@dataclass(frozen=True)
class Manifest:
    """What bundle.json says."""

    model: str
    options: dict[str, Any]
    spec: DataSpec
    targets: tuple[str, ...] = ()
    request: list[dict[str, Any]] = field(default_factory=list)  # options.schema of the model's Request
    data: dict[str, Any] = field(default_factory=dict)  # name, kind, resize, crop
    licence: str = ""
    phase: str = ""
    step: int = 0
    figures: dict[str, float] = field(default_factory=dict)
    plugin: str = ""  # entry point, distribution and version that the model came from
    distribution: str = ""
    version: str = ""
    i2i: str = ""
    format: int = FORMAT
    files: dict[str, dict[str, Any]] = field(default_factory=dict)  # name -> bytes and sha256

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return asdict(self) | {"spec": self.spec.to_json(), "targets": list(self.targets)}


def describe(name: str, model: Model, **more: Any) -> Manifest:
    """Make the manifest of a model by the name of its card."""
    from i2i import __version__
    from i2i.options import schema, to_plain

    owner = registry().owner(name)
    return Manifest(
        model=name,
        options=to_plain(model.options),
        spec=model.spec,
        targets=tuple(model.targets()),
        request=schema(type(model).Request),
        phase=model.phase,
        plugin=owner.name,
        distribution=owner.distribution,
        version=owner.version,
        i2i=__version__,
        **more,
    )


def read_manifest(folder: Path) -> Manifest:
    """Read bundle.json. Raises BadBundle with one sentence when it is not one we can use."""
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _MAX_MANIFEST:
            raise BadBundle(f"{path} is damaged: {path.stat().st_size:,} bytes is no bundle description")
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadBundle(f"{folder} is not a bundle: it holds no {MANIFEST}") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadBundle(f"{path} is damaged: {error}") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("format"), int):
        raise BadBundle(f"{path} is damaged: it names no format")
    if raw["format"] > FORMAT:
        raise BadBundle(
            f"{path} has format {raw['format']}, this i2i reads up to {FORMAT}; "
            "update with: pip install -U i2i-translate"
        )
    types = {"model": str, "options": dict, "data": dict, "request": list, "step": int, "files": dict, "figures": dict}
    for key, kind in types.items():
        if not isinstance(raw.get(key), kind):
            raise BadBundle(f'{path} is damaged: its "{key}" is missing or of the wrong type')
    try:
        spec = DataSpec.from_json(raw.get("spec", {}))
        known = {f.name for f in fields(Manifest)}
        values = {key: value for key, value in raw.items() if key in known}
        return Manifest(**(values | {"spec": spec, "targets": tuple(map(str, raw.get("targets", ())))}))
    except (ValueError, TypeError) as error:
        raise BadBundle(f"{path} is damaged: {error}") from None


def resolve(path: Path | str) -> Path:
    """Find the bundle folder that a bundle, a checkpoints folder or a run means: `best` if there is one, else `last`.

    Raises BadBundle when there is none.
    """
    path = Path(path)
    if (path / MANIFEST).is_file():
        return path
    for name in ("best", "last", "previous"):
        for folder in (path / "checkpoints" / name, path / name):
            if (folder / MANIFEST).is_file():
                return folder
    if not path.exists():
        raise BadBundle(f"there is no bundle or run at {path}; i2i runs lists the runs here")
    raise BadBundle(f"{path} is neither a bundle nor a run: it holds no {MANIFEST} and no checkpoints")


def load(path: Path | str, device: str = "cpu") -> Model:
    """Load a model from a bundle or a run, ready to translate (evaluation mode).

    Nothing in the files is executed. Raises BadBundle when they are damaged, LookupError when the model's plugin is not
    installed (saying which to install).
    """
    import torch

    folder = resolve(path)
    manifest = read_manifest(folder)
    model = build_model(manifest, folder)
    read_weights(model, folder)
    model.phase = manifest.phase
    return model.to(torch.device(device)).eval()


def build_model(manifest: Manifest, folder: Path) -> Model:
    """Build the untrained model that a manifest describes."""
    import torch

    card = registry().models().get(manifest.model)
    if card is None:
        raise LookupError(_missing_plugin(manifest, folder))
    cls = load_class(card)
    try:
        options = build(cls.Options, manifest.options)
    except (ValueError, LookupError) as error:
        raise BadBundle(f"{folder / MANIFEST}: {error}") from None
    _refuse_giants(cls, options, manifest, folder)
    with torch.random.fork_rng(devices=[]):  # the caller's chance is not ours to spend
        try:
            model: Model = cls(options, manifest.spec)
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise BadBundle(f"{folder}: its options do not make a {manifest.model}: {error}") from None
    model.manifest = manifest
    return model


def _missing_plugin(manifest: Manifest, folder: Path) -> str:
    for plugin in registry().plugins:
        if plugin.name == manifest.plugin and plugin.problem:
            return (
                f'{folder} needs the model "{manifest.model}" of {plugin.distribution} {plugin.version}, '
                f"which did not load: {plugin.problem}"
            )
        if plugin.name == manifest.plugin and plugin.disabled:
            return f'{folder} needs the plugin "{plugin.name}", which I2I_DISABLE_PLUGINS switches off'
    source = f"{manifest.distribution} {manifest.version}".strip() or "an unknown plugin"
    install = f"; install it with: pip install {manifest.distribution}" if _is_name(manifest.distribution) else ""
    return f'{folder} needs the model "{manifest.model}" of {source}, which is not installed{install}'


def _is_name(text: str) -> bool:
    return bool(text) and text.replace("-", "").replace("_", "").replace(".", "").isalnum() and text[0].isalnum()


def _refuse_giants(cls: Any, options: Any, manifest: Manifest, folder: Path) -> None:
    """Refuse options that ask for far more weights than the file holds, before memory is taken for them.

    The model is built once without memory (on torch's meta device), counting what it registers.
    """
    import torch
    from torch.nn.modules.module import register_module_parameter_registration_hook

    held = (folder / WEIGHTS).stat().st_size if (folder / WEIGHTS).is_file() else 0
    limit = 4 * held + 4_000_000_000  # numbers; pretrained networks, which no bundle holds, come on top
    count = {"numbers": 0, "tensors": 0}

    def registered(module: Any, name: str, parameter: Any) -> None:
        if parameter is not None:
            count["numbers"] += parameter.numel()
            count["tensors"] += 1
            if count["numbers"] > limit or count["tensors"] > 200_000:
                raise BadBundle(
                    f"{folder}: its options ask for a model far larger than its weights ({held:,} bytes); "
                    "the bundle is damaged or not to be trusted"
                )

    handle = register_module_parameter_registration_hook(registered)
    try:
        with torch.device("meta"):
            cls(options, manifest.spec)
    except BadBundle:
        raise
    except Exception:
        return  # a model that cannot be built on "meta" says why when it is really built
    finally:
        handle.remove()


def read_weights(model: Model, folder: Path) -> None:
    """Fill a model from weights.safetensors; every tensor must be there, and of the right shape."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / WEIGHTS
    try:
        tensors = load_file(path)
    except FileNotFoundError:
        raise BadBundle(f"{folder} holds no {WEIGHTS}; copy the whole folder, not only {MANIFEST}") from None
    except (SafetensorError, OSError, ValueError, RuntimeError, MemoryError) as error:
        raise BadBundle(f"{path} is damaged: {error}; take the bundle from its source again") from None
    own = model.state_dict()
    for alias, name in _aliases(own).items():
        if name in tensors:
            tensors[alias] = tensors[name]
    missing, unknown = sorted(own.keys() - tensors.keys()), sorted(tensors.keys() - own.keys())
    if missing or unknown:
        what = f"{missing[0]} is missing" if missing else f"{unknown[0]} is unknown"
        raise BadBundle(f"{path} does not fit the model ({what}; {len(missing) + len(unknown)} such names)")
    for name, value in own.items():
        if tensors[name].shape != value.shape:
            got, wanted = tuple(tensors[name].shape), tuple(value.shape)
            raise BadBundle(f"{path} does not fit the model: {name} has shape {got}, its options make it {wanted}")
    model.load_state_dict(tensors)


def _aliases(state: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """Names of shared tensors -> the first name of the same memory. Shared modules are stored once."""
    first: dict[Any, str] = {}
    aliases = {}
    for name, tensor in state.items():
        key = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype) if tensor.numel() else name
        if first.setdefault(key, name) != name:
            aliases[name] = first[key]
    return aliases


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
    """Write a whole bundle into a hidden folder beside `folder`, on disk when this returns; return the hidden one."""
    import torch
    from safetensors.torch import save_file

    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.writing")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        state = model.state_dict()
        aliases = _aliases(state)
        unique = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items() if name not in aliases}
        save_file(unique, temporary / WEIGHTS, metadata={"format": "pt"})
        if resume is not None:
            torch.save(dict(resume), temporary / RESUME)
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


def is_whole(folder: Path) -> bool:
    """Whether every file of a bundle is there and is what was written."""
    try:
        files = read_manifest(folder).files
        return all(_fingerprint(folder / name) == wanted for name, wanted in files.items() if "/" not in name)
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
