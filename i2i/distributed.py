"""Several processes as one: who am I, gather, average. Started by torchrun; without it there is one rank."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

_BUCKET_ELEMENTS = 8_000_000  # elements averaged in one message: large enough to amortise it, small enough for memory


def active() -> bool:
    """Whether several processes train together."""
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    """This process's number, from 0."""
    return dist.get_rank() if active() else 0


def ranks() -> int:
    """How many processes train together."""
    return dist.get_world_size() if active() else 1


def ranks_asked() -> int:
    """How many processes torchrun was asked for; known before they have met."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def setup(device: torch.device) -> torch.device:
    """Join the processes that torchrun started; return this rank's device. Without torchrun: nothing."""
    if ranks_asked() < 2 or active():
        return device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timedelta(minutes=30))
    return device


def shutdown() -> None:
    """Leave the group, so that the process can end."""
    if active():
        dist.destroy_process_group()


def gather(tensor: Tensor) -> Tensor:
    """Concatenate a tensor (N, ...) of every rank along its first axis, in rank order, without gradients."""
    if ranks() == 1:
        return tensor.detach()
    parts = [torch.empty_like(tensor, memory_format=torch.contiguous_format) for _ in range(ranks())]
    dist.all_gather(parts, tensor.detach().contiguous())
    return torch.cat(parts)


def total(tensor: Tensor) -> Tensor:
    """Sum a tensor over ranks, into a new one, without gradients."""
    summed = tensor.detach().clone(memory_format=torch.contiguous_format)
    if ranks() > 1:
        dist.all_reduce(summed)
    return summed


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace each gradient by its mean over ranks.

    A gradient that only some ranks have counts as zeros on the others; one that no rank has stays absent, as it
    would in a single process.
    """
    if ranks() == 1:
        return
    parameters = list(parameters)
    device = parameters[0].device
    present = torch.tensor([p.grad is not None for p in parameters], dtype=torch.uint8, device=device)
    dist.all_reduce(present, dist.ReduceOp.MAX)
    wanted = [p for p, has in zip(parameters, present.tolist(), strict=True) if has]
    for p in wanted:
        if p.grad is None:
            p.grad = torch.zeros_like(p)
    bucket: list[Tensor] = []
    for index, p in enumerate(wanted):
        assert p.grad is not None
        bucket.append(p.grad)
        last = index + 1 == len(wanted) or wanted[index + 1].dtype != p.dtype
        if last or sum(g.numel() for g in bucket) >= _BUCKET_ELEMENTS:
            _average(bucket)
            bucket = []


def _average(gradients: list[Tensor]) -> None:
    flat = torch.cat([g.reshape(-1) for g in gradients])
    dist.all_reduce(flat)
    flat /= ranks()
    offset = 0
    for g in gradients:
        g.copy_(flat[offset : offset + g.numel()].view_as(g))
        offset += g.numel()


def average(values: Tensor) -> Tensor:
    """Mean of numbers over ranks: what a single process with the global batch would log."""
    if ranks() > 1:
        dist.all_reduce(values)
    return values / ranks()


def agree(flags: list[bool], device: torch.device) -> list[bool]:
    """Settle decisions that depend on a clock or a signal: true where any rank says so.

    Ranks that stopped at different steps would wait for each other for ever.
    """
    if ranks() == 1:
        return flags
    votes = torch.tensor(flags, dtype=torch.uint8, device=device)
    dist.all_reduce(votes, dist.ReduceOp.MAX)
    return [bool(v) for v in votes.tolist()]


def broadcast_(tensors: Iterable[Tensor]) -> None:
    """Copy rank 0's values into every rank's tensors."""
    if ranks() > 1:
        for tensor in tensors:
            dist.broadcast(tensor.data, 0)


def share(value: str) -> str:
    """Rank 0's text, on every rank."""
    if ranks() == 1:
        return value
    held = [value]
    dist.broadcast_object_list(held, 0)
    return held[0]


def barrier() -> None:
    """Wait for every rank."""
    if ranks() > 1:
        dist.barrier()
