"""Files of weights that others wrote (.pth, .safetensors): read with nothing of them run, or refused in one sentence.

`torch.load(weights_only=True)` runs nothing either, but it believes what a file says of its sizes. So what a file asks
for is understood first, by an unpickler that makes nothing, and held against what the file has.
"""

from __future__ import annotations

import errno
import io
import math
import pickle
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

_MAGIC = 0x1950A86A20F9469CFC6C  # what torch.save wrote first before PyTorch 1.6
_BYTES = {  # of a number in each of torch's kinds of storage
    **dict.fromkeys(("Double", "Long", "ComplexFloat"), 8),
    **dict.fromkeys(("Float", "Int"), 4),
    **dict.fromkeys(("Half", "BFloat16", "Short"), 2),
    **dict.fromkeys(("Char", "Byte", "Bool", "Untyped"), 1),
}
_BUILDERS = {f"torch._utils.{name}" for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")}
_OPCODES = (  # of protocol 2, which torch.save writes, and what it takes to name what a later one holds
    *(pickle.PROTO, pickle.STOP, pickle.GLOBAL, pickle.REDUCE, pickle.BUILD, pickle.NEWOBJ, pickle.BINPERSID),
    *(pickle.EMPTY_DICT, pickle.EMPTY_LIST, pickle.EMPTY_TUPLE, pickle.MARK, pickle.TUPLE, pickle.TUPLE1),
    *(pickle.TUPLE2, pickle.TUPLE3, pickle.APPEND, pickle.APPENDS, pickle.SETITEM, pickle.SETITEMS),
    *(pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1),
    *(pickle.BINFLOAT, pickle.BINUNICODE, pickle.SHORT_BINSTRING, pickle.BINPUT, pickle.LONG_BINPUT),
    *(pickle.BINGET, pickle.LONG_BINGET, pickle.FRAME, pickle.MEMOIZE, pickle.STACK_GLOBAL, pickle.SHORT_BINUNICODE),
)
WRAPPERS = ("params_ema", "params", "state_dict")  # BasicSR's, and what most trainers write


def read(path: Path) -> dict[str, Tensor]:
    """Read a state dict, bare or as the `state_dict` of a checkpoint, without a prefix `module.`, on the CPU.

    Raises ValueError for anything else than finite tensors, for damage, and for what would run code; OSError where the
    system cannot read.
    """
    values = _safetensors(path) if _kind(path) == "safetensors" else _torch(path)
    state = {}
    for key, value in _tensors(values, path).items():
        name = key.removeprefix("module.")
        if name in state:
            raise ValueError(f'{path} holds "{name}" twice, with and without "module."')
        state[name] = _sound(value, key, path)
    claimed, size = sum(tensor.nbytes for tensor in state.values()), path.stat().st_size
    if claimed > 4 * size:  # they may share memory, within reason
        raise ValueError(f"{path} is not to be trusted: its tensors claim {claimed:,} bytes, and it has {size:,}")
    return state


def _kind(path: Path) -> str:
    """Tell the format by the first bytes. Raises ValueError for what holds no weights, saying what it is."""
    if path.is_dir():
        inside = f"; name the files in it that belong together: {path / '*.pth'}" * any(path.glob("*.pth"))
        raise ValueError(f"{path} is a folder{inside}")
    if not path.is_file():
        raise ValueError(f"{path} is no file" if path.exists() else f"there is no file {path}")
    with path.open("rb") as file:
        head = file.read(512)
    text = head.lstrip().lower()
    if not head:
        raise ValueError(f"{path} is empty; download it again")
    if head[:4] == b"PK\x03\x04" or (head[:1] == b"\x80" and b"\x01" < head[1:2] < b"\x06"):
        return "torch"
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<script")):
        raise ValueError(f"{path} is a web page, not weights: its download went wrong; download it again")
    if head.startswith(b"version https://git-lfs"):
        raise ValueError(f"{path} only points to a file in Git LFS; fetch the file itself with: git lfs pull")
    if head[257:262] == b"ustar":
        raise ValueError(f"{path} is a tar archive; unpack it, or, if PyTorch before 0.1.10 wrote it, save it anew")
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!")):
        raise ValueError(f"{path} is a packed archive; unpack it first")
    if path.suffix == ".safetensors" or head[8:9] == b"{":
        return "safetensors"
    raise ValueError(f"{path} is no file of weights (.pth, .safetensors), or it is damaged; download it again")


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, RuntimeError, ValueError, OverflowError) as error:
        raise ValueError(f"{path} is damaged ({_first_line(error)}); download it again") from None


