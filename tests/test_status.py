import io
import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2i.status import WARM_UP, Pace, StatusLine, duration, fit, number, summary


class Clock:
    """A clock that goes on only when told."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    """A terminal that keeps what a person would see."""

    def isatty(self):
        return True

    def screen(self):
        """The lines on the screen, played through as a terminal does."""
        lines, column = [""], 0
        for char in self.getvalue():
            if char == "\n":
                lines.append("")
            if char in "\r\n":
                column = 0
                continue
            lines[-1] = lines[-1][:column] + char + lines[-1][column + 1 :]
            column += 1
        return [line.rstrip() for line in lines]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.34, "0.3 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (372, "6 min 12 s"),
        (3599.6, "1 h 00 min"),
        (11100, "3 h 05 min"),
        (86399, "1 d 0 h"),
        (187200, "2 d 4 h"),
        (-3, "0 s"),
    ],
)
def test_durations_read_as_people_say_them(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.000"),
        (0.31234, "0.312"),
        (0.00001, "1.0e-05"),
        (4.213, "4.21"),
        (-12.5, "-12.50"),
        (152.4, "152"),
        (123456, "1.2e+05"),
        (math.nan, "nan"),
        (math.inf, "inf"),
    ],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


def test_summary_adds_the_terms_of_each_optimizer():
    terms = {"generators/gan": 0.25, "generators/cycle": 4.0, "discriminators/a": 0.5, "pixels": 0.125}
    assert summary(terms) == ["generators 4.25", "discriminators 0.500", "pixels 0.125"]
    assert summary({"generator/l1": 1.5, "generator/gan": 0.5}) == ["l1 1.50", "gan 0.500"]


@given(
    st.lists(st.tuples(st.integers(0, 6), st.text(min_size=1, max_size=20)), min_size=1, max_size=8), st.integers(1, 90)
)
def test_fit_never_exceeds_the_width_and_keeps_the_most_important(parts, width):
    line = fit(parts, width)
    assert len(line) <= width
    best = min(range(len(parts)), key=lambda i: parts[i][0])
    assert parts[best][1][:width] in line


def test_pace_is_not_fooled_by_slow_first_steps():
    clock = Clock()
    pace = Pace(clock)
    assert pace.step_seconds is None
    for index in range(WARM_UP + 10):
        clock.now += 20 if index < WARM_UP else 0.5
        pace.add("train", 0.1)
    assert pace.step_seconds == pytest.approx(0.5)
    assert pace.waiting == pytest.approx(0.2)


def test_pace_starts_anew_in_each_phase():
    clock = Clock()
    pace = Pace(clock)
    for phase, seconds in (("coarse", 0.1), ("fine", 2.0)):
        for _ in range(30):
            clock.now += seconds
            pace.add(phase, 0)
    assert pace.step_seconds == pytest.approx(2.0)


def test_pace_leaves_out_pauses_and_the_eta_counts_them():
    clock = Clock()
    pace = Pace(clock)
    for _ in range(100):
        clock.now += 1
        with pace.paused():
            clock.now += 1
        pace.add("train", 0)
    assert pace.step_seconds == pytest.approx(1)
    assert pace.left(50) == pytest.approx(100)


def test_eta_waits_for_a_minute_or_a_steady_pace():
    clock, chance = Clock(), random.Random(0)
    steady, wild = Pace(clock), Pace(clock)
    for index in range(24):
        clock.now += 0.5
        steady.add("train", 0)
        assert (steady.left(10) is None) == (index < 22)  # 3 of warm-up, then 20
    assert steady.left(10) == pytest.approx(5)
    for _ in range(40):
        clock.now += chance.choice([0.1, 1.5])
        wild.add("train", 0)
    assert wild.left(10) is None
    clock.now += 60
    assert wild.left(10) is not None


def test_the_mean_follows_the_last_half_minute():
    clock = Clock()
    pace = Pace(clock)
    for seconds in [0.1] * 1000 + [0.2] * 400:
        clock.now += seconds
        pace.add("train", seconds / 4)
    assert pace.step_seconds == pytest.approx(0.2)
    assert pace.waiting == pytest.approx(0.25)
    assert len(pace._window) <= 152  # 30 s of it


def test_terminal_line_is_rewritten_and_messages_stand_above(monkeypatch):
    clock, stream = Clock(), Terminal()
    monkeypatch.setenv("COLUMNS", "60")
    line = StatusLine(stream, clock=clock)
    line.show([(0, "step 1/9"), (1, "a longer text that goes away")])
    line.show([(0, "step 2/9")])
    line.say("Saved.\nIt went well.")
    line.show([(0, "step 3/9")])
    line.close()
    assert stream.screen() == ["Saved.", "It went well.", "step 3/9", ""]


def test_terminal_line_fits_a_narrow_terminal(monkeypatch):
    stream = Terminal()
    monkeypatch.setenv("COLUMNS", "24")
    StatusLine(stream, clock=Clock()).show([(0, "step 2/9"), (2, "generators 4.21"), (1, "ETA 3 s")])
    assert stream.getvalue() == "\rstep 2/9  ETA 3 s"


def test_plain_lines_come_ten_seconds_apart_then_rarer():
    clock, stream = Clock(), io.StringIO()
    line = StatusLine(stream, clock=clock)
    shown = []
    for _ in range(40_000):
        if line.due:
            line.show([(0, "step")])
            shown.append(clock.now)
        clock.now += 1
    gaps = [b - a for a, b in itertools.pairwise(shown)]
    assert gaps[0] == 10
    assert max(gaps) == 300
    assert stream.getvalue() == "step\n" * len(shown)
    assert len(shown) < 400


def test_quiet_shows_no_line():
    stream = io.StringIO()
    line = StatusLine(stream, quiet=True)
    assert not line.due
    line.show([(0, "step")])
    line.close()
    assert stream.getvalue() == ""


def test_no_stream_at_all_is_survived():
    line = StatusLine(None)  # what sys.stderr is after 2>&-
    line.show([(0, "step")])
    line.say("Saved.")
    line.close()


def test_a_closed_terminal_is_survived():
    class Closed(Terminal):
        def write(self, text):
            raise BrokenPipeError

    line = StatusLine(Closed())
    line.show([(0, "step")])
    line.say("Saved.")
    line.close()


def test_a_stream_without_accents_is_written_to():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    StatusLine(stream).say("été")
    assert raw.getvalue() == b"?t?\n"
