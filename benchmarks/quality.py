"""What methods make of real pictures after a training that a CPU has time for: `quality.py METHOD DATA`.

Interrupted, the same command goes on where it stood. `--steps` makes it shorter, to see that it works.

A method takes part with a file beside this one, quality_MODEL.py, that has

    AIM      what is aimed for, in a sentence
    STEPS    how long it is trained
    train(data, steps, how)   -> what `trained` below returned
    report(data, run, say)    measures the trained run and says line by line what it found

The figures of RESULTS.md are taken on an idle machine.
"""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from common import machine

import i2i

METHODS = {"sr": "srgan", "completion": "completion", "text": "stackgan"}  # quality_MODEL.py
Say = Callable[[str], None]


@dataclass(frozen=True)
class How:
    """How runs are trained: where they are kept, and with what every run has in common."""

    out: Path
    options: dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("data", type=str, help="a folder of pictures, or a name of the catalogue")
    parser.add_argument("--steps", type=int, help="by default as many as the method's aim is set for")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/quality"), help="where runs are kept, to go on from")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", default="auto")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    options = {name: getattr(args, name) for name in ("seed", "device", "precision", "threads", "workers")}
    method = importlib.import_module(f"quality_{METHODS[args.method]}")
    steps = args.steps or method.STEPS
    print(f"{args.method}: {steps:,} steps, on {machine(torch.device(args.device))}\naim: {method.AIM}", flush=True)
    try:
        run = method.train(args.data, steps, How(args.out, options))
    except KeyboardInterrupt:
        raise SystemExit("stopped; the same command goes on") from None
    print(f"trained for {seconds(run) / 60:.1f} minutes: {run}", flush=True)
    method.report(args.data, run, say)


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def trained(model: str, data: str, name: str, how: How, **options: Any) -> Path:
    """Train a run, or go on with it, or find it done; return its folder. Steps and seed are in its name."""
    folder = how.out / f"{name}-{options['steps']}-{how.options['seed']}"
    if not (folder / "run.json").exists():
        return i2i.train(model, data, out=how.out, name=folder.name, **how.options, **options)
    state = json.loads((folder / "run.json").read_text())
    if state["step"] < state["steps"]:
        i2i.resume(folder, workers=how.options["workers"])
    return folder


def seconds(run: Path) -> float:
    """How long a run has been trained, by its log: time between its parts is not counted."""
    total, before = 0.0, None
    for line in map(json.loads, (run / "log.jsonl").read_text().splitlines()):
        begins = " weights, on " in line.get("text", "")  # what a part says first
        total += 0 if before is None or begins else line["time"] - before
        before = line["time"]
    return total


if __name__ == "__main__":
    main()
