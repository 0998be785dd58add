"""Runs from end to end: train, stop, resume, extend; and what happens when something goes wrong."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import i2i
from i2i import bundle, checkpoint, cli, figures, loop, preparing, training
from i2i.cards import MetricCard
from i2i.errors import Stopped
from i2i.options import MOST_SEED

QUICK: dict[str, Any] = {"precision": "fp32", "workers": 0, "device": "cpu"}


def train(data: Path, name: str = "run", **options: Any) -> Path:
    values = {"steps": 12, "out": data.parent / "runs", "name": name} | QUICK | options
    run = preparing.prepare("toy", str(data), values)
    training.start(run, quiet=True)
    return run.folder


def go_on(folder: Path, data: Path | None = None, **more: Any) -> Path:
    steps, lr_factor = more.pop("steps", None), more.pop("lr_factor", None)
    opened, state, place = preparing.reopen(folder, str(data) if data else None, steps, lr_factor, more)
    training.start(opened, state, place, quiet=True)
    return folder


def kill_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Let the step of the run that follows `step` steps fail, as a kill does: nothing is saved or tidied up."""
    run_step = loop.run_step

    def dying(model: Any, optimizers: Any, batch: Any, progress: Any, engine: Any) -> Any:
        if progress.run_step == step:
            monkeypatch.setattr(loop, "run_step", run_step)
            raise KeyError("killed")
        return run_step(model, optimizers, batch, progress, engine)

    monkeypatch.setattr(loop, "run_step", dying)


