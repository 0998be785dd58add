"""The stream is a function of (seed, sample number), however it is loaded."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from i2i.data import Stream, open_dataset
from i2i.data.dataset import Dataset
from i2i.data.stream import default_workers, permutation
from i2i.data.transforms import train_transform
from i2i.errors import DataLost
from i2i.settings import Settings

SETTINGS = Settings(image_size=8, flip_vertical=True)


@pytest.fixture
def dataset(tmp_path: Path, draw) -> Dataset:
    for domain in ("a", "b"):
        for index in range(11):
            draw(tmp_path / "set" / domain / f"{domain}{index}.png", (10, 14))
    return open_dataset(tmp_path / "set", ("unpaired",), "train", SETTINGS)


def stream(dataset: Dataset, **changes: object) -> Stream:
    values = {"seed": 3, "batch_size": 4, "workers": 0} | changes
    return Stream(dataset, train_transform(SETTINGS, 8, (0.0, 255.0)), **values)  # type: ignore[arg-type]


def take(source: Stream, count: int) -> list[torch.Tensor]:
    """Batches of both domains side by side."""
    batches = [torch.cat([batch["a"], batch["b"]], dim=1) for batch in itertools.islice(source, count)]
    source.close()
    return batches


def equal(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> bool:
    return len(ours) == len(theirs) and all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


@given(st.integers(0, 2**40), st.integers(0, 1000), st.integers(1, 400))
def test_an_epoch_is_a_permutation_of_its_own(seed: int, epoch: int, length: int) -> None:
    order = permutation(seed, epoch, length)
    assert sorted(order) == list(range(length))
    assert (order == permutation(seed, epoch, length)).all()
    assert length < 20 or (order != permutation(seed, epoch + 1, length)).any()


def test_a_stream_resumes_where_another_was(dataset: Dataset) -> None:
    whole = take(stream(dataset), 6)
    assert equal(take(stream(dataset, first=8), 4), whole[2:])
    assert equal(take(stream(dataset), 6), whole)
    assert not equal(take(stream(dataset, seed=4), 6), whole)


def test_batches_are_full_across_epochs_and_differ(dataset: Dataset) -> None:
    batches = take(stream(dataset), 8)
    assert {batch.shape for batch in batches} == {(4, 6, 8, 8)}
    assert len({tuple(batch.flatten().tolist()) for batch in batches}) == 8


def test_ranks_take_slices_of_the_global_batch(dataset: Dataset) -> None:
    whole = take(stream(dataset), 3)
    halves = [take(stream(dataset, rank=rank, ranks=2), 3) for rank in range(2)]
    assert equal([torch.cat(parts) for parts in zip(*halves, strict=True)], whole)


def test_worker_processes_change_nothing(dataset: Dataset) -> None:
    state = torch.get_rng_state()
    loaded = take(stream(dataset, workers=2), 5)
    assert equal(loaded, take(stream(dataset), 5))
    assert torch.equal(state, torch.get_rng_state())


def test_waiting_is_measured(dataset: Dataset) -> None:
    source = stream(dataset)
    next(source)
    assert source.take_waited() > 0
    assert source.take_waited() == 0
    source.close()
    with pytest.raises(StopIteration):
        next(source)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_vanished_is_named_without_a_traceback(dataset: Dataset, workers: int) -> None:
    import shutil

    from i2i import places

    shutil.rmtree(places.cache() / "decoded")
    shutil.rmtree(dataset.root / "b")
    source = stream(dataset, workers=workers)
    with pytest.raises(DataLost, match=r"/b/b\d+.png cannot be opened: No such file or directory$"):
        take(source, 3)
    source.close()


def test_what_cannot_be_is_refused(dataset: Dataset) -> None:
    with pytest.raises(ValueError, match="--batch-size 5 cannot be shared by 2 processes; use --batch-size 4"):
        stream(dataset, batch_size=5, ranks=2)
    dataset.a = []  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="no unpaired samples to train on"):
        stream(dataset)


def test_workers_fit_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, ranks, expected in ((1, 1, 0), (2, 1, 1), (8, 1, 4), (8, 2, 2), (64, 1, 8)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, n=cores: set(range(n)), raising=False)
        assert default_workers(ranks) == expected


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs Unix process groups")
def test_workers_survive_the_queues_signal_and_die_with_their_parent(tmp_path: Path) -> None:
    """A queue signals every process of a job; the parent still loads its batches then. SIGKILL ends all."""
    program = tmp_path / "parent.py"
    program.write_text(
        textwrap.dedent("""
        import itertools, signal, sys, time
        import numpy as np, torch
        from pathlib import Path
        from i2i.data.stream import Stream

        class Ones:
            kind, root = "images", Path(".")
            def __len__(self): return 3
            def sample(self, index, rng, transform): return {"image": torch.ones(1)}

        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: None)
        stream = Stream(Ones(), None, seed=0, batch_size=1, workers=1)
        next(stream)
        (worker,) = stream._batches._workers
        print(worker.pid, flush=True)
        sys.stdin.readline()
        for _ in range(30):
            next(stream)
        print("loaded", flush=True)
        time.sleep(60)
        """)
    )
    parent = subprocess.Popen(
        [sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    os.killpg(parent.pid, signal.SIGINT)
    os.killpg(parent.pid, signal.SIGTERM)
    time.sleep(0.2)
    parent.stdin.write("go\n")
    parent.stdin.flush()
    assert parent.stdout.readline() == "loaded\n"
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _alive(worker):
        time.sleep(0.1)
    assert not _alive(worker)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_strings_are_collected_and_numbers_stacked() -> None:
    from i2i.data.stream import collate

    batch = collate(
        [{"image": torch.zeros(1, 2, 2), "caption": "one"}, {"image": torch.ones(1, 2, 2), "caption": "two"}]
    )
    assert batch["caption"] == ["one", "two"]  # type: ignore[index]
    assert batch["image"].shape == (2, 1, 2, 2)  # type: ignore[index]
