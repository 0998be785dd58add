"""Where and how to compute: device, precision, and the arithmetic of an optimizer's step."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from i2i import distributed
from i2i.model import Model

MAX_SKIPPED = 10  # float16 updates in a row that may overflow before the run stops


def choose_device(name: str) -> torch.device:
    """Turn `auto`, `cpu`, `cuda` or `mps` into a device. Raises ValueError when it is not there."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    if (name == "cuda" and not cuda) or (name == "mps" and not mps):
        there = " or ".join(["cpu"] + ["cuda"] * cuda + ["mps"] * mps)
        raise ValueError(f"--device {name}: this machine has no usable {name} device; use --device {there}")
    return torch.device(name)


def has_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is in the hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        capability = torch.cpu.get_capabilities()
        return bool(capability.get("avx512_bf16") or capability.get("amx_bf16") or capability.get("bf16"))
    return False


@cache
def bf16_pays() -> bool:
    """Whether this CPU computes a convolution faster in bfloat16 than in float32; takes a few hundredths of a second.

    Having the instructions does not say so: with tiles (AMX) a convolution takes a fifth of the time, without them
    (AVX-512 alone) it was seen to take half as long again.
    """
    kinds = (torch.float32, torch.bfloat16)
    nets = {kind: nn.Conv2d(64, 64, 3, bias=False).to(kind) for kind in kinds}
    seconds, threads = dict.fromkeys(kinds, float("inf")), torch.get_num_threads()
    torch.set_num_threads(1)  # several wait for each other where the machine is busy, which would be all that is timed
    try:
        for kind in kinds * 8:  # in turns, and the least of each: what else the machine does hits both
            images = torch.ones(1, 64, 64, 64, dtype=kind, requires_grad=True)
            images = images.contiguous(memory_format=torch.channels_last)
            start = time.perf_counter()
            nets[kind](images).sum().backward()
            seconds[kind] = min(seconds[kind], time.perf_counter() - start)
    finally:
        torch.set_num_threads(threads)
    return seconds[torch.bfloat16] < seconds[torch.float32]


def choose_precision(name: str, device: torch.device, model: Model) -> str:
    """Turn `--precision` into fp32, bf16, fp16 or fp64. Raises ValueError when it does not fit."""
    if name == "auto":
        slower = has_bf16(device) and device.type == "cpu" and not bf16_pays()
        (slower,) = distributed.agree([slower], device)  # the clock that tells differs between ranks
        return "bf16" if has_bf16(device) and not slower else "fp32"
    if name == "fp16" and device.type != "cuda":
        raise ValueError(f"--precision fp16 needs a CUDA device, this is {device.type}; use --precision auto")
    if name == "fp16" and model.eager:
        raise ValueError(
            f"--precision fp16 overflows in the gradient penalty of this model ({', '.join(model.eager)} is "
            "differentiated twice); use --precision bf16 or fp32"
        )
    return name


@dataclass
class Engine:
    """The arithmetic of one process: what the loop wraps around a model's own code.

    `channels_last` puts pictures in memory as (N, H, W, C), in which convolutions are faster. They hand the layout of
    their input on to their output, so the pictures of a batch decide that of all that follows.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: str = "fp32"
    channels_last: bool = True
    scalers: dict[str, torch.amp.GradScaler] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)  # overflowed updates in a row, by optimizer

    overflows: int = 0  # float16 updates that were skipped in this run

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The region a model's code runs in. A new one for each update: autocast caches cast weights, and after a
        step the cached ones are stale."""
        if self.precision in ("fp32", "fp64"):
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16 if self.precision == "bf16" else torch.float16)

    def scaler(self, optimizer: str) -> torch.amp.GradScaler | None:
        """The loss scaler of an optimizer, in float16 only. One each: an overflow of one does not concern another."""
        if self.precision != "fp16":
            return None
        return self.scalers.setdefault(optimizer, torch.amp.GradScaler(self.device.type))

    def count_skipped(self, optimizer: str, skipped: bool) -> int:
        """Count a float16 update that overflowed. Raises FloatingPointError at the tenth in a row."""
        self.overflows += skipped
        self.skipped[optimizer] = self.skipped.get(optimizer, 0) + 1 if skipped else 0
        if self.skipped[optimizer] >= MAX_SKIPPED:
            raise FloatingPointError(
                f"{MAX_SKIPPED} float16 updates of {optimizer} in a row overflowed; "
                "use --precision bf16 or a lower --lr"
            )
        return self.skipped[optimizer]

    def place(self, model: Model) -> Model:
        """Move a model to the device, in the precision's storage type and the device's fast memory layout."""
        if self.precision == "fp64":
            model = model.double()
        if self.device.type not in ("cpu", "cuda") or self.precision == "fp64":
            self.channels_last = False
        if self.device.type == "cpu" and any(isinstance(module, nn.InstanceNorm2d) for module in model.modules()):
            self.channels_last = False  # its gradient would be wrong there (see networks.layers.InstanceNorm)
        if self.device.type == "cuda" and self.channels_last:
            return model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return model.to(self.device)

    def move(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Move a batch to the device; images take the precision's storage type."""
        moved = {}
        for key, value in batch.items():
            if isinstance(value, torch.Tensor):
                value = value.to(self.device, non_blocking=True)
                if self.precision == "fp64" and value.is_floating_point():
                    value = value.double()
                if self.channels_last and value.dim() == 4:
                    value = value.contiguous(memory_format=torch.channels_last)
            moved[key] = value
        return moved

    def state(self) -> dict[str, Any]:
        """What exact resuming needs."""
        return {
            "scalers": {name: s.state_dict() for name, s in self.scalers.items()},
            "skipped": dict(self.skipped),
            "overflows": self.overflows,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        self.skipped, self.overflows = dict(state["skipped"]), state["overflows"]
        for name, values in state["scalers"].items():
            scaler = self.scaler(name)
            if scaler is not None:
                scaler.load_state_dict(values)


def fuse(optimizers: dict[str, Optimizer]) -> None:
    """Let optimizers that can do so update all their weights in one fused kernel.

    Only where the plugin left the choice open; the result is the same to rounding.
    """
    for optimizer in optimizers.values():
        if not isinstance(optimizer, (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.optim.Adagrad)):
            continue
        for group in optimizer.param_groups:
            if group.get("fused") is None and group.get("foreach") is None and not group.get("differentiable"):
                group["fused"] = True
                optimizer._step_supports_amp_scaling = True  # type: ignore[union-attr]


def configure(device: torch.device, deterministic: bool) -> None:
    """Set this process's arithmetic: TF32 and tuned convolutions on a GPU, or exact repeatability."""
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS repeats itself only with a fixed workspace
    torch.use_deterministic_algorithms(deterministic)
    if device.type == "cuda":
        torch.set_float32_matmul_precision("highest" if deterministic else "high")
        torch.backends.cudnn.allow_tf32 = not deterministic
        torch.backends.cudnn.benchmark = not deterministic


def compile_networks(model: Model) -> list[str]:
    """Compile a model's networks in place, so that weight names stay; return the names of those compiled.

    Those in `model.eager` are left alone: a compiled graph cannot be differentiated twice.
    """
    import torch._functorch.config as functorch

    functorch.donated_buffer = False  # the graph that two optimizers share is walked back once for each
    compiled = []
    for name, child in model.named_children():
        if name not in model.eager and any(True for _ in child.parameters()) and not isinstance(child, nn.ModuleList):
            child.compile()
            compiled.append(name)
    return compiled
