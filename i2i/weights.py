"""The tensors of a bundle: each stored once, and held against the model before memory is taken for them."""

from __future__ import annotations

import errno
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2i.errors import BadBundle

if TYPE_CHECKING:
    import torch

    from i2i.model import Model

AGAIN = "; take the bundle from its source again"
WEIGHTS = "weights.safetensors"
FLOATING = ("F", "BF")  # how safetensors' names of floating types begin

Stored = Mapping[str, tuple[tuple[int, ...], str]]
"""What a weights file holds: {name: (shape, safetensors' name of the type)}."""


def write(model: Model, path: Path, networks: Sequence[str] = ()) -> None:
    """Write a model's tensors, those of shared modules once, or of some `networks` (attributes) alone.

    Raises OSError when the disk is full or read-only.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    state = _tensors(model, networks)
    aliases = _aliases(state)
    unique: dict[str, torch.Tensor] = {}
    places = set()
    for name, tensor in state.items():
        if name not in aliases:
            value = tensor.detach().cpu().contiguous()
            place = value.untyped_storage().data_ptr()
            unique[name] = value.clone() if place in places else value  # the format refuses views of one memory
            places.add(place)
    path.touch()
    mode = path.stat().st_mode  # save_file would leave the file to its owner alone
    try:
        save_file(unique, path, metadata={"format": "pt"})
    except SafetensorError as error:  # which hides the system's error in its text
        match = re.search(r"os error (\d+)", str(error))
        number = int(match[1]) if match else errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from error
    path.chmod(mode)


def stored(path: Path) -> Stored:
    """Read what a weights file holds, without its numbers. Raises BadBundle with one sentence when it cannot."""
    from safetensors import safe_open

    with _reading(path), safe_open(path, "pt") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
        return {name: (tuple(part.get_shape()), str(part.get_dtype())) for name, part in slices.items()}


def fill(model: Model, path: Path, networks: Sequence[str] = ()) -> None:
    """Fill a model, or some of its networks, from a weights file that holds every tensor in its shape.

    Raises BadBundle.
    """
    from safetensors.torch import load_file

    check_fit(model, stored(path), path, networks)
    with _reading(path):
        tensors = load_file(path)
    for name, first in _aliases(_tensors(model, networks)).items():
        tensors.setdefault(name, tensors[first])
    try:
        model.load_state_dict(tensors, strict=not networks)
    except (RuntimeError, KeyError, TypeError) as error:
        raise BadBundle(f"{path} does not fit the model: {_first_line(error)}") from error


def check_fit(model: Model, held: Stored, path: Path, networks: Sequence[str] = ()) -> None:
    """Hold a model's tensors, or those of some networks, against a file's.

    Raises BadBundle that names the first that does not fit.
    """
    if strange := [name for name in networks if name not in submodules(model)]:
        raise BadBundle(
            f'{path.parent} does not fit the model: it says it holds "{strange[0]}", which the model does not have'
        )
    own = _tensors(model, networks)
    missing = sorted(own.keys() - held.keys() - _aliases(own).keys())
    unknown = sorted(held.keys() - own.keys())
    if missing or unknown:
        what = f"{missing[0]} is missing" if missing else f"{unknown[0]} is unknown"
        raise BadBundle(f"{path} does not fit the model ({what}; {len(missing) + len(unknown)} such names)")
    for name, (shape, kind) in held.items():
        wanted = tuple(own[name].shape)
        if shape != wanted:
            raise BadBundle(f"{path} does not fit the model: {name} has shape {shape}, its options make it {wanted}")
        if kind.startswith(FLOATING) != own[name].is_floating_point():
            raise BadBundle(f"{path} does not fit the model: {name} has the type {kind}, not {own[name].dtype}")


def submodules(model: Model) -> list[str]:
    """The attributes of a model that hold its weights, in order."""
    return list(dict.fromkeys(key.partition(".")[0] for key in model.state_dict(keep_vars=True)))


def is_double(held: Stored) -> bool:
    """Whether a file holds a model that was trained in float64."""
    return {kind for _, kind in held.values() if kind.startswith(FLOATING)} == {"F64"}


class _Larger(BadBundle):
    """A model takes more memory than its file explains."""


def build_within(make: Callable[[], Model], held: Stored, path: Path, networks: Sequence[str] = ()) -> Model:
    """Build a model whose options may ask for anything: refuse before memory is taken for far more than a file holds.

    One that asks for more is built without memory first, on torch's meta device, and held against the file; that takes
    seconds, once, so it is no habit. Raises BadBundle.
    """
    import torch

    numbers = 2 * sum(math.prod(shape) for shape, _ in held.values())
    tensors = 8 * len(held) + 5_000
    try:
        with _limits(numbers + 50_000_000, tensors, path):
            return make()
    except (_Larger, RuntimeError, MemoryError):
        pass
    # Room for frozen pretrained networks, which no bundle holds; of one that lacks networks, nothing vouches for their
    # size.
    numbers += 200_000_000 if networks else 2_000_000_000
    try:
        with _limits(numbers, tensors, path), torch.device("meta"):
            sketch = make()
    except BadBundle:
        raise
    except Exception:
        pass  # a model that cannot be built on "meta" says why when it is really built
    else:
        check_fit(sketch, held, path, networks)
    with _limits(numbers, tensors, path):
        return make()


def _limits(numbers: int, tensors: int, path: Path) -> AbstractContextManager[Any]:
    """Refuse, while a model is being built, more numbers or tensors than that, before they are made."""
    import torch
    from torch.overrides import TorchFunctionMode

    makers = {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.eye, torch.arange}

    class Limits(TorchFunctionMode):
        made = called = 0

        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            if function in makers:  # and nowhere else: no_grad() goes through here on its way out, and must get there
                size = args if args else (kwargs.get("size", ()),)
                self.made += math.prod(size[0] if isinstance(size[0], (tuple, list)) else filter(_is_count, size))
                self.called += 1
                if self.made > numbers or self.called > tensors:
                    raise (_Larger if self.made > numbers else BadBundle)(
                        f"{path.parent}: its options ask for a model far larger than its weights; "
                        "the bundle is damaged or not to be trusted"
                    )
            return function(*args, **kwargs)

    return Limits()


def _tensors(model: Model, networks: Sequence[str]) -> dict[str, torch.Tensor]:
    """A model's tensors by name, or those of some networks."""
    state = model.state_dict(keep_vars=True)
    return {key: tensor for key, tensor in state.items() if not networks or key.partition(".")[0] in networks}


def _is_count(value: Any) -> bool:
    return isinstance(value, int)


def _aliases(state: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """Names of tensors of shared modules -> the first name of the same tensor."""
    first: dict[int, str] = {}
    return {name: first[id(t)] for name, t in state.items() if first.setdefault(id(t), name) != name}


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong while reading a weights file into one sentence."""
    from safetensors import SafetensorError

    try:
        if not path.exists():
            raise BadBundle(f"{path.parent} holds no {path.name}; copy the whole folder, not a part of it")
        if not path.is_file():
            raise BadBundle(f"{path} is no file")
        yield
    except OSError as error:
        raise BadBundle(f"{path} cannot be read: {error.strerror or error}") from error
    except (SafetensorError, RuntimeError, OverflowError) as error:
        raise BadBundle(f"{path} is damaged ({_first_line(error)}){AGAIN}") from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(":.")
