"""Checkpoints: the two newest states of a run, each a whole bundle with what exact resuming needs."""

from __future__ import annotations

import pickle
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from i2i import bundle
from i2i.device import Engine
from i2i.model import Model
from i2i.state import anew


@dataclass(frozen=True)
class State:
    """What resume.pt holds beside the weights."""

    step: int
    phase: str
    optimizers: dict[str, Any]
    modules: dict[str, Any]  # resume_state() of the submodules that have one
    engine: dict[str, Any]
    threads: int


def save(
    run_folder: Path,
    model: Model,
    manifest: bundle.Manifest,
    optimizers: Mapping[str, Optimizer],
    engine: Engine,
) -> Path:
    """Write checkpoints/last; what it was becomes checkpoints/previous.

    A kill at any moment leaves at least one whole checkpoint. Raises OSError when the disk is full or read-only: the
    older ones are then untouched.
    """
    state = {
        "step": manifest.step,
        "phase": manifest.phase,
        "optimizers": {name: optimizer.state_dict()["state"] for name, optimizer in optimizers.items()},
        "modules": {name: module.resume_state() for name, module in resumable(model).items()},
        "engine": engine.state(),
        "threads": torch.get_num_threads(),
    }
    folder = run_folder / "checkpoints"
    last, previous = folder / "last", folder / "previous"
    for leftover in folder.glob(".*.writing"):  # of a run that was killed while it wrote
        shutil.rmtree(leftover, ignore_errors=True)
    written = bundle.write_beside(last, model, manifest, state)
    if last.exists():
        if previous.exists():
            shutil.rmtree(previous)
        last.rename(previous)
    written.rename(last)
    bundle.sync_folder(folder)
    return last


def save_best(run_folder: Path, model: Model, manifest: bundle.Manifest) -> None:
    """Write checkpoints/best, which translating prefers; nothing is resumed from it. Raises OSError."""
    best, old = run_folder / "checkpoints" / "best", run_folder / "checkpoints" / ".best.writing"
    written = bundle.write_beside(best, model, manifest)
    shutil.rmtree(old, ignore_errors=True)
    if best.exists():
        best.rename(old)
    written.rename(best)
    shutil.rmtree(old, ignore_errors=True)
    bundle.sync_folder(best.parent)


def newest(run_folder: Path) -> Path:
    """The newest whole checkpoint of a run; a torn one is never read. Raises BadBundle when there is none."""
    folder = run_folder / "checkpoints"
    whole = [path for name in ("last", "previous") if bundle.is_whole(path := folder / name)]
    if not whole:
        raise bundle.BadBundle(f"{run_folder} holds no whole checkpoint; start again with: {anew(run_folder)}")
    return max(whole, key=lambda path: bundle.read_manifest(path).step)


def read_state(folder: Path) -> State:
    """Read resume.pt, executing nothing from it. Raises BadBundle when it is missing or damaged."""
    path = folder / bundle.RESUME
    try:
        with warnings.catch_warnings(action="ignore"):  # of torch, about pickles that it then refuses
            return State(**torch.load(path, map_location="cpu", weights_only=True))
    except FileNotFoundError:
        raise bundle.BadBundle(f"{folder} holds no {bundle.RESUME}: it can translate but not be resumed") from None
    except pickle.UnpicklingError:  # torch's own text tells how to execute it
        raise bundle.BadBundle(f"{path} is damaged: it holds more than numbers and names; none of it was run") from None
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "")
        raise bundle.BadBundle(f"{path} is damaged: {type(error).__name__}: {reason}") from None


def restore(state: State, model: Model, optimizers: Mapping[str, Optimizer], engine: Engine) -> None:
    """Give optimizers, submodules and scalers what they held when the state was saved."""
    for name, values in state.optimizers.items():
        if name not in optimizers:
            raise bundle.BadBundle(f'the checkpoint has an optimizer "{name}" that the model no longer makes')
        load_optimizer(optimizers[name], values)
    modules = resumable(model)
    for name, values in state.modules.items():
        if name in modules:
            modules[name].load_resume_state(values)
    engine.load_state(state.engine)


def carry_over(old: Mapping[str, Optimizer], new: Mapping[str, Optimizer]) -> None:
    """Keep optimizer state across phases where the name and the parameters are the same."""
    for name, optimizer in new.items():
        before = old.get(name)
        if before is not None and _parameters(before) == _parameters(optimizer):
            load_optimizer(optimizer, before.state_dict()["state"])


def load_optimizer(optimizer: Optimizer, state: dict[Any, Any]) -> None:
    """Give an optimizer its state; its hyper-parameters stay as the model made them."""
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    for parameter, values in optimizer.state.items():
        for key, value in values.items():
            if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                # A fused step walks through memory in parallel, unchecked: a state that was saved on another device
                # may lie there in another order than the weights it belongs to.
                values[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _parameters(optimizer: Optimizer) -> list[int]:
    return [id(p) for group in optimizer.param_groups for p in group["params"]]


def resumable(model: Model) -> dict[str, Any]:
    """The submodules that training needs and no bundle holds, such as image pools."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Module) and hasattr(module, "resume_state") and name
    }
