import io
import json
import math
import threading
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from i2i import log
from i2i.log import RunLog

TERMS = {"generators/gan_a": 0.25, "generators/cycle_a": 4.0, "discriminators/a": 0.5}


class Clock:
    def __init__(self):
        self.now = 50.0

    def __call__(self):
        return self.now


def open_log(folder, stream=None, clock=None, **changes):
    settings = {"steps": 200, "batch_size": 4, "steps_per_epoch": 25} | changes
    return RunLog(Path(folder), stream=stream or io.StringIO(), clock=clock or Clock(), **settings)


@pytest.fixture
def no_board(monkeypatch):
    """Leave TensorBoard out: it takes a second to import."""
    monkeypatch.setattr(RunLog, "_tensorboard", lambda *args, **kwargs: None)


def test_every_logged_step_is_a_line_of_json(tmp_path, no_board):
    clock = Clock()
    diary = open_log(tmp_path, clock=clock)
    for step in range(1, 31):
        clock.now += 0.5
        diary.step(step, "train", TERMS if step % 10 == 0 else None, waited=0.05)
    # Read before closing: each line is flushed.
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    diary.close()
    assert [line["step"] for line in lines] == [10, 20, 30]
    last = lines[-1]
    assert last["event"] == "step"
    assert last["phase"] == "train"
    assert last["epoch"] == pytest.approx(30 / 25)
    assert last["images_per_second"] == pytest.approx(8)
    assert last["waiting"] == pytest.approx(0.1)
    assert last["terms"] == TERMS


def test_numbers_that_are_not_finite_stay_valid_json(tmp_path, no_board):
    diary = open_log(tmp_path)
    diary.step(1, "train", {"a": math.nan, "b": -math.inf, "c": 1.0}, 0.0)
    diary.close()

    def refuse(text):
        raise AssertionError(text)

    terms = json.loads((tmp_path / "log.jsonl").read_text(), parse_constant=refuse)["terms"]
    assert terms == {"a": "nan", "b": "-inf", "c": 1.0}
    assert float(terms["b"]) == -math.inf


def test_events_and_messages_carry_the_step(tmp_path, no_board):
    stream = io.StringIO()
    diary = open_log(tmp_path, stream, first_step=7)
    diary.event("resumed", seed=3, path=Path("x"))
    diary.say("Two files skipped.", warning=True)
    diary.close()
    resumed, warning = log.read(tmp_path)
    assert (resumed["event"], resumed["step"], resumed["seed"], resumed["path"]) == ("resumed", 7, 3, "x")
    assert (warning["event"], warning["text"]) == ("warning", "Two files skipped.")
    assert stream.getvalue() == "Two files skipped.\n"


def test_plain_output_has_no_control_characters_and_a_computed_eta(tmp_path, no_board):
    clock, stream = Clock(), io.StringIO()
    diary = open_log(tmp_path, stream, clock)
    for step in range(1, 201):
        clock.now += 0.5
        diary.step(step, "train", TERMS, waited=0.005)
    diary.close()
    lines = stream.getvalue().splitlines()
    assert all(char.isprintable() for line in lines for char in line)
    assert lines[0] == "step 1/200  epoch 0.0  generators 4.25  discriminators 0.500"
    assert (
        lines[2]
        == "step 41/200  epoch 1.6  8 images/s  waiting 1%  ETA 1 min 20 s  generators 4.25  discriminators 0.500"
    )
    assert lines[-1] == "step 200/200  epoch 8.0  8 images/s  waiting 1%  generators 4.25  discriminators 0.500"
    assert len(lines) == 11  # one each 10 s of the 100, and the last


def test_quiet_keeps_the_log_and_the_warnings(tmp_path, no_board):
    stream = io.StringIO()
    diary = open_log(tmp_path, stream, quiet=True)
    diary.step(1, "train", TERMS, 0.0)
    diary.say("All is well.")
    diary.say("It is not.", warning=True)
    diary.close()
    assert stream.getvalue() == "It is not.\n"
    assert [entry["event"] for entry in log.read(tmp_path)] == ["step", "message", "warning"]


