"""A real process, killed at a random moment, goes on bit for bit."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

import i2i
from i2i import checkpoint, preparing, training

STEPS = 90
OPTIONS: dict[str, Any] = {
    "steps": STEPS,
    "image_size": 32,
    "generator_width": 4,
    "blocks": 1,
    "discriminator_width": 4,
    "discriminator_layers": 1,
    "pool_size": 5,
    "checkpoint_every": "4",
    "log_every": 1,
    "precision": "bf16",
    "device": "cpu",
    "workers": 1,
    "threads": 1,
}


def test_a_process_killed_at_a_random_moment_goes_on_bit_for_bit(domains: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    flags = [f"--{key.replace('_', '-')}={value}" for key, value in OPTIONS.items()]
    command = [sys.executable, "-m", "i2i", "train", "cyclegan", str(domains), f"--out={runs}", "--name=killed", *flags]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        log = runs / "killed" / "log.jsonl"
        goal = random.randrange(2, STEPS - 50)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if log.exists() and log.read_text(errors="replace").count('"event": "step"') >= goal:
                break
            time.sleep(0.01)
        time.sleep(random.random() * 0.1)  # in the middle of a step, of a checkpoint, of a line
        process.send_signal(signal.SIGKILL)
        _, said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said.decode()

    whole = preparing.prepare("cyclegan", str(domains), OPTIONS | {"out": runs, "name": "whole"})
    training.start(whole, quiet=True)
    run, state, place = preparing.reopen(runs / "killed", None, None, None, {})
    assert 0 < state.step < STEPS
    assert state.modules["pool_a"]["stored"]
    training.start(run, state, place, quiet=True)

    weights, resumed = i2i.load(whole.folder).state_dict(), i2i.load(run.folder).state_dict()
    for name, value in weights.items():
        assert torch.equal(value, resumed[name]), f"{name} differs after a kill near step {state.step}"
    one, two = (torch.load(checkpoint.newest(r.folder) / "resume.pt", weights_only=True) for r in (whole, run))
    for name, value in one["modules"].items():
        assert all(map(torch.equal, value["stored"], two["modules"][name]["stored"])), name

    def steps(folder: Path) -> list[Any]:
        lines = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
        return [(line["step"], line["terms"]) for line in lines if line["event"] == "step"]

    assert steps(whole.folder) == steps(run.folder)
