"""What the loop does beside training: due times, watches, losses that are no numbers, modes put back."""

from __future__ import annotations

import os
import signal
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import i2i
from i2i import keeper
from i2i.device import Engine
from i2i.keeper import Due, Interrupt, Keeper, NonFinite, Watcher
from i2i.model import Watch, evaluating
from i2i.plugins import registry


def test_steps_and_times_fall_due(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(keeper.time, "monotonic", lambda: now[0])
    by_steps, by_time = Due("3"), Due("10s")
    assert [by_steps(step) for step in range(1, 7)] == [False, False, True, False, False, True]
    seen = []
    for now[0] in (4, 9, 10, 12, 19, 21):
        seen.append(by_time(0))
    assert seen == [False, False, True, False, False, True]


def test_a_watch_speaks_once_after_a_long_stay_beyond_its_bound() -> None:
    watcher = Watcher([Watch("d/a", below=0.1, steps=30, advice="do this")])
    values = [0.05, 0.2, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05]
    said = [watcher.look(10 * i, {"d/a": value}) for i, value in enumerate(values)]
    assert said == [[], [], [], [], [], ["d/a has been below 0.1 for 30 steps: do this"], [], []]


def test_the_first_bad_step_is_named_with_its_terms() -> None:
    pending = {
        7: {"g/l1": torch.tensor(1.0), "d/a": torch.tensor(2.0)},
        8: {"g/l1": torch.tensor(float("nan")), "d/a": torch.tensor(3.0)},
        9: {"g/l1": torch.tensor(float("nan")), "d/a": torch.tensor(float("inf"))},
    }
    kept = Keeper.__new__(Keeper)
    kept.engine = Engine()
    with pytest.raises(NonFinite, match=r"^g/l1 became nan at step 8$"):
        kept.fetch(pending)
    del pending[8], pending[9]
    assert kept.fetch(pending) == {"g/l1": 1.0, "d/a": 2.0}
    assert kept.fetch({}) == {}


def test_evaluating_puts_every_mode_back() -> None:
    net = nn.Sequential(nn.Dropout(), nn.Sequential(nn.BatchNorm2d(3)))
    net[1].eval()
    with evaluating(net):  # type: ignore[arg-type]
        assert not any(module.training for module in net.modules())
        assert torch.is_inference_mode_enabled()
    assert net.training
    assert net[0].training
    assert not net[1].training


def test_the_first_signal_is_a_wish_and_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupt.asked
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
def test_a_closed_terminal_is_a_wish_too_unless_nohup_forbids(capfd: pytest.CaptureFixture[str]) -> None:
    with Interrupt(loud=True) as interrupt:
        os.kill(os.getpid(), signal.SIGHUP)
        assert interrupt.asked
        os.kill(os.getpid(), signal.SIGTERM)
    assert capfd.readouterr().err.count("Ctrl-C again quits at once") == 1
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupt.asked
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_metric_that_fails_is_reported_and_loses_no_training() -> None:
    said: list[tuple[str, bool]] = []
    kept = Keeper.__new__(Keeper)
    kept.model = SimpleNamespace(metric="no-such-metric")  # type: ignore[assignment]
    kept.run = SimpleNamespace(kind="paired", held_back=object(), figures={})  # type: ignore[assignment]
    kept.log = SimpleNamespace(paused=nullcontext, say=lambda text, warning=False: said.append((text, warning)))  # type: ignore[assignment]
    kept.measure()
    ((text, warning),) = said
    assert text.startswith('no figure was measured: LookupError: there is no metric "no-such-metric"')
    assert warning


def test_an_observer_that_fails_at_every_step_is_told_once() -> None:
    class Failing:
        @staticmethod
        @i2i.hookimpl
        def step_finished(run: object, progress: object, losses: object) -> None:
            raise RuntimeError("no")

    said: list[str] = []
    log = SimpleNamespace(say=lambda text, warning=False: said.append(text))
    kept = Keeper(SimpleNamespace(step=1), SimpleNamespace(watches=()), Engine(), {}, log)  # type: ignore[arg-type]
    manager = registry().manager
    manager.register(Failing, name="failing")
    try:
        for _ in range(3):
            kept.observe(None, {})  # type: ignore[arg-type]
    finally:
        manager.unregister(Failing)
    assert said == ["a plugin's step_finished() failed: RuntimeError: no"]
