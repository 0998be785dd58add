"""Files of weights that others wrote (.pth, .safetensors, .pkl): read with nothing of them run, or refused with reason.

What a file of torch.save asks for is understood first, in `i2i.pickles`; then torch reads it. Whole networks in a plain
pickle are understood in `i2i.snapshots`.
"""

from __future__ import annotations

import argparse
import errno
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2i import pickles, snapshots

if TYPE_CHECKING:
    from torch import Tensor

WRAPPERS = ("params_ema", "params", "state_dict")  # BasicSR's, and what most trainers write


def read(path: Path) -> dict[str, Tensor]:
    """Read a state dict, bare or as the `state_dict` of a checkpoint, without a prefix `module.`, on the CPU.

    Raises ValueError for anything else than finite tensors, for damage, and for what would run code; OSError where the
    system cannot read.
    """
    readers: dict[str, Callable[[Path], Any]] = {"safetensors": _safetensors, "torch": _torch, "pickle": _pickle}
    values = readers[_kind(path)](path)
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
    if head[:4] == b"PK\x03\x04":
        return "torch"
    if head[:1] == b"\x80" and b"\x01" < head[1:2] < b"\x06":
        return "pickle" if pickles.is_plain(head) else "torch"
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


def _understood(reader: Callable[[Path], Any], path: Path) -> Any:
    """What a reader makes of a pickle. Raises ValueError for what is wrong with the file."""
    try:
        return reader(path)
    except pickles.Refused as error:
        raise ValueError(f"{path} {error}") from None
    except Exception as error:  # whatever it is, the file did it
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise ValueError(
            f"{path} is damaged, cut short or no file of torch.save ({_reason(error)}); download it again"
        ) from None


def _pickle(path: Path) -> Any:
    return _understood(snapshots.read, path)


def _torch(path: Path) -> Any:
    """Read what torch.save wrote, in either format."""
    import torch

    _understood(pickles.inspect, path)
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals([argparse.Namespace]):
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # whatever it is, the file did it; torch's own words tell how to run it
        raise ValueError(
            f"{path} cannot be read as tensors alone ({type(error).__name__}); nothing of it was run. If the file is "
            "yours, save net.state_dict() again with torch.save as it is"
        ) from None


def _tensors(values: Any, path: Path) -> Mapping[str, Tensor]:
    """The state dict among what a file holds. Raises ValueError that says what is there instead."""
    import torch

    if isinstance(values, Mapping):  # trainers put the state dict beside other things; an average is what translates
        inner = (values[key] for key in WRAPPERS if isinstance(values.get(key), Mapping))
        values = next(inner, _flat(values))
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


def _flat(values: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Several networks side by side, each a state dict, as one: `g_ema.KEY`. What else lies there is left out."""
    import torch

    def told(value: Any) -> bool:
        return isinstance(value, Mapping) and bool(value) and all(isinstance(v, torch.Tensor) for v in value.values())

    if not any(map(told, values.values())):
        return values
    nested = {f"{name}.{key}": each for name, value in values.items() if told(value) for key, each in value.items()}
    return nested | {name: value for name, value in values.items() if isinstance(value, torch.Tensor)}


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
