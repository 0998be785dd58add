"""The image pool: history, chance, ranks and resuming."""

from __future__ import annotations

import torch

from i2i.model import Phase, Progress
from i2i.networks import ImagePool


def progress(step, rank=0, ranks=1):
    return Progress(Phase("train"), step, 1000, run_step=step, seed=5, rank=rank, ranks=ranks)


def pictures(step, count=1):
    return torch.arange(step * count, (step + 1) * count).float().view(-1, 1, 1, 1).expand(-1, 3, 2, 2).clone()


def test_no_pool_passes_through_detached():
    images = pictures(0).requires_grad_()
    answer = ImagePool(0).query(images, progress(0))
    assert torch.equal(answer, images)
    assert not answer.requires_grad


def test_fills_then_swaps_half():
    pool = ImagePool(10)
    fresh = swapped = 0
    seen = set()
    for step in range(1000):
        images = pictures(step).requires_grad_()
        answer = pool.query(images, progress(step))
        assert not answer.requires_grad
        value = int(answer[0, 0, 0, 0])
        if step < 10:
            assert value == step
        elif value == step:
            fresh += 1
        else:
            assert value not in seen
            seen.add(value)  # what is handed back has left the pool
            swapped += 1
    assert abs(swapped / (fresh + swapped) - 0.5) < 0.05


def test_stored_pictures_are_copies():
    pool = ImagePool(1)
    images = pictures(7)
    pool.query(images, progress(0))
    images.zero_()
    assert pool.resume_state()["stored"][0].max() == 7


def test_resumed_pool_goes_on_the_same():
    whole, first = ImagePool(4), ImagePool(4)
    for step in range(30):
        whole.query(pictures(step, 2), progress(step))
        first.query(pictures(step, 2), progress(step))
    second = ImagePool(4)
    second.load_resume_state(first.resume_state())
    assert not second.state_dict()
    for step in range(30, 60):
        expected = whole.query(pictures(step, 2), progress(step))
        assert torch.equal(second.query(pictures(step, 2), progress(step)), expected)


def test_two_pools_of_one_step_draw_differently():
    pools, answers = (ImagePool(5), ImagePool(5)), ([], [])
    for step in range(60):
        shared = progress(step)
        for pool, values in zip(pools, answers, strict=True):
            values.append(int(pool.query(pictures(step), shared)[0, 0, 0, 0]))
    assert answers[0] != answers[1]


def test_ranks_hold_one_pool(monkeypatch):
    single = ImagePool(3)
    ranks = [ImagePool(3), ImagePool(3)]
    for step in range(40):
        everyone = pictures(step, 4)
        monkeypatch.setattr("i2i.distributed.gather", lambda part, everyone=everyone: everyone)
        expected = single.query(everyone, progress(step))
        parts = [
            pool.query(everyone[2 * rank : 2 * rank + 2], progress(step, rank, 2)) for rank, pool in enumerate(ranks)
        ]
        assert torch.equal(torch.cat(parts), expected)


def test_another_size_empties_the_pool():
    pool = ImagePool(3)
    for step in range(5):
        pool.query(pictures(step), progress(step))
    assert pool.query(torch.zeros(1, 3, 4, 4), progress(5)).shape == (1, 3, 4, 4)
    assert len(pool.resume_state()["stored"]) == 1