def test_tensorboard_holds_the_same_numbers_and_drops_what_was_cut(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def write(first, last, value, **changes):
        diary = open_log(tmp_path, **changes)
        for step in range(first, last + 1):
            diary.step(step, "train", {"generators/gan": value}, 0.0)
        diary.preview(last, [{"a": torch.zeros(3, 8, 8)}])
        diary.close()

    write(1, 8, 1.0)
    log.cut(tmp_path, 5)
    time.sleep(1.1)  # TensorBoard reads files in the order of their names, which have seconds in them
    write(6, 7, 2.0, first_step=5)
    board = EventAccumulator(str(tmp_path / "tensorboard"), purge_orphaned_data=True)
    board.Reload()
    assert [(e.step, e.value) for e in board.Scalars("generators/gan")] == [
        *((step, 1.0) for step in range(1, 6)),
        *((step, 2.0) for step in range(6, 8)),
    ]
    assert [e.step for e in board.Images("preview")] == [7]


def test_tensorboard_that_fails_never_stops_a_run(tmp_path):
    stream = io.StringIO()
    (tmp_path / "tensorboard").write_text("in the way")
    diary = open_log(tmp_path, stream)
    diary.step(1, "train", TERMS, 0.0)
    diary.step(2, "train", TERMS, 0.0)
    diary.close()
    assert stream.getvalue().count("No TensorBoard events from here on") == 1
    assert [entry["step"] for entry in log.read(tmp_path) if entry["event"] == "step"] == [1, 2]


def test_previews_are_written_and_noted(tmp_path, no_board):
    diary = open_log(tmp_path)
    path = diary.preview(1200, [{"a": torch.zeros(3, 8, 8)}])
    diary.close()
    assert path == tmp_path / "previews" / "step-00001200.png"
    (event,) = log.read(tmp_path)
    assert (event["event"], event["step"], event["file"]) == ("preview", 1200, "previews/step-00001200.png")


def test_pauses_do_not_count_as_steps(tmp_path, no_board):
    clock = Clock()
    diary = open_log(tmp_path, clock=clock)
    for step in range(1, 11):
        with diary.paused():
            clock.now += 9
        clock.now += 1
        diary.step(step, "train", TERMS, 0.0)
    diary.close()
    assert list(log.read(tmp_path))[-1]["images_per_second"] == pytest.approx(4)


def test_cut_drops_later_lines_torn_lines_and_later_previews(tmp_path):
    lines = [
        json.dumps({"event": "started", "step": 0}),
        *(json.dumps({"event": "step", "step": s}) for s in (5, 10, 15)),
    ]
    (tmp_path / "log.jsonl").write_text("\n".join(lines) + '\n{"event": "step", "st')
    previews = tmp_path / "previews"
    previews.mkdir()
    for name in ("step-00000005.png", "step-00000015.png", "mine.png"):
        (previews / name).touch()
    log.cut(tmp_path, 10)
    assert (tmp_path / "log.jsonl").read_text() == "\n".join(lines[:3]) + "\n"
    assert sorted(path.name for path in previews.iterdir()) == ["mine.png", "step-00000005.png"]
    assert not list(tmp_path.glob("*.new"))


def test_cut_of_a_run_without_a_log_does_nothing(tmp_path):
    log.cut(tmp_path, 3)
    assert list(tmp_path.iterdir()) == []
    assert list(log.read(tmp_path)) == []


@given(steps=st.lists(st.integers(0, 40), max_size=30), at=st.integers(0, 40), torn=st.integers(0, 400))
def test_a_log_torn_anywhere_is_read_and_cut_to_whole_lines(tmp_path_factory, steps, at, torn):
    folder = tmp_path_factory.mktemp("run")
    whole = "".join(json.dumps({"event": "step", "step": step, "note": "é"}) + "\n" for step in steps)
    (folder / "log.jsonl").write_bytes(whole.encode()[:torn])
    kept = whole.encode()[:torn].count(b"\n")
    assert [entry["step"] for entry in log.read(folder)] == steps[:kept]
    log.cut(folder, at)
    assert [entry["step"] for entry in log.read(folder)] == [step for step in steps[:kept] if step <= at]
    assert (folder / "log.jsonl").read_bytes()[-1:] in (b"", b"\n")


def test_tensorboard_s_threads_print_no_traceback(tmp_path, capsys):
    diary = open_log(tmp_path, io.StringIO())
    diary.step(10, "train", TERMS, waited=0.0)
    thread = diary._board.file_writer.event_writer._async_writer._worker
    try:
        raise OSError(28, "No space left on device")
    except OSError as error:
        threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, thread)))
    assert capsys.readouterr().err == ""
    diary.close()


def test_a_second_run_in_one_process_adds_no_second_hook(tmp_path):
    hooks = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        diary = open_log(tmp_path / name)
        diary.step(1, "train", TERMS, 0.0)
        diary.close()
        hooks.append(threading.excepthook)
    assert hooks[0] is hooks[1]


def test_the_last_step_is_read_from_the_end(tmp_path, no_board):
    assert log.last_step(tmp_path) == 0
    diary = open_log(tmp_path)
    for step in range(1, 1500):
        diary.step(step, "train", TERMS, 0.0)
    diary.close()
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"event": "step", "step": 15')
    assert (tmp_path / "log.jsonl").stat().st_size > 100_000
    assert log.last_step(tmp_path) == 1499
