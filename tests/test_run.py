"""Runs: phases laid out over steps, folders that are never overwritten, states of dead processes."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2i.model import Phase
from i2i.run import hold, make_folder, read_state
from i2i.schedule import check_sizes, plan
from i2i.settings import Settings, interval


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=6), st.integers(200, 100_000), st.integers(1, 16))
def test_phases_fill_the_run_without_gaps(shares: list[float], steps: int, batch: int) -> None:
    phases = [Phase(str(i), share) for i, share in enumerate(shares)]
    if steps * min(shares) / sum(shares) < 2:
        return
    stretches = plan(phases, Settings(batch_size=batch), steps)
    assert stretches[0].first == 0
    assert stretches[-1].end == steps
    for one, two in itertools.pairwise(stretches):
        assert one.end == two.first
        assert two.first_sample == two.first * batch
    for stretch, share in zip(stretches, shares, strict=True):
        assert abs(stretch.steps - steps * share / sum(shares)) <= 1


def test_sizes_and_added_steps_of_a_phase() -> None:
    phases = [Phase("coarse", 1, image_scale=0.5, batch_size=8), Phase("fine", 1, image_size=(32, 64))]
    coarse, fine = plan(phases, Settings(image_size=128, batch_size=2), 10, extra=4)
    assert (coarse.image_size, coarse.batch_size, coarse.extra) == ((64, 64), 8, 0)
    wide, _ = plan(phases, Settings(image_size=128, image_width=256), 10)
    assert wide.image_size == (64, 128)
    assert (fine.image_size, fine.batch_size, fine.steps, fine.extra) == ((32, 64), 2, 9, 4)
    assert fine.first_sample == 40


def test_too_few_steps_for_the_phases_are_refused() -> None:
    with pytest.raises(ValueError, match='1 steps leave none for the phase "one"; use --steps 10'):
        plan([Phase("one"), Phase("two", 9)], Settings(), 1)


def test_sizes_that_a_model_would_change_are_refused() -> None:
    class Model:
        size_multiple, min_size = 4, 8

    for size, said in ((250, "248 or 252"), (9, "8 or 12"), (7, "8"), (4, "8 or more")):
        with pytest.raises(ValueError, match=rf"image size {size} is .*; use --image-size {said}$"):
            check_sizes(Model(), plan([Phase("train")], Settings(image_size=size), 3))  # type: ignore[arg-type]
    check_sizes(Model(), plan([Phase("train")], Settings(image_size=8), 3))  # type: ignore[arg-type]
    for phase, settings, said in (
        (Phase("train"), Settings(image_size=8, image_width=18), "image width 18 .* --image-width 16 or 20"),
        (Phase("half", image_scale=0.5), Settings(image_size=12), "image size 12 .* of 8; use --image-size 16"),
    ):
        with pytest.raises(ValueError, match=said):
            check_sizes(Model(), plan([phase], settings, 3))  # type: ignore[arg-type]


def test_a_place_that_takes_no_runs_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in (None, "mine"):
        with pytest.raises(OSError, match=r"kept in .*file \(Not a directory\); choose a place with --out"):
            make_folder(Settings(out=tmp_path / "file", name=name), "default")


def test_a_run_is_never_overwritten(tmp_path: Path) -> None:
    settings = Settings(out=tmp_path)
    assert [make_folder(settings, "cyclegan-my data").name for _ in range(3)] == [
        "cyclegan-my-data",
        "cyclegan-my-data-2",
        "cyclegan-my-data-3",
    ]
    named = Settings(out=tmp_path, name="fox")
    folder = make_folder(named, "")
    (folder / "checkpoints/last").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"fox is there already; choose another --name$"):
        make_folder(named, "")
    (folder / "run.json").write_text("{}")
    with pytest.raises(ValueError, match=r"fox is there already; go on with: i2i resume .*fox, or choose another"):
        make_folder(named, "")
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"file is there already; choose another --name$"):
        make_folder(Settings(out=tmp_path, name="file"), "")


def test_a_folder_where_no_run_came_to_a_step_is_taken(tmp_path: Path) -> None:
    named = Settings(out=tmp_path, name="fox")
    folder = make_folder(named, "")
    for name in ("config.toml", "run.json", "log.jsonl", ".run.json.12.writing"):
        (folder / name).write_text("{")
    (folder / "checkpoints/.last.12.writing").mkdir(parents=True)
    held = hold(folder)
    with pytest.raises(ValueError, match=r"fox is being trained by another process; choose another --name$"):
        make_folder(named, "")
    held.release()
    assert make_folder(named, "") == folder
    assert not (folder / "log.jsonl").exists()
    (folder / "mine.txt").touch()
    with pytest.raises(ValueError, match="fox is there already"):
        make_folder(named, "")


@pytest.mark.parametrize("name", ["../evil", "a/b", "..", "."])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is no folder name"):
        make_folder(Settings(out=tmp_path / "runs", name=name), "")
    assert not (tmp_path / "evil").exists()


def test_a_running_state_that_nobody_holds_counts_as_killed(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"model": "toy", "state": "running"}))
    assert read_state(tmp_path)["state"] == "killed"
    held = hold(tmp_path)
    assert read_state(tmp_path)["state"] == "running"
    with pytest.raises(ValueError, match="is being trained by another process; stop that one first"):
        hold(tmp_path)
    held.release()
    assert read_state(tmp_path)["state"] == "killed"


def test_what_is_no_run_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "a fox"
    folder.mkdir()
    named = rf"i2i train MODEL DATA --out {tmp_path} --name 'a fox'$"
    with pytest.raises(ValueError, match=rf"a fox holds no step of a run; start it with: {named}"):
        read_state(folder)
    (folder / "run.json").write_text("{")
    with pytest.raises(ValueError, match=rf"run\.json is damaged: .*; start again: {named}"):
        read_state(folder)
    (folder / "config.toml").write_text('model = "toy"\ndata = "some pairs + more"\n')
    with pytest.raises(ValueError, match=rf"i2i train toy 'some pairs' more --config '{folder}/config.toml' --out "):
        read_state(folder)
    (folder / "checkpoints/last").mkdir(parents=True)
    with pytest.raises(ValueError, match=rf"weights: i2i train .*/config.toml' --init '{folder}'$"):
        read_state(folder)
    (folder / "run.json").unlink()
    with pytest.raises(ValueError, match=r"is not a run: it holds no run\.json; i2i runs lists"):
        read_state(folder)


def test_intervals() -> None:
    assert interval("500", "--x") == ("steps", 500)
    assert interval("5m", "--x") == ("seconds", 300)
    assert interval("1.5h", "--x") == ("seconds", 5400)
    for bad in ("", "0", "-3", "5 days", "1.5", "m"):
        with pytest.raises(ValueError, match=r"--x is .*; give steps \(500\) or a time \(30s, 5m, 8h\)"):
            interval(bad, "--x")


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="--resize 100 is smaller than --image-size 128; use --resize 128 or more"):
        Settings(resize=100, image_size=128)
    with pytest.raises(ValueError, match="give a time with its unit"):
        Settings(time_limit="500")
