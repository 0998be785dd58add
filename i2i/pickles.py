"""What a file of torch.save asks for, understood without making any of it.

`torch.load(weights_only=True)` runs nothing, but it believes what a file says of its sizes. So it is held against what
the file has before: by an unpickler that makes nothing.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

_MAGIC = 0x1950A86A20F9469CFC6C  # what torch.save wrote first before PyTorch 1.6
_BYTES = {  # of a number in each of torch's kinds of storage
    **dict.fromkeys(("Double", "Long", "ComplexFloat"), 8),
    **dict.fromkeys(("Float", "Int"), 4),
    **dict.fromkeys(("Half", "BFloat16", "Short"), 2),
    **dict.fromkeys(("Char", "Byte", "Bool", "Untyped"), 1),
}
BUILDERS = {f"torch._utils.{name}" for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")}
_OPCODES = (  # of protocol 2, which torch.save writes, and what it takes to name what a later one holds
    *(pickle.PROTO, pickle.STOP, pickle.GLOBAL, pickle.REDUCE, pickle.BUILD, pickle.NEWOBJ, pickle.BINPERSID),
    *(pickle.EMPTY_DICT, pickle.EMPTY_LIST, pickle.EMPTY_TUPLE, pickle.MARK, pickle.TUPLE, pickle.TUPLE1),
    *(pickle.TUPLE2, pickle.TUPLE3, pickle.APPEND, pickle.APPENDS, pickle.SETITEM, pickle.SETITEMS),
    *(pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1),
    *(pickle.BINFLOAT, pickle.BINUNICODE, pickle.SHORT_BINSTRING, pickle.BINPUT, pickle.LONG_BINPUT),
    *(pickle.BINGET, pickle.LONG_BINGET, pickle.FRAME, pickle.MEMOIZE, pickle.STACK_GLOBAL, pickle.SHORT_BINUNICODE),
)
DIMENSIONS = 16  # of a tensor at most


class Refused(Exception):
    """What is wrong with a file, as the rest of a sentence that begins with its name."""


def is_plain(head: bytes) -> bool:
    """Whether a pickle that begins so is none of torch.save, which writes a number before all else."""
    try:
        return bool(_Sketch(io.BytesIO(head)).load() != _MAGIC)
    except Exception:  # whatever a stranger's file may do
        return True


def inspect(path: Path) -> None:
    """Understand what a file of torch.save asks for. Raises much, and in any case for what it does not have."""
    size = path.stat().st_size
    with path.open("rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"  # which is how torch.load decides
        (_inspect_zip if zipped else _inspect_legacy)(file, size)


def program(what: str) -> Refused:
    """A file names something that is no part of a tensor."""
    return Refused(
        f"holds {what}, and weights are tensors alone: nothing of it was run. If the file is yours, save "
        "net.state_dict() instead of the whole"
    )


def lie(what: str) -> Refused:
    """A file asks for more than it has."""
    return Refused(f"is damaged or not to be trusted: {what}; download it again (nothing of it was run)")


class Storage(NamedTuple):
    """Where a file keeps numbers of a kind: "Float" and the like, as torch names them."""

    key: str
    numbers: int
    kind: str

    @property
    def size(self) -> int:
        """Bytes of all numbers."""
        return self.numbers * _BYTES[self.kind]


class _Record:
    """Stands for an `argparse.Namespace`, which trainers keep beside weights; what it holds is not looked at."""

    def __setstate__(self, state: Any) -> None:
        pass


class _Kind(str):
    """What a storage is of, which a string of the file is not."""

    __slots__ = ()


class _Sketch(pickle._Unpickler):
    """Unpickle tensors without making them: note what memory they ask for. All else is refused."""

    dispatch = {opcode[0]: pickle._Unpickler.dispatch[opcode[0]] for opcode in _OPCODES}  # noqa: RUF012

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, Storage] = {}

    def load(self) -> Any:
        try:
            return super().load()
        except KeyError as error:
            raise pickle.UnpicklingError(f"what torch.save does not write: {error}") from None

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full == "collections.OrderedDict":
            return OrderedDict
        if full in BUILDERS:
            return self._parameter if name == "_rebuild_parameter" else self._tensor
        if full == "argparse.Namespace":
            return _Record
        kind = name.removesuffix("Storage")
        if module in ("torch", "torch.cuda", "torch.storage") and name != kind and kind in _BYTES:
            return _Kind(kind)
        raise program(f'"{full[:80]}"' if full.isprintable() else "a name that cannot be shown")

    def persistent_load(self, pid: Any) -> Storage:
        if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
            raise program("a whole program with its classes")
        kind, key, _, count = pid[1:5]
        if not isinstance(kind, _Kind):
            raise lie("a storage has no kind")
        view = pid[5] if len(pid) == 6 else None
        storage = Storage(str(key), whole(count), kind)
        if self.storages.setdefault(storage.key, storage) != storage:
            raise lie(f'its storage "{storage.key[:40]}" has two sizes')
        return storage if view is None else Storage(storage.key, min(whole(view[2]), storage.numbers), storage.kind)

    def _tensor(self, storage: Any, offset: Any, shape: Any, *rest: Any) -> None:
        if not isinstance(storage, Storage):
            raise lie("a tensor has no storage")
        if len(shape) > DIMENSIONS:
            raise lie(f"a tensor claims {len(shape):,} dimensions")
        count = math.prod(whole(side) for side in shape)
        if whole(offset) + count > storage.numbers:
            raise lie(f"a tensor claims {count:,} numbers where {storage.numbers:,} are")

    def _parameter(self, data: Any, *rest: Any) -> Any:
        return data


def whole(value: Any) -> int:
    """A number that can be a size. Raises Refused."""
    if type(value) is not int or value < 0:
        raise lie(f"{str(value)[:40]!r} stands where a size should")
    return value


def _inspect_zip(file: IO[bytes], size: int) -> None:
    """Understand the format of PyTorch 1.6 and later, a zip archive of which nothing is packed."""
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: info.file_size for info in archive.infolist()}
        programs = [name for name in members if name.endswith("/data.pkl")]
        if any(name.endswith("/constants.pkl") for name in members):
            raise program("a TorchScript program")
        if len(programs) != 1:
            raise Refused("is a zip archive without weights of its own; unpack it, and name the files of weights in it")
        packed = any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 for info in archive.infolist())
        if packed or len(members) != len(archive.infolist()) or sum(members.values()) > size:
            raise lie("it is packed in a way that torch.save does not")
        sketch = _Sketch(io.BytesIO(archive.read(programs[0])))
        sketch.load()
    for storage in sketch.storages.values():
        there = members.get(f"{programs[0].removesuffix('data.pkl')}data/{storage.key}")
        if there != storage.size:
            raise lie(f'its storage "{storage.key[:40]}" should have {storage.size:,} bytes')


def storage(content: Any) -> tuple[Storage, int]:
    """The one storage that torch.save wrote as bytes in its old format, and where in them its numbers begin."""
    if not isinstance(content, bytes):
        raise lie("a storage is no bytes")
    file = io.BytesIO(content)
    sketch = _inspect_legacy(file, len(content))
    if len(sketch.storages) != 1:
        raise lie("a tensor has no storage of its own")
    return next(iter(sketch.storages.values())), file.tell() + 8  # after their count


def _inspect_legacy(file: IO[bytes], size: int) -> _Sketch:
    """Understand the format before PyTorch 1.6: five pickles, then the numbers."""
    file.seek(0)
    if _Sketch(file).load() != _MAGIC or _Sketch(file).load() != 1001:
        raise pickle.UnpicklingError("it is a pickle, but not one of tensors")
    system = _Sketch(file).load()
    if not isinstance(system, Mapping) or system.get("little_endian") is not True:
        raise pickle.UnpicklingError("it is not of a little-endian machine")
    sketch = _Sketch(file)
    sketch.load()
    _Sketch(file).load()  # the order of the storages
    asked = sum(8 + storage.size for storage in sketch.storages.values())
    if asked > size - file.tell():
        raise lie(f"its tensors need {asked:,} bytes, and {size - file.tell():,} are left")
    return sketch