def _torch(path: Path) -> Any:
    """Read what torch.save wrote, in either format."""
    import torch

    try:
        _inspect(path)
    except _Refused as error:
        raise ValueError(f"{path} {error}") from None
    except Exception as error:  # whatever it is, the file did it
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise ValueError(
            f"{path} is damaged, cut short or no file of torch.save ({_reason(error)}); download it again"
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # whatever it is, the file did it; torch's own words tell how to run it
        raise ValueError(
            f"{path} cannot be read as tensors alone ({type(error).__name__}); nothing of it was run. If the file is "
            "yours, save net.state_dict() again with torch.save as it is"
        ) from None


class _Refused(Exception):
    """What is wrong with a file, as the rest of a sentence that begins with its name."""


def _program(what: str) -> _Refused:
    """A file names something that is no part of a tensor."""
    return _Refused(
        f"holds {what}, and weights are tensors alone: nothing of it was run. If the file is yours, save "
        "net.state_dict() instead of the whole"
    )


def _lie(what: str) -> _Refused:
    """A file asks for more than it has."""
    return _Refused(f"is damaged or not to be trusted: {what}; download it again (nothing of it was run)")


class _Storage(NamedTuple):
    key: str
    numbers: int
    size: int  # of each, in bytes


class _Sketch(pickle._Unpickler):
    """Unpickle tensors without making them: note what memory they ask for. All else is refused."""

    dispatch = {opcode[0]: pickle._Unpickler.dispatch[opcode[0]] for opcode in _OPCODES}  # noqa: RUF012

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, _Storage] = {}

    def load(self) -> Any:
        try:
            return super().load()
        except KeyError as error:
            raise pickle.UnpicklingError(f"what torch.save does not write: {error}") from None

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full == "collections.OrderedDict":
            return OrderedDict
        if full in _BUILDERS:
            return self._parameter if name == "_rebuild_parameter" else self._tensor
        kind = name.removesuffix("Storage")
        if module in ("torch", "torch.cuda", "torch.storage") and name != kind and kind in _BYTES:
            return _BYTES[kind]
        raise _program(f'"{full[:80]}"' if full.isprintable() else "a name that cannot be shown")

    def persistent_load(self, pid: Any) -> _Storage:
        if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
            raise _program("a whole program with its classes")
        size, key, _, count = pid[1:5]
        view = pid[5] if len(pid) == 6 else None
        storage = _Storage(str(key), _whole(count), _whole(size))
        if self.storages.setdefault(storage.key, storage) != storage:
            raise _lie(f'its storage "{storage.key[:40]}" has two sizes')
        return storage if view is None else _Storage(storage.key, min(_whole(view[2]), storage.numbers), storage.size)

    def _tensor(self, storage: Any, offset: Any, shape: Any, *rest: Any) -> None:
        if not isinstance(storage, _Storage):
            raise _lie("a tensor has no storage")
        if len(shape) > 16:
            raise _lie(f"a tensor claims {len(shape):,} dimensions")
        count = math.prod(_whole(side) for side in shape)
        if _whole(offset) + count > storage.numbers:
            raise _lie(f"a tensor claims {count:,} numbers where {storage.numbers:,} are")

    def _parameter(self, data: Any, *rest: Any) -> Any:
        return data


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise _lie(f"{str(value)[:40]!r} stands where a size should")
    return value


def _inspect(path: Path) -> None:
    """Understand what a file of torch.save asks for. Raises much, and in any case for what it does not have."""
    size = path.stat().st_size
    with path.open("rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"  # which is how torch.load decides
        (_inspect_zip if zipped else _inspect_legacy)(file, size)


def _inspect_zip(file: IO[bytes], size: int) -> None:
    """Understand the format of PyTorch 1.6 and later, a zip archive of which nothing is packed."""
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: info.file_size for info in archive.infolist()}
        programs = [name for name in members if name.endswith("/data.pkl")]
        if any(name.endswith("/constants.pkl") for name in members):
            raise _program("a TorchScript program")
        if len(programs) != 1:
            raise _Refused(
                "is a zip archive without weights of its own; unpack it, and name the files of weights in it"
            )
        packed = any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 for info in archive.infolist())
        if packed or len(members) != len(archive.infolist()) or sum(members.values()) > size:
            raise _lie("it is packed in a way that torch.save does not")
        sketch = _Sketch(io.BytesIO(archive.read(programs[0])))
        sketch.load()
    for storage in sketch.storages.values():
        there = members.get(f"{programs[0].removesuffix('data.pkl')}data/{storage.key}")
        if there != storage.numbers * storage.size:
            raise _lie(f'its storage "{storage.key[:40]}" should have {storage.numbers * storage.size:,} bytes')


def _inspect_legacy(file: IO[bytes], size: int) -> None:
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
    asked = sum(8 + storage.numbers * storage.size for storage in sketch.storages.values())
    if asked > size - file.tell():
        raise _lie(f"its tensors need {asked:,} bytes, and {size - file.tell():,} are left")


def _tensors(values: Any, path: Path) -> Mapping[str, Tensor]:
    """The state dict among what a file holds. Raises ValueError that says what is there instead."""
    import torch

    if isinstance(values, Mapping):  # trainers put the state dict beside other things; an average is what translates
        inner = (values[key] for key in WRAPPERS if isinstance(values.get(key), Mapping))
        values = next(inner, values)
    if not isinstance(values, Mapping):
        raise ValueError(f"{path} holds {_article(values)}, not a state dict of tensors")
    state = {key: value for key, value in values.items() if key != "_metadata"}
    for key, value in state.items():
        if not isinstance(key, str) or not key.isprintable():
            raise ValueError(f"{path} names a tensor {str(key)[:40]!r}; it holds no state dict")
        if not isinstance(value, torch.Tensor):
            raise ValueError(f'{path} holds {_article(value)} as "{key[:80]}", where a state dict has tensors alone')
    if not state:
        raise ValueError(f"{path} holds no tensor")
    return state


def _sound(tensor: Tensor, key: str, path: Path) -> Tensor:
    """The tensor, when it is plain and its numbers are numbers. Raises ValueError."""
    import torch

    if tensor.layout != torch.strided or tensor.is_complex() or tensor.is_quantized or tensor.device.type != "cpu":
        raise ValueError(f'{path}: "{key}" is a tensor of a kind that no known network has ({tensor.dtype})')
    tensor = tensor.detach()
    if tensor.is_floating_point() and not (finite := tensor.isfinite()).all():
        broken = int((~finite).sum())
        raise ValueError(
            f'{path}: "{key}" holds {broken:,} values that are NaN or infinite: the training that wrote it had failed; '
            "take an earlier file"
        )
    return tensor


def _article(value: Any) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"


def _reason(error: BaseException) -> str:
    return _first_line(error) if str(error).strip() else type(error).__name__


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(":.")[:200]
