"""Pickles of whole networks, as NVlabs' trainers publish them (.pkl): their tensors, without the code beside them.

Such a file names classes, functions and even the source of its modules. Nothing of that is looked up, made or run: an
unpickler puts a `_Thing` in the place of each, which keeps what it was given and does nothing, and the tensors are
then gathered from where `torch.nn.Module` keeps them.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2i import pickles

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_KINDS = {  # of storages, and torch's names for their numbers
    **{"Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "ComplexFloat": "complex64"},
    **{"Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool"},
    "Untyped": "uint8",
}
_MOST = 100_000  # tensors: more than any network has, fewer than would fill the memory with names
_COPIES = 4  # of its own size that a file may ask for
_DEEPEST = 100  # modules in modules


def read(path: Path) -> dict[str, dict[str, Tensor]]:
    """The state dict of each network of a pickle by its name there, of a network alone under its class's.

    Raises `pickles.Refused` where there is none, and much else for damage.
    """
    reader = _Reader(path.read_bytes())
    whole = reader.load()
    named = whole.items() if isinstance(whole, Mapping) else [(_class(whole), whole)]
    found = {str(name): dict(_tensors(each)) for name, each in named if _state(each) is not None}
    found = {name: state for name, state in found.items() if state}
    if not found and reader.names:
        raise pickles.program(f'"{reader.names[0][:80]}"')
    if not found:
        raise pickles.Refused("is a pickle that holds no network")
    return found


class _Thing:
    """Stands for an object of any class: it keeps what it was made of, and does nothing."""

    name = ""

    def __new__(cls, *args: Any, **named: Any) -> _Thing:
        made = super().__new__(cls)
        made.args, made.state = args, None
        return made

    args: tuple[Any, ...]
    state: Any

    def __init__(self, *args: Any, **named: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        pass  # of a dictionary's subclass, none of which holds a network

    def append(self, value: Any) -> None:
        """Of a list's subclass."""


class _Reader(pickle._Unpickler):
    """Unpickle tensors, and a `_Thing` for everything else."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8")  # which gives no more than it has
        self.names: list[str] = []
        self.left = _COPIES * len(content)  # bytes that tensors may take

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full == "collections.OrderedDict":
            return dict
        if full in pickles.BUILDERS:
            return self._parameter if name == "_rebuild_parameter" else self._view
        if full == "torch.storage._load_from_bytes":
            return self._numbers
        if full == "_codecs.encode":
            return self._encoded
        self.names.append(full if full.isprintable() else "a name that cannot be shown")
        return type("_Thing", (_Thing,), {"name": name})

    def get_extension(self, code: int) -> Any:
        raise pickle.UnpicklingError("it names what is registered elsewhere")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("its tensors lie in another file")

    def _encoded(self, text: Any, how: Any) -> bytes:
        """Bytes as protocol 2 writes them: as text, of which each letter is one."""
        if not isinstance(text, str) or how != "latin1":
            raise pickle.UnpicklingError("its bytes are written in an unknown way")
        return text.encode("latin1")

    def _spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise pickles.lie("its tensors are larger than all of it")

    def _numbers(self, content: Any) -> Tensor:
        """A storage that was pickled as bytes of their own, as a vector."""
        import torch

        storage, start = pickles.storage(content)
        self._spend(len(content))
        kind: torch.dtype = getattr(torch, _KINDS[storage.kind])
        if not storage.numbers:
            return torch.empty(0, dtype=kind)
        return torch.frombuffer(bytearray(content), dtype=kind, count=storage.numbers, offset=start)

    def _view(self, numbers: Any, offset: Any, shape: Any, stride: Any, *rest: Any) -> Tensor:
        """A tensor of some of the numbers, as `torch._utils._rebuild_tensor` makes it."""
        import torch

        if not isinstance(numbers, torch.Tensor) or not len(shape) == len(stride) <= pickles.DIMENSIONS:
            raise pickles.lie("a tensor has no storage, or no shape")
        offset, shape, stride = pickles.whole(offset), [*map(pickles.whole, shape)], [*map(pickles.whole, stride)]
        count = math.prod(shape)
        last = offset + sum((side - 1) * step for side, step in zip(shape, stride, strict=True)) if count else -1
        if max(last + 1, count) > len(numbers):
            raise pickles.lie(f"a tensor reaches beyond the {len(numbers):,} numbers that are there")
        self._spend(count * numbers.element_size())
        return numbers.as_strided(shape, stride, offset).clone() if count else numbers.new_empty(shape)

    def _parameter(self, data: Any, *rest: Any) -> Any:
        return data


def _class(thing: Any) -> str:
    return thing.name if isinstance(thing, _Thing) else type(thing).__name__


def _state(thing: Any) -> Mapping[str, Any] | None:
    """What a module keeps, if a thing is one: as it is, or told to a function that would have made its class first."""
    if not isinstance(thing, _Thing):
        return None
    told = thing.args[0] if thing.args else None
    state = told.get("state") if isinstance(told, Mapping) else thing.state
    return state if isinstance(state, Mapping) and isinstance(state.get("_modules"), Mapping) else None


def _tensors(thing: Any) -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers of a module and of those within, by name."""
    import torch

    stack, count = [("", thing, 0)], 0
    while stack:
        prefix, each, depth = stack.pop()
        state = _state(each)
        if state is None:
            continue
        for kind in ("_parameters", "_buffers"):
            values = state.get(kind)
            for key, value in values.items() if isinstance(values, Mapping) else ():
                if isinstance(value, torch.Tensor):
                    yield f"{prefix}{key}", value
        stack += [(f"{prefix}{key}.", inner, depth + 1) for key, inner in state["_modules"].items()]
        count += len(state["_modules"])
        if count > _MOST or depth > _DEEPEST:
            raise pickles.lie("its networks have no end")
