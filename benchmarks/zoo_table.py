"""The rows of `zoo.py` as Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Any, NamedTuple

AIM = 1 / 3
Row = dict[str, Any]


class Found(NamedTuple):
    """What the runs of a preset on a toy came to: medians of modes, good share and steps; told the modes, or not."""

    modes: float
    good: float
    steps: float
    seeds: int
    told: bool


def tables(rows: list[Row]) -> str:
    """All that is measured, in tables, the best first."""
    of: dict[str, list[Row]] = {}
    for row in rows:
        of.setdefault(row["key"][0], []).append(row)
    parts = [*_digits(of), *_toys(of), *_behaviour(of), *_best(of)]
    return "\n".join(parts) or "nothing is measured yet"


def grid(heads: Iterable[str], lines: Iterable[Iterable[object]]) -> list[str]:
    """A table, with an empty line before and after it."""
    heads = list(heads)
    body = ["| " + " | ".join(map(str, line)) + " |" for line in lines]
    return ["", "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *body, ""]


def _digits(of: dict[str, list[Row]]) -> list[str]:
    done = [row for row in of.get("digits", ()) if "error" not in row]
    lines = []
    for row in sorted(done, key=lambda row: row["share"]):
        _, name, _, seed = row["key"]
        cut = "" if row["steps"] >= row["planned"] else f" of {row['planned']:,}"
        lines.append(
            [name, row["side"], f"{row['frechet']:.1f}", f"{row['share']:.3f}", f"{row['score']:.2f}",
             f"{row['steps']:,}{cut}", f"{row['trained']:.0f}", seed, "yes" if row["passed"] else "NO"]
        )  # fmt: skip
    if not (lines or of.get("yardsticks")):
        return []
    said = ["### Digits"]
    for y in of.get("yardsticks", ()):
        if "error" in y:
            continue
        said += [
            "",
            f"The classifier is right on {y['accuracy']:.1%} of held-back digits. Fréchet distance of training from "
            f"held-back digits {y['real']:.1f} (score {y['real_score']:.2f}), from pictures of independent pixels "
            f"{y['independent']:.1f} ({y['independent_score']:.2f}); were they independent at 16 pixels, "
            f"{y['independent_at_16']:.1f}. Aim: a third, {y['independent'] * AIM:.1f}.",
        ]
    heads = ["preset", "side", "distance", "of independent", "score", "steps", "seconds", "seed", "at most a third"]
    return [*said, *grid(heads, lines), *_errors(of.get("digits", ()))]


def _toys(of: dict[str, list[Row]]) -> list[str]:
    done = medians(of.get("toys", ()))
    if not done:
        return []
    ideal = {row["key"][1]: row for row in of.get("ideal", ())}
    lines = []
    for name, found in sorted(done.items(), key=lambda item: -_rank(item[1])):
        cells = [f"{found[toy].modes:g}, {found[toy].good:.0%}" if toy in found else "-" for toy in ("ring", "grid")]
        starred = name + "*" * any(each.told for each in found.values())
        steps, seeds = (max(getattr(each, name) for each in found.values()) for name in ("steps", "seeds"))
        lines.append([starred, *cells, f"{steps:,.0f}", seeds])
    if len(ideal) == 2:
        judged = (f"{ideal[toy]['modes']}, {ideal[toy]['good']:.0%}" for toy in ("ring", "grid"))
        lines.append(["the points themselves", *judged, "", ""])
    said = ["### Toys", "", "Modes covered and share of good points, medians. * is told the mode of each point."]
    refused = [
        f"- {row['key'][1]}: {row['reason'].partition(chr(10))[0]}" for row in of.get("no toys", ()) if "reason" in row
    ]
    left = ["Not on points:", "", *refused, ""] if refused else []
    heads = ["preset", "ring of 8", "grid of 25", "steps", "seeds"]
    return [*said, *grid(heads, lines), *_errors(of.get("toys", ())), *left]


def medians(rows: Iterable[Row]) -> dict[str, dict[str, Found]]:
    """By preset and toy: medians of modes and of the good share, and of how many seeds."""
    found: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        if "error" not in row:
            found.setdefault(row["key"][1], {}).setdefault(row["key"][2], []).append(row)
    return {name: {toy: _found(each) for toy, each in by.items()} for name, by in found.items()}


def _found(rows: list[Row]) -> Found:
    modes, good, steps = (median(row[key] for row in rows) for key in ("modes", "good", "steps"))
    return Found(modes, good, steps, len(rows), any(row.get("told") for row in rows))


def _rank(found: dict[str, Found]) -> float:
    """How good a preset is on both toys: shares of modes, then of good points."""
    modes = sum(found[toy].modes / count for toy, count in (("ring", 8), ("grid", 25)) if toy in found)
    return modes + sum(each.good for each in found.values())


def _behaviour(of: dict[str, list[Row]]) -> list[str]:
    said = []
    for row in of.get("schedule", ()):
        if "error" not in row:
            steps = row["key"][1]
            moved = ", ".join(f"{count} with n_critic {n}" for n, count in row["generator"].items())
            largest = ", ".join(f"{value:.4g} at bound {bound}" for bound, value in row["largest"].items())
            said += [
                f"- Updates of the generator in {steps} steps: {moved}. Largest weight of a clipped critic: {largest}."
            ]
    critics = [row["correlation"] for row in of.get("critic", ()) if "error" not in row]
    if critics:
        each = ", ".join(f"{value:+.2f}" for value in critics)
        said += [f"- WGAN's estimate and the distance of what is drawn, rank correlation over a run, by seed: {each}."]
    collapsed: dict[str, list[int]] = {}
    for row in of.get("collapse", ()):
        if "error" not in row:
            collapsed.setdefault(row["key"][1], []).append(row["modes"])
    for name, modes in collapsed.items():
        words = "a baseline that collapses" if name == "none" else f"the same with {name}"
        said += [f"- Modes of 25 that {words} covers: median {median(modes):g} of {', '.join(map(str, modes))}."]
    errors = [line for part in ("schedule", "critic", "collapse") for line in _errors(of.get(part, ()))]
    return ["### Behaviour", "", *said, *errors, ""] if said or errors else []


def _best(of: dict[str, list[Row]]) -> list[str]:
    digits = sorted((row for row in of.get("digits", ()) if "error" not in row), key=lambda row: row["share"])
    points = sorted(medians(of.get("toys", ())).items(), key=lambda item: -_rank(item[1]))
    lines = []
    for place in range(min(5, max(len(digits), len(points)))):
        one = digits[place] if place < len(digits) else None
        left = f"{one['key'][1]} ({one['frechet']:.1f})" if one else ""
        lines.append([place + 1, left, points[place][0] if place < len(points) else ""])
    return ["### The best", *grid(["", "on digits (distance)", "on points"], lines)] if lines else []


def _errors(rows: Iterable[Row]) -> list[str]:
    failed = [row for row in rows if "error" in row]
    return [f"- {' '.join(map(str, row['key']))} ended in {row['error'].partition(chr(10))[0]}" for row in failed]