def same(one: Any, two: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(two) and all(map(same, one, two))
    return torch.equal(one, two) if isinstance(one, torch.Tensor) else one == two


def final_state(folder: Path) -> tuple[Any, Any]:
    place = checkpoint.newest(folder)
    resume = torch.load(place / "resume.pt", weights_only=True)
    return dict(i2i.load(folder).state_dict()), resume


def logged(folder: Path) -> list[Any]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [(line["step"], line["terms"]) for line in lines if line["event"] == "step"]


def test_a_seed_trains_up_to_the_largest_and_beyond_it_is_refused(toys: Any, pairs: Path) -> None:
    assert go_on(train(pairs, steps=3, seed=MOST_SEED), steps=4).is_dir()
    with pytest.raises(ValueError, match=f"^--seed is {2**63}; give a number from 0 to {2**63 - 1}$"):
        train(pairs, "other", steps=3, seed=MOST_SEED + 1)
    assert not (pairs.parent / "runs" / "other").exists()


def test_a_run_folder_holds_what_users_are_promised(toys: Any, pairs: Path) -> None:
    folder = train(pairs, checkpoint_every="5", preview_every="6", log_every=3)
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert there >= {
        "config.toml",
        "run.json",
        "data.json",
        "environment.json",
        "log.jsonl",
        "report.html",
        "previews/step-00000000.png",
        "previews/step-00000006.png",
        "previews/step-00000012.png",
        "checkpoints/last/bundle.json",
        "checkpoints/last/weights.safetensors",
        "checkpoints/last/resume.pt",
        "checkpoints/previous/bundle.json",
    }
    assert any(path.startswith("tensorboard/events") for path in there)
    assert [step for step, _ in logged(folder)] == [3, 6, 9, 12]
    state = json.loads((folder / "run.json").read_text())
    assert (state["state"], state["step"], state["steps"]) == ("finished", 12, 12)
    assert 0 < state["figures"]["psnr"] < 40
    assert bundle.read_manifest(checkpoint.newest(folder)).figures == state["figures"]
    record = json.loads((folder / "data.json").read_text())
    assert record["kind"] == "paired"
    assert not set(record["train"]) & set(record["held_back"])
    assert bundle.read_manifest(checkpoint.newest(folder)).step == 12


@pytest.mark.parametrize("step", [2, 4, 5, 9, 11])
def test_a_killed_run_goes_on_as_if_it_never_stopped(
    toys: Any, pairs: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    whole = train(pairs, "whole", log_every=1, checkpoint_every="3")
    kill_at(monkeypatch, step)
    with pytest.raises(KeyError):
        train(pairs, "killed", log_every=1, checkpoint_every="3")
    state = json.loads((pairs.parent / "runs/killed/run.json").read_text())
    assert state["state"] == "failed"
    killed = go_on(pairs.parent / "runs/killed")
    assert same(final_state(whole), final_state(killed))
    assert logged(whole) == logged(killed)


def test_a_run_of_few_labels_goes_on_exactly(
    toys: Any, domains: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(name: str) -> Path:
        options = {"steps": 12, "out": tmp_path, "name": name, "checkpoint_every": "3", "log_every": 1}
        run = preparing.prepare("toy-classes", str(domains), QUICK | options | {"labelled_share": 0.2})
        training.start(run, quiet=True)
        return run.folder

    whole = begin("whole")
    kill_at(monkeypatch, 7)
    with pytest.raises(KeyError):
        begin("killed")
    killed = go_on(tmp_path / "killed")
    assert same(final_state(whole), final_state(killed))
    assert logged(whole) == logged(killed)
    shares = [terms["known"] for _, terms in logged(whole)]
    assert sum(shares) / len(shares) == pytest.approx(4 / 20, abs=0.15)  # of 10 of each class, 2 are told
    record = json.loads((whole / "data.json").read_text())
    assert "4 of 20 pictures to train on are labelled, the others not." in record["notes"]


def test_workers_and_bfloat16_resume_exactly_too(toys: Any, pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"precision": "bf16", "workers": 2, "checkpoint_every": "3", "steps": 8}
    whole = train(pairs, "whole", **options)
    kill_at(monkeypatch, 5)
    with pytest.raises(KeyError):
        train(pairs, "killed", **options)
    assert same(final_state(whole), final_state(go_on(pairs.parent / "runs/killed", workers=0)))


def test_a_run_killed_before_its_first_checkpoint_starts_again(
    toys: Any, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(pairs, "whole")
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", lambda *_: (_ for _ in ()).throw(KeyError("killed")))
        with pytest.raises(KeyError):
            train(pairs, "a run")
    folder = pairs.parent / "runs/a run"
    with pytest.raises(ValueError, match="holds no whole checkpoint; start again with: i2i train toy") as caught:
        go_on(folder)
    command = shlex.split(str(caught.value).partition("start again with: ")[2])
    with pytest.raises(SystemExit) as ended:
        cli.main([*command[1:], "--quiet"])
    assert ended.value.code == 0
    assert same(final_state(whole), final_state(folder))
    assert logged(folder) == logged(whole)


def test_a_time_limit_saves_and_says_how_to_go_on(toys: Any, pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = preparing.prepare(
        "toy", str(pairs), QUICK | {"steps": 500, "time_limit": "1s", "name": "a run"} | {"out": pairs.parent}
    )
    training.start(run)
    state = json.loads((run.folder / "run.json").read_text())
    assert state["state"] == "stopped"
    assert 0 < state["step"] < 500
    said = f"time is up at step {state['step']} of 500, saved; go on with: i2i resume '{run.folder}'"
    assert said in capsys.readouterr().err
    assert checkpoint.read_state(checkpoint.newest(run.folder)).step == state["step"]


def test_ctrl_c_saves_and_is_passed_on(toys: Any, pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import signal

    run_step = loop.run_step

    def interrupting(model: Any, optimizers: Any, batch: Any, progress: Any, engine: Any) -> Any:
        if progress.run_step == 7:
            os.kill(os.getpid(), signal.SIGINT)
        return run_step(model, optimizers, batch, progress, engine)

    monkeypatch.setattr(loop, "run_step", interrupting)
    with pytest.raises(KeyboardInterrupt):
        train(pairs, checkpoint_every="1h")
    folder = pairs.parent / "runs/run"
    assert json.loads((folder / "run.json").read_text())["state"] == "stopped"
    assert checkpoint.read_state(checkpoint.newest(folder)).step == 8


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_state(toys: Any, pairs: Path) -> None:
    with pytest.raises(Stopped) as caught:
        train(pairs, nan_at=8, checkpoint_every="3")
    folder = pairs.parent / "runs/run"
    assert str(caught.value) == (
        f"generator/l1 became nan at step 9. The state of step 6 is kept as {folder / 'checkpoints/last'}; "
        f"nothing later was saved. Go on with: i2i resume {folder}, or start again with a lower learning rate (--lr)."
    )
    for value in i2i.load(folder).state_dict().values():
        assert torch.isfinite(value).all()
    assert json.loads((folder / "run.json").read_text())["state"] == "failed"


def test_a_full_disk_loses_nothing_older(toys: Any, pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save, calls = torch.save, []

    def full(*arguments: Any) -> None:
        calls.append(1)
        if len(calls) > 2:
            raise OSError(28, "No space left on device")
        save(*arguments)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(
        Stopped, match=r"Nothing more can be written to .*: No space left.*step 3 .*Free some space, then"
    ):
        train(pairs, checkpoint_every="3")
    monkeypatch.undo()
    folder = pairs.parent / "runs/run"
    assert checkpoint.read_state(checkpoint.newest(folder)).step == 3
    assert not list(folder.rglob("*.writing"))


@pytest.mark.parametrize("lost", ["DataLoader worker (pid 3) is killed by signal: Killed. ", "pictures"])
def test_lost_data_says_how_to_go_on(toys: Any, pairs: Path, monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    run_step = loop.run_step

    def losing(model: Any, optimizers: Any, batch: Any, progress: Any, engine: Any) -> Any:
        if progress.run_step == 4:
            if lost != "pictures":
                raise RuntimeError(lost)
            shutil.rmtree(pairs / "source")
        return run_step(model, optimizers, batch, progress, engine)

    monkeypatch.setattr(loop, "run_step", losing)
    with pytest.raises(Stopped, match=r"(ended from outside|cannot be opened).*\. The state of .*i2i resume"):
        train(pairs, checkpoint_every="2", cache=False)


@pytest.mark.parametrize("damage", ["weights.safetensors", "resume.pt", "bundle.json", "gone"])
def test_a_torn_checkpoint_is_never_read(toys: Any, pairs: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    whole = train(pairs, "whole", checkpoint_every="3")
    kill_at(monkeypatch, 8)
    with pytest.raises(KeyError):
        train(pairs, "torn", checkpoint_every="3")
    folder = pairs.parent / "runs/torn"
    last = folder / "checkpoints/last"
    if damage == "gone":
        shutil.rmtree(last)
    else:
        content = (last / damage).read_bytes()
        (last / damage).write_bytes(content[: len(content) // 2])
    assert checkpoint.newest(folder).name == "previous"
    assert same(final_state(whole), final_state(go_on(folder)))


def test_a_finished_run_is_extended_at_a_constant_rate(toys: Any, pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = train(pairs)
    with pytest.raises(ValueError, match=r"is finished: it has done its 12 steps; to train it further: .*--steps 18"):
        go_on(folder)
    with pytest.raises(ValueError, match=r"--steps 12 is not beyond the 12 steps done"):
        go_on(folder, steps=12)
    rates = []
    run_step = loop.run_step

    def watching(model: Any, optimizers: Any, batch: Any, progress: Any, engine: Any) -> Any:
        rates.append((progress.phase.name, progress.fraction, optimizers["generator"].param_groups[0]["lr"]))
        return run_step(model, optimizers, batch, progress, engine)

    monkeypatch.setattr(loop, "run_step", watching)
    go_on(folder, steps=15, lr_factor=0.2)
    assert rates == [("adversarial", 7 / 8, pytest.approx(0.2 * 1e-2))] * 3
    state = json.loads((folder / "run.json").read_text())
    assert (state["steps"], state["planned"], state["lr_factor"], state["state"]) == (15, 12, 0.2, "finished")


def test_an_unfinished_run_is_not_extended(toys: Any, pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kill_at(monkeypatch, 5)
    with pytest.raises(KeyError):
        train(pairs, checkpoint_every="2")
    with pytest.raises(ValueError, match=r"is at step 4 of 12; --steps extends a finished run only"):
        go_on(pairs.parent / "runs/run", steps=20)
    with pytest.raises(LookupError, match='"lr" cannot change when a run goes on'):
        go_on(pairs.parent / "runs/run", lr=1.0)


def test_moved_and_changed_data_are_noticed(toys: Any, pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(pairs, "whole", checkpoint_every="2")
    kill_at(monkeypatch, 5)
    with pytest.raises(KeyError):
        train(pairs, checkpoint_every="2")
    folder = pairs.parent / "runs/run"
    moved = pairs.rename(pairs.with_name("moved pairs"))
    with pytest.raises(ValueError, match=r"no longer at .*pairs; say where it is: i2i resume .* --data NEW"):
        go_on(folder)
    assert same(final_state(whole), final_state(go_on(folder, moved)))

    second = train(moved, "second")
    shutil.copy(moved / "source/00.png", moved / "source/zz.png")
    shutil.copy(moved / "target/00.png", moved / "target/zz.png")
    with pytest.raises(
        ValueError, match=r"have changed since .* put them back, or accept the new ones with: i2i resume .*"
    ) as caught:
        go_on(second, steps=14)
    assert str(caught.value).endswith(f"i2i resume {second} --data '{moved}'")
    go_on(second, moved, steps=14)


def test_fine_tuning_starts_from_a_bundle(toys: Any, pairs: Path) -> None:
    first = train(pairs, "first", width=6, lr=0.5)
    run = preparing.prepare("toy", str(pairs), QUICK | {"steps": 3, "init": first, "lr": 0.1})
    assert run.options == toys.Toy.Options(width=6, lr=0.1)  # the bundle's, but for what is given
    assert same(dict(training.make_model(run).state_dict()), dict(i2i.load(first).state_dict()))
    with pytest.raises(ValueError, match=r"--init .* is a toy, this run trains a toy-flat"):
        preparing.prepare("toy-flat", str(pairs / "source"), QUICK | {"steps": 3, "init": first})


def test_a_fine_tuned_run_goes_on_without_the_bundle_it_came_from(toys: Any, pairs: Path) -> None:
    first = train(pairs, "first")
    second = train(pairs, "second", init=first)
    shutil.rmtree(first)
    go_on(second, steps=14)


def test_three_layers_and_the_model_s_resize_ratio(toys: Any, pairs: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text('model = "toy"\ndata = "elsewhere"\nbatch_size = 3\nimage_size = 32\nlr = 0.5\n')
    run = preparing.prepare("toy", str(pairs), {"lr": 0.25}, config)
    assert run.options == toys.Toy.Options(lr=0.25)
    assert (run.settings.batch_size, run.settings.image_size, run.settings.epochs) == (3, 32, 2)
    assert run.settings.resize == 40  # 20 for 16, as the model has it
    assert run.steps == 6  # 2 epochs of 8 pairs in batches of 3
    for text, error in (('model = "other"', ValueError), ("widht = 3", LookupError), ("lr = -1", ValueError)):
        config.write_text(text)
        with pytest.raises(error, match=r"run\.toml|other"):
            preparing.prepare("toy", str(pairs), {}, config)


def test_a_run_s_own_config_starts_the_same_run(toys: Any, pairs: Path) -> None:
    first = train(pairs, "first", lr=0.02, checkpoint_every="3")
    again = preparing.prepare("toy", str(pairs), {"name": "again"}, first / "config.toml")
    training.start(again, quiet=True)
    assert same(final_state(first), final_state(again.folder))


def test_one_python_call_trains(toys: Any, pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pairs.parent)
    folder = i2i.train("toy", pairs, steps=3, workers=0)
    assert folder == Path("runs/toy-pairs")
    assert i2i.load(folder).phase == "adversarial"


def test_the_best_checkpoint_is_kept_and_preferred(toys, pairs, monkeypatch):
    values = iter([20.0, 22.5, 21.0, 22.5])
    monkeypatch.setattr(figures, "measure", lambda metric, results: next(values))
    options = QUICK | {"steps": 8, "preview_every": "2", "keep_best": True, "out": pairs.parent / "runs"}
    run = preparing.prepare("toy", str(pairs), options)
    training.start(run)
    best, last = (bundle.read_manifest(run.folder / "checkpoints" / name) for name in ("best", "last"))
    assert (best.step, best.figures) == (4, {"psnr": 22.5})
    assert (last.step, last.figures) == (8, {"psnr": 22.5})
    assert bundle.resolve(run.folder).name == "best"
    assert not (run.folder / "checkpoints/best/resume.pt").exists()
    assert bundle.load(run.folder).manifest.step == 4
    training.start(*preparing.reopen(run.folder, None, 10, None, {}))  # going on starts from the last, not the best
    assert bundle.read_manifest(run.folder / "checkpoints/last").step == 10


def test_keeping_the_best_of_what_cannot_be_measured_is_refused(toys, pairs):
    with pytest.raises(ValueError, match="no figure suits toy-flat on images data; leave it out"):
        preparing.prepare("toy-flat", str(pairs / "source"), QUICK | {"keep_best": True})


def test_which_of_two_figures_is_better(toys, monkeypatch):
    card = MetricCard("error", "x:y", "", lower_is_better=True)
    monkeypatch.setattr(
        type(figures.registry()), "metrics", lambda self: {"error": card, "psnr": MetricCard("psnr", "", "")}
    )
    assert figures.is_better("error", 1.0, 2.0)
    assert not figures.is_better("error", 2.0, 2.0)
    assert figures.is_better("psnr", 2.0, 1.0)
