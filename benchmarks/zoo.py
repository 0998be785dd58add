"""What the zoo's presets learn in minutes on a CPU: `zoo.py digits`, `zoo.py toys`, `zoo.py behaviour`, `zoo.py table`.

    digits      every preset in its small setting on handwritten digits: Fréchet distance and score, by a classifier
    toys        presets that take fully connected networks, on 8 Gaussians in a ring and 25 in a grid: modes covered
    behaviour   WGAN's estimate beside quality, minibatch discrimination beside collapse, n_critic, clipping
    table       what is measured so far, as Markdown

A row is appended to rows.jsonl in --out when it is measured, an error as well; what has a row is not measured again,
but for errors with --again. Interrupted, the same command goes on where it stood, within a training on digits, too.
"""

from __future__ import annotations

import argparse
import json
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
import zoo_digits
import zoo_toys
from common import machine
from zoo_drawing import presets
from zoo_table import tables

PARTS = ("digits", "toys", "behaviour", "table")
SEEDS = {"digits": 1, "toys": 3, "behaviour": 5}
SECONDS = {"digits": 180.0, "toys": 45.0}
STEPS = 3000  # of a run that shows a behaviour
CRITIC = 2  # times as many where the generator moves in each hundredth
Row = dict[str, Any]


class Rows:
    """The rows of a file, to which new ones are appended."""

    def __init__(self, path: Path, again: bool) -> None:
        self.path, self.again = path, again

    def read(self) -> list[Row]:
        """All rows; of those with the same key the last."""
        if not self.path.exists():
            return []
        rows = {}
        for line in self.path.read_text().splitlines():
            with suppress(json.JSONDecodeError):  # killed within a line
                rows[json.dumps(json.loads(line)["key"])] = json.loads(line)
        return list(rows.values())

    def measure(self, key: list[Any], work: Callable[[], Row]) -> None:
        """Append a row with this key, unless there is one; an error becomes a row, too."""
        done = next((row for row in self.read() if row["key"] == key), None)
        if done is not None and not (self.again and "error" in done):
            return
        try:
            row = work()
        except KeyboardInterrupt:
            raise SystemExit("stopped; the same command goes on") from None
        except Exception as error:
            traceback.print_exc()
            row = {"error": f"{type(error).__name__}: {error}"}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+") as file:
            file.seek(max(file.tell() - 1, 0))
            cut = file.read() not in ("", "\n")
            file.write("\n" * cut + json.dumps({"key": key} | row) + "\n")
        say(f"{' '.join(map(str, key))}: {json.dumps(row)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=PARTS, help="by default all")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these presets alone")
    parser.add_argument("--seconds", type=float, help="of a training; by default 180 on digits and 45 on toys")
    parser.add_argument("--steps", type=int, default=STEPS, help="of a run that shows a behaviour")
    parser.add_argument("--seeds", type=int, help="by default 1 on digits, 3 on toys, 5 for behaviours")
    parser.add_argument("--again", action="store_true", help="measure again what ended in an error")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/zoo"), help="where rows and runs are kept, to go on from"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, help="processes that load the digits; by default as i2i chooses")
    parser.add_argument("--precision", default="auto", help="of the digits; points are trained in float32")
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"{min(unknown)} is none of {', '.join(PARTS)}")
    known = presets()
    if unknown := set(args.only or ()) - set(known):
        parser.error(f"{min(unknown)} is none of {', '.join(known)}")
    torch.set_num_threads(args.threads)
    say(f"on {machine(torch.device('cpu'))}")
    rows, names = Rows(args.out / "rows.jsonl", args.again), [name for name in known if name in (args.only or known)]
    if "digits" in args.parts:
        digits(rows, names, args)
    if "toys" in args.parts:
        toys(rows, names, args)
    if "behaviour" in args.parts:
        behaviour(rows, args)
    if "table" in args.parts:
        say(tables(rows.read()))


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def digits(rows: Rows, names: list[str], args: argparse.Namespace) -> None:
    """Every preset, a row each, after the yardsticks."""
    seconds = args.seconds or SECONDS["digits"]
    options = {"device": "cpu", **{name: getattr(args, name) for name in ("threads", "workers", "precision")}}
    rows.measure(["yardsticks"], lambda: zoo_digits.yardsticks(args.out))
    for seed in range(args.seeds or SEEDS["digits"]):
        how = zoo_digits.How(args.out, seconds, seed, options)
        for name in names:
            rows.measure(["digits", name, seconds, seed], lambda n=name, h=how: zoo_digits.measure(n, h, say))
            torch.set_num_threads(args.threads)


def toys(rows: Rows, names: list[str], args: argparse.Namespace) -> None:
    """Every preset that takes the networks, a row for each toy and seed."""
    seconds = args.seconds or SECONDS["toys"]
    for toy in zoo_toys.TOYS:
        rows.measure(["ideal", toy], lambda t=toy: dict(zip(("modes", "good"), zoo_toys.ideal(t), strict=True)))
    for name in names:
        try:
            zoo_toys.check(name)
        except Exception as error:
            rows.measure(["no toys", name], lambda e=error: {"reason": f"{type(e).__name__}: {e}"})
            continue
        for toy in zoo_toys.TOYS:
            for seed in range(args.seeds or SEEDS["toys"]):
                key = ["toys", name, toy, seconds, seed]
                rows.measure(key, lambda k=key: zoo_toys.measure(k[1], k[2], k[4], k[3]))


def behaviour(rows: Rows, args: argparse.Namespace) -> None:
    """What papers claim of parts."""
    seeds = range(args.seeds or SEEDS["behaviour"])
    rows.measure(["schedule", 100], lambda: zoo_toys.schedule_and_clipping(100, 0))
    for seed in seeds:
        key = ["critic", CRITIC * args.steps, seed]
        rows.measure(key, lambda k=key: zoo_toys.critic_follows_quality(k[1], k[2]))
    for regularisers in ("none", "minibatch-discrimination"):
        for seed in seeds:
            key = ["collapse", regularisers, args.steps, seed]
            rows.measure(key, lambda k=key: zoo_toys.modes_with_discrimination(k[1], k[2], k[3]))


if __name__ == "__main__":
    main()
