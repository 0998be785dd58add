"""Learning-rate curves against the rates that the reference codes use, epoch by epoch."""

from __future__ import annotations

import pytest

from i2i import linear_decay


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("cyclegan_epoch_lr", linear_decay(0.5, stages=200)),
        ("cyclegan_epoch_lr_variant", linear_decay(99 / 200, stages=200, to_zero=True)),
        ("pix2pixhd_epoch_lr", linear_decay(101 / 200, stages=200)),
    ],
)
def test_rates_of_the_references(golden, name, factor):
    for epoch, rate in golden.load("schedules")[name].items():
        for within in (0, 0.5, 0.999):
            assert 2e-4 * factor((int(epoch) - 1 + within) / 200) == pytest.approx(rate, abs=1e-15)


def test_stairs_follow_the_line():
    line = linear_decay(0.5)
    assert [line(f) for f in (0, 0.5, 0.75, 1)] == [1, 1, 0.5, 0]
    for stages in (1, 7, 1000):
        stairs = linear_decay(0.5, stages)
        values = [stairs(i / 5000) for i in range(5000)]
        assert values == sorted(values, reverse=True)
        assert max(abs(v - line(i / 5000)) for i, v in enumerate(values)) <= 2 / stages


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("to_zero", [False, True])
def test_ends_of_the_range(start, to_zero):
    factor = linear_decay(start, 10, to_zero)
    assert factor(0) == 1 if start else factor(0) < 1
    assert 0 <= factor(0.999) <= 1
    with pytest.raises(ValueError, match=r"linear_decay\(start=2\) is outside 0-1"):
        linear_decay(2)
