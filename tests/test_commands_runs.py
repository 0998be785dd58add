import json
import socket
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from i2i.commands import runs
from i2i.run import hold


@pytest.fixture
def cli(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    app = typer.Typer()
    runs.register(app)
    app.command("other")(lambda: None)  # typer makes a group of two
    return lambda *words, **more: CliRunner().invoke(app, ["runs", *words], **more)


def make(name, out="runs", **changes):
    folder = Path(out) / name
    (folder / "checkpoints" / "last").mkdir(parents=True)
    (folder / "checkpoints" / "last" / "weights.safetensors").write_bytes(bytes(2_000_000))
    state = {
        "format": 1,
        "model": "cyclegan",
        "data": "some/summer2winter",
        "state": "finished",
        "step": 1200,
        "steps": 1200,
    }
    state |= {
        "started": 1e9,
        "updated": 1e9,
        "pid": 1,
        "host": socket.gethostname(),
        "figures": {"kid": 0.03125},
    } | changes
    (folder / "run.json").write_text(json.dumps(state))
    return folder


def rows(result):
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def test_runs_are_listed_newest_first(cli):
    make("old", figures={})
    make("new", updated=1.1e9, state="stopped", step=7)
    Path("runs/no-run").mkdir()
    Path("runs/file").touch()
    lines = rows(cli())
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(1.1e9))
    assert lines[0] == "RUN MODEL DATA STATE STEPS SIZE UPDATED FIGURE"
    assert lines[1] == f"new cyclegan summer2winter stopped 7 of 1,200 2.0 MB {when} kid 0.03125"
    assert lines[2].startswith("old cyclegan summer2winter finished 1,200 of 1,200")
    assert lines[-1] == "2 runs, 4.0 MB in runs"


def test_states_are_told_apart(cli):
    held = hold(make("alive", state="running"))
    make("gone", state="running")
    (make("damaged") / "run.json").write_text("{")
    make("odd", step="7", updated="soon", figures={"kid": None})
    make("odder", figures=[1], updated=1e300)
    found = {line.split()[0]: line for line in rows(cli())[1:6]}
    held.release()
    assert " running " in found["alive"]
    assert " stopped (killed) " in found["gone"]
    assert all(" damaged " in found[name] for name in ("damaged", "odd", "odder"))


def test_a_running_run_tells_the_step_of_its_log_and_a_killed_one_that_of_its_checkpoint(cli):
    held = hold(make("alive", state="running", step=7))
    make("gone", state="running", step=7)
    for name in ("alive", "gone"):
        Path(f"runs/{name}/log.jsonl").write_text('{"event": "step", "step": 60}\n')
    steps = {run["name"]: run["step"] for run in json.loads(cli("--json").stdout)}
    held.release()
    assert steps == {"alive": 60, "gone": 7}


def test_runs_as_json(cli):
    make("one")
    (run,) = json.loads(cli("--json").stdout)
    assert (run["name"], run["folder"], run["state"], run["figures"]) == (
        "one",
        "runs/one",
        "finished",
        {"kid": 0.03125},
    )
    assert run["size"] == 2_000_000 + Path("runs/one/run.json").stat().st_size


def test_no_runs_is_said_with_the_way_on(cli):
    assert cli().stdout.startswith("No runs in runs. Start one: i2i train MODEL DATA")
    assert json.loads(cli("--json").stdout) == []
    make("one", out="elsewhere")
    assert "one" in cli("--out", "elsewhere").stdout


def test_runs_are_deleted_by_name_or_path(cli):
    for name in ("a", "b", "c"):
        make(name)
    result = cli("delete", "a", "runs/b", "a", "--yes")
    assert result.exit_code == 0
    assert result.stdout.startswith("Deleted 2 runs, 4.0 MB.")
    assert [path.name for path in Path("runs").iterdir()] == ["c"]


def test_another_folder_is_taken_before_or_after_the_word(cli):
    make("a", out="x")
    make("b", out="x")
    cli("--out", "x", "delete", "a", "--yes")
    cli("delete", "--out", "x", "b", "--yes")
    assert list(Path("x").iterdir()) == []


def test_one_bad_name_deletes_nothing(cli):
    make("fox")
    error = cli("delete", "fox", "fux", "--yes").exception
    assert isinstance(error, LookupError)
    assert str(error) == 'there is no run "fux" in runs, nothing was deleted; did you mean "fox"?'
    assert Path("runs/fox/run.json").exists()


def test_what_is_no_run_is_never_deleted(cli):
    make("fox")
    photos = Path("photos")
    photos.mkdir()
    for name in ("photos", ".", "runs", "..", "/"):
        error = cli("delete", name, "--yes").exception
        assert isinstance(error, ValueError), name
        assert "is not a run" in str(error)
    assert photos.exists()
    assert Path("runs/fox/run.json").exists()


def test_a_running_run_is_refused(cli):
    held = hold(make("busy", state="running"))
    error = cli("delete", "busy", "--yes").exception
    held.release()
    assert isinstance(error, ValueError)
    assert f"runs/busy is running (process 1 on {socket.gethostname()})" in str(error)
    assert Path("runs/busy").exists()


def test_links_are_not_followed(cli):
    outside = make("outside", out="elsewhere")
    make("fox")
    Path("runs/fox/checkpoints/best").symlink_to(outside.resolve())
    Path("runs/link").symlink_to(outside.resolve())
    assert cli("delete", "fox", "--yes").exit_code == 0
    error = cli("delete", "link", "--yes").exception
    assert isinstance(error, ValueError)
    assert "is a link to" in str(error)
    assert (outside / "run.json").exists()
    assert (outside / "checkpoints" / "last" / "weights.safetensors").exists()


def test_without_a_terminal_nothing_is_deleted_unasked(cli):
    make("fox")
    error = cli("delete", "fox").exception
    assert isinstance(error, ValueError)
    assert "--yes" in str(error)
    assert Path("runs/fox").exists()


@pytest.mark.parametrize(("answer", "left"), [("y\n", False), ("n\n", True)])
def test_on_a_terminal_it_asks(cli, monkeypatch, answer, left):
    make("fox")
    monkeypatch.setattr(runs, "is_terminal", lambda: True)
    result = cli("delete", "fox", input=answer)
    assert result.exit_code == 0
    assert Path("runs/fox").exists() == left
    assert ("Nothing was deleted." in result.stderr) == left
    assert "runs/fox: finished, 2.0 MB" in result.stderr


def test_what_an_earlier_deletion_left_is_in_nobodys_way(cli):
    make("fox")
    Path("runs/.fox.deleted").mkdir()
    assert cli("delete", "fox", "--yes").exit_code == 0
    assert list(Path("runs").iterdir()) == []
