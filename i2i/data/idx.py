"""IDX files, MNIST's format: one file of many grey pictures, and one of their labels."""

from __future__ import annotations

import gzip
import hashlib
import math
import re
import zlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_NAME = re.compile(r"(?P<split>.*?)-?(?P<what>images|labels)[-.]idx(?P<axes>\d)-ubyte(\.gz)?$")
_LIMIT = 2**32  # bytes of an unpacked file


def is_array(name: str) -> bool:
    """Whether a file is named as IDX files are: train-images-idx3-ubyte, with or without .gz."""
    return _NAME.fullmatch(name) is not None


def inside(name: str) -> bool:
    """Whether a picture's name points into an IDX file."""
    return is_array(name.rpartition("/")[0].rpartition("/")[2])


def parts(name: str) -> tuple[str, str]:
    """The split (`train`, `t10k`) and the content (`images`, `labels`) that an IDX file's name tells."""
    match = _NAME.fullmatch(Path(name).name)
    assert match is not None
    return match["split"], match["what"]


@lru_cache(maxsize=8)
def read(path: Path, axes: int) -> np.ndarray:
    """Read an IDX file of bytes: images (N, H, W) are 3 axes, labels (N,) are 1; uint8.

    Raises ValueError when the file is cut, is not IDX or has other axes.
    """
    import numpy as np

    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            magic = file.read(4)
            if len(magic) != 4 or magic[:3] != b"\0\0\x08":
                raise ValueError(f"{path} is not an IDX file of bytes; download it again")
            if magic[3] != axes:
                raise ValueError(f"{path} holds {magic[3]} axes instead of {axes}; download it again")
            header = file.read(4 * magic[3])
            if len(header) != 4 * magic[3]:
                raise EOFError("it ends in its header")
            shape = tuple(int(n) for n in np.frombuffer(header, ">u4"))
            size = math.prod(shape)
            data = file.read(size) if size <= _LIMIT else b""
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}); download it again") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be opened: {error.strerror or error}") from None
    if not size:
        raise ValueError(f"{path} is empty: it declares {' x '.join(map(str, shape))} values")
    if len(data) != size:
        raise ValueError(f"{path} holds {len(data)} bytes of the {size} it declares; download it again")
    return np.frombuffer(data, np.uint8).reshape(shape)


def describe(root: Path, name: str) -> dict[str, dict[str, Any]]:
    """Describe the pictures inside an IDX file of images by their names; nothing for any other document."""
    if not is_array(name) or parts(name)[1] != "images":
        return {}
    try:
        pictures = read(root / name, 3)
    except ValueError as error:
        return {f"{name}/00000": {"problem": str(error).removeprefix(f"{root / name} ")}}
    height, width = pictures.shape[1:]
    about = {"width": width, "height": height, "channels": 1, "mode": "L", "depth": 8}
    return {
        f"{name}/{index:05}": {**about, "sha256": hashlib.sha256(picture.tobytes()).hexdigest()}
        for index, picture in enumerate(pictures)
    }


def picture(root: Path, name: str) -> np.ndarray:
    """Read the picture `FILE/00017` as (H, W, 1) uint8."""
    file, _, index = name.rpartition("/")
    return read(root / file, 3)[int(index)][:, :, None]
