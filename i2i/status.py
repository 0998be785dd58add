"""The line that says how a run is going: its pace, what is left, the losses; on a terminal or in a log file."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

WARM_UP = 3  # steps of a phase whose time says nothing: kernels are chosen, workers start, networks are compiled
WINDOW_SECONDS, WINDOW_STEPS = 30.0, 20  # the pace is a mean over at least both
REDRAW_SECONDS = 0.1
PLAIN_SECONDS = 10.0  # between lines where there is no terminal, at first


class Pace:
    """How fast steps go, without the warm-up of a phase and without what `paused` measures."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = self._last = clock()
        self._paused = 0.0  # since the last step
        self._paused_before = 0.0
        self._steps = 0
        self._phase: str | None = None
        self._skipped = 0
        self._window: deque[tuple[float, float]] = deque()  # (seconds, seconds waited for data) a step
        self._total = self._waited = 0.0  # sums over the window

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the time of this block (a preview, a checkpoint) out of the pace; the ETA still counts it."""
        start = self._clock()
        try:
            yield
        finally:
            self._paused += self._clock() - start

    def add(self, phase: str, waited: float) -> None:
        """Count a step that has just ended, of which `waited` seconds went by without data."""
        now = self._clock()
        seconds = max(now - self._last - self._paused, 1e-9)
        self._paused_before += self._paused
        self._last, self._paused, self._steps = now, 0.0, self._steps + 1
        if phase != self._phase:
            self._phase, self._skipped = phase, 0
            self._clear()
        self._skipped += 1
        if self._skipped == 1:
            return
        if self._skipped == WARM_UP + 1:  # steps 2 and 3 count only until there are better ones
            self._clear()
        self._push(seconds, min(waited, seconds))
        while len(self._window) > WINDOW_STEPS and self._total - self._window[0][0] > WINDOW_SECONDS:
            old_seconds, old_waited = self._window.popleft()
            self._total -= old_seconds
            self._waited -= old_waited

    def _push(self, seconds: float, waited: float) -> None:
        self._window.append((seconds, waited))
        self._total += seconds
        self._waited += waited

    def _clear(self) -> None:
        self._window.clear()
        self._total = self._waited = 0.0

    @property
    def step_seconds(self) -> float | None:
        """Mean seconds a step; None before there is one to go by."""
        return self._total / len(self._window) if self._window else None

    @property
    def waiting(self) -> float | None:
        """Share of the time spent waiting for data, in [0, 1]."""
        return min(max(self._waited / self._total, 0.0), 1.0) if self._window else None

    def left(self, steps: int) -> float | None:
        """Seconds that so many further steps will take; None as long as that is a guess."""
        mean = self.step_seconds
        if mean is None or (self._clock() - self._began < 60 and not self._steady()):
            return None
        return steps * (mean + self._paused_before / self._steps)

    def _steady(self) -> bool:
        """Whether the mean of the window is known to 3 % (its standard error) from 5 seconds or more."""
        count = len(self._window)
        if count < WINDOW_STEPS or self._total < 5:
            return False
        mean = self._total / count
        variance = sum((s - mean) ** 2 for s, _ in self._window) / (count - 1)
        return math.sqrt(variance / count) < 0.03 * mean


class StatusLine:
    """One line that is rewritten on a terminal; elsewhere plain lines, 10 seconds apart at first, then rarer."""

    def __init__(self, stream: TextIO | None, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream: Any = stream
        self._quiet = quiet
        self._clock = clock
        self._terminal = bool(getattr(stream, "isatty", lambda: False)())
        self._began = clock()
        self._shown = -math.inf
        self._line = ""

    @property
    def due(self) -> bool:
        """Whether enough time has gone by for the line to be shown again."""
        if self._quiet:
            return False
        now = self._clock()
        interval = REDRAW_SECONDS if self._terminal else max(PLAIN_SECONDS, min((now - self._began) / 50, 300))
        return now - self._shown >= interval

    def show(self, parts: list[tuple[int, str]]) -> None:
        """Show the parts, (rank, text) in order; a narrow terminal loses the highest ranks first."""
        if self._quiet:
            return
        self._shown = self._clock()
        if not self._terminal:
            self._write("  ".join(text for _, text in parts) + "\n")
            return
        width = self._width() - 1
        line = fit(parts, width)
        self._write("\r" + line.ljust(min(len(self._line), width)))
        self._line = line

    def say(self, text: str) -> None:
        """Print a message on lines of its own, above the status line."""
        if not self._line:
            self._write(text + "\n")
            return
        first, *rest = text.split("\n")
        self._write("\r" + "\n".join([first.ljust(len(self._line)), *rest]) + "\n" + self._line)

    def close(self) -> None:
        """Leave the last line standing."""
        if self._line:
            self._write("\n")
            self._line = ""

    def _width(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except (OSError, ValueError, AttributeError):
            return shutil.get_terminal_size().columns

    def _write(self, text: str) -> None:
        """Write, whatever the stream can take: a closed terminal, or none at all, must not end a run."""
        try:
            encoding = getattr(self._stream, "encoding", None) or "utf-8"
            self._stream.write(text.encode(encoding, "replace").decode(encoding))
            self._stream.flush()
        except (OSError, ValueError, AttributeError):  # Python has None for a stderr that was closed before it began
            self._quiet = True


def fit(parts: list[tuple[int, str]], width: int) -> str:
    """Join the parts of lowest rank that fit into the width, in their order; the last one left is cut if need be."""
    chosen = list(parts)
    while len(chosen) > 1 and len("  ".join(text for _, text in chosen)) > width:
        worst = max(range(len(chosen)), key=lambda i: (chosen[i][0], i))
        del chosen[worst]
    return "  ".join(text for _, text in chosen)[: max(width, 1)]


def summary(terms: Mapping[str, float]) -> list[str]:
    """Say the losses in few numbers: the sum of each optimizer's terms, or the terms themselves if there is one."""
    groups: dict[str, dict[str, float]] = {}
    for name, value in terms.items():
        group, slash, term = name.rpartition("/")
        groups.setdefault(group if slash else "", {})[term] = value
    named = [group for group in groups if group]
    if len(named) < 2:
        return [f"{term} {number(value)}" for group in groups.values() for term, value in group.items()]
    sums = [f"{group} {number(sum(groups[group].values()))}" for group in named]
    return sums + [f"{term} {number(value)}" for term, value in groups.get("", {}).items()]


def number(value: float) -> str:
    """Write a loss in four or so characters: `0.312`, `4.21`, `152`, `1.2e+05`, `nan`."""
    size = abs(value)
    if not math.isfinite(value):
        return str(value)
    if size < 1:
        return f"{value:.3f}" if size >= 0.0005 or value == 0 else f"{value:.1e}"
    return f"{value:.2f}" if size < 100 else f"{value:.0f}" if size < 10_000 else f"{value:.1e}"


def rate(value: float) -> str:
    """Write images a second: `0.41`, `8.3`, `1,204`."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Write a time as people do: `0.4 s`, `42 s`, `6 min 12 s`, `3 h 05 min`, `2 d 4 h`."""
    if 0 < seconds < 0.95:
        return f"{seconds:.1f} s"
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(whole / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(whole / 3600)
    return f"{hours // 24} d {hours % 24} h"
