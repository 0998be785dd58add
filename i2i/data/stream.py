"""The endless stream of batches: sample number n of a run is a function of (seed, n), whoever loads it."""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from i2i.data.dataset import Dataset, Transform
from i2i.data.joint import Joint
from i2i.errors import DataLost
from i2i.model import Batch

_ORDER = 0x6F72646572  # keeps the draws of the order apart from those of the samples


def permutation(seed: int, epoch: int, length: int) -> np.ndarray:
    """The order of an epoch's samples: a permutation of 0 to length - 1, a function of (seed, epoch)."""
    return np.random.default_rng([seed, epoch, _ORDER]).permutation(length)


class Stream:
    """Iterate over batches without end.

    Sample number n has the index permutation(seed, n // len)[n % len] and draws from default_rng([seed, n]). A batch
    holds `batch_size` samples over all ranks, of which each rank gets its slice. Data sets trained on jointly take
    turns, a batch each; every part counts its own samples, and the batch says in `part` (int) whose it is.
    """

    def __init__(
        self,
        dataset: Dataset,
        transform: Transform,
        *,
        seed: int,
        batch_size: int,
        first: int = 0,
        rank: int = 0,
        ranks: int = 1,
        workers: int | None = None,
        pin_memory: bool = False,
    ) -> None:
        """Start at sample number `first`. `workers` processes load ahead; None lets the machine decide, 0 is none.

        Raises ValueError when there is nothing to draw from or the batch cannot be shared by the ranks.
        """
        if len(dataset) == 0:
            raise ValueError(f"there are no {dataset.kind} samples to train on in {dataset.root}")
        if batch_size % ranks:
            near = max(ranks, round(batch_size / ranks) * ranks)
            raise ValueError(
                f"--batch-size {batch_size} cannot be shared by {ranks} processes; use --batch-size {near}"
            )
        workers = default_workers(ranks) if workers is None else workers
        numbers = _Numbers(first, batch_size, rank, ranks)
        self.workers = workers
        self._waited = 0.0
        self._batches: Iterator[Any] | None = iter(
            DataLoader(
                _Samples(dataset, transform, seed, batch_size, first % batch_size),
                batch_sampler=numbers,  # type: ignore[arg-type]
                collate_fn=collate,
                num_workers=workers,
                prefetch_factor=4 if workers else None,
                pin_memory=pin_memory,
                worker_init_fn=_Worker(os.getpid()) if workers else None,
                generator=torch.Generator().manual_seed(seed),  # else it would draw from torch's own
            )
        )
        if workers:
            _close_at_exit(self)

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Batch:
        """The next batch, images as (N, C, H, W). Raises DataLost for a file that has become unreadable."""
        if self._batches is None:
            raise StopIteration
        start = time.perf_counter()
        try:
            batch = next(self._batches)
        except RuntimeError as error:
            if not lost_worker(error):
                raise
            raise DataLost(LOST_WORKER) from error
        finally:
            self._waited += time.perf_counter() - start
        if isinstance(batch, _Failure):
            raise DataLost(str(batch.error))
        return batch

    def take_waited(self) -> float:
        """Seconds spent waiting for data since this was last asked."""
        waited, self._waited = self._waited, 0.0
        return waited

    def close(self) -> None:
        """End the worker processes; the stream is over."""
        self._batches = None  # the loader's iterator stops its workers when it goes


LOST_WORKER = "a process that loads data was ended from outside, as happens when memory runs out; use fewer --workers"


def lost_worker(error: RuntimeError) -> bool:
    """Whether torch says so of a worker: it does in a signal handler, in the midst of whatever the parent does."""
    return "DataLoader worker" in str(error) and ("exited unexpectedly" in str(error) or "by signal" in str(error))


def default_workers(ranks: int = 1) -> int:
    """How many processes load data: half of this rank's cores, one at least where there are two, eight at most."""
    available = getattr(os, "sched_getaffinity", None)
    cores = (len(available(0)) if available else os.cpu_count() or 1) // ranks
    return min(8, cores // 2)


def collate(samples: list[Batch]) -> Batch | _Failure:
    """Stack samples into a batch; what is not a tensor becomes a list."""
    for sample in samples:
        if isinstance(sample, _Failure):
            return sample
    batch: Batch = {
        key: torch.stack([sample[key] for sample in samples])
        if isinstance(first, torch.Tensor)
        else [sample[key] for sample in samples]
        for key, first in samples[0].items()
    }
    if "part" in batch:  # the same of all
        batch["part"] = samples[0]["part"]
    return batch


class _Failure:
    """An error on its way out of a worker, without the traceback that torch would wrap it in."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class _Numbers:
    """Sample numbers, a rank's share of a batch at a time, without end."""

    def __init__(self, first: int, batch_size: int, rank: int, ranks: int) -> None:
        self.first = first
        self.batch_size = batch_size
        share = batch_size // ranks
        self.mine = range(rank * share, (rank + 1) * share)

    def __iter__(self) -> Iterator[list[int]]:
        start = self.first
        while True:
            yield [start + offset for offset in self.mine]
            start += self.batch_size


class _Samples(TorchDataset):
    """Samples by their number in the run."""

    def __init__(self, dataset: Dataset, transform: Transform, seed: int, batch_size: int, origin: int) -> None:
        self.dataset = dataset
        self.transform = transform
        self.seed = seed
        self.batch_size = batch_size
        self.origin = origin  # number of the first sample of a batch
        self._orders: dict[int, tuple[int, np.ndarray]] = {}  # part -> epoch and its order

    def __getitem__(self, number: int) -> Batch | _Failure:
        rng = np.random.default_rng([self.seed, number])
        try:
            if not isinstance(self.dataset, Joint):
                return self.dataset.sample(self._index(number, 0, len(self.dataset)), rng, self.transform)
            batch, offset = divmod(number - self.origin, self.batch_size)
            turn, part = divmod(batch, len(self.dataset.parts))
            index = self._index(turn * self.batch_size + offset, part, len(self.dataset.parts[part]))
            return self.dataset.sample_of(part, index, rng, self.transform)
        except (ValueError, OSError) as error:
            return _Failure(type(error)(str(error)) if type(error) in (ValueError, OSError) else ValueError(str(error)))

    def _index(self, number: int, part: int, length: int) -> int:
        epoch, position = divmod(number, length)
        if part not in self._orders or self._orders[part][0] != epoch:
            self._orders[part] = epoch, permutation(self.seed, epoch, length)
        return int(self._orders[part][1][position])


class _Worker:
    """Prepare a worker process: one thread, deaf to what the terminal and the queue send, gone with its parent."""

    def __init__(self, parent: int) -> None:
        self.parent = parent

    def __call__(self, worker: int) -> None:
        import cv2

        torch.set_num_threads(1)
        cv2.setNumThreads(0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent saves first and then closes the stream
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, _only_the_second)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while os.getppid() == self.parent or os.name == "nt":
            time.sleep(1)
        os._exit(1)


def _only_the_second(signum: int, frame: Any) -> None:
    """Let a queue's SIGTERM, which goes to every process of a job, pass once: the parent still needs its batches."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _close_at_exit(stream: Stream) -> None:
    """Stop the workers before multiprocessing's own end, which would wait for them."""
    reference = weakref.ref(stream)

    def close() -> None:
        if (alive := reference()) is not None:
            alive.close()

    atexit.register(close)
    weakref.finalize(stream, atexit.unregister, close)
