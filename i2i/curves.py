"""Loss curves as inline SVG: what a run logged, as it was and smoothed, one chart for each optimizer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from i2i.status import number

WIDTH, HEIGHT = 560, 240
LEFT, RIGHT, TOP, BOTTOM = 46, 548, 10, 214  # of the plot inside the picture
POINTS = 500  # drawn of a curve; more than that nobody sees
COLOURS = 8  # of report.html; further terms are dashed


@dataclass
class Curve:
    """A logged term: the steps it was logged at, and its values there (perhaps nan)."""

    name: str
    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def smooth(self) -> list[float]:
        """Running mean with a memory of a fortieth of the curve; values that are not finite are passed over."""
        keep = 1 - 1 / max(len(self.values) / 40, 1)
        mean = weight = 0.0
        result = []
        for value in self.values:
            if math.isfinite(value):
                mean, weight = keep * mean + (1 - keep) * value, keep * weight + (1 - keep)
            result.append(mean / weight if weight else math.nan)
        return result


@dataclass
class Chart:
    """The terms of one optimizer, drawn over the run's steps."""

    title: str
    curves: list[Curve]

    @property
    def steps(self) -> tuple[int, int]:
        """The first and last step drawn."""
        return min(c.steps[0] for c in self.curves), max(c.steps[-1] for c in self.curves)

    def range(self) -> tuple[float, float]:
        """The values drawn: all smoothed ones, and the others less the outermost hundredths."""
        shown: list[float] = []
        for curve in self.curves:
            finite = sorted(value for value in curve.values if math.isfinite(value))
            edge = len(finite) // 100
            shown += finite[edge : len(finite) - edge] + [value for value in curve.smooth() if math.isfinite(value)]
        if not shown:
            return 0.0, 1.0
        low, high = min(shown), max(shown)
        if low > 0 and low < high / 2:
            low = 0.0  # a loss that falls towards nothing is drawn over its zero
        spare = (high - low) * 0.04 or abs(high) * 0.1 or 1.0
        return (low if low == 0 else low - spare), high + spare

    def data(self) -> dict[str, Any]:
        """What the page's script needs to name the values under the pointer."""
        first, last = self.steps
        terms = []
        for curve in self.curves:
            kept = picks(len(curve.steps), POINTS)
            values = [float(f"{v:.6g}") if math.isfinite(v) else str(v) for v in (curve.values[i] for i in kept)]
            terms.append({"name": curve.name, "steps": [curve.steps[i] for i in kept], "values": values})
        return {"width": WIDTH, "left": LEFT, "right": RIGHT, "first": first, "last": last, "terms": terms}

    def html(self, boundaries: Iterable[tuple[int, str]] = ()) -> str:
        """Draw the chart with its title and legend; `boundaries` are the steps where a named phase begins."""
        first, last = self.steps
        low, high = self.range()

        def at(step: float, value: float) -> str:
            x = LEFT + (step - first) / max(last - first, 1) * (RIGHT - LEFT)
            y = BOTTOM - (min(max(value, low), high) - low) / (high - low) * (BOTTOM - TOP)
            return f"{x:.1f},{y:.1f}"

        marks = []
        for tick in ticks(low, high):
            y = at(first, tick).split(",")[1]
            marks.append(f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y}" y2="{y}"/>')
            marks.append(f'<text x="{LEFT - 6}" y="{y}" dy=".32em" text-anchor="end">{tick:g}</text>')
        for tick in ticks(first, last, 5):
            if tick != round(tick):  # of a run of few steps
                continue
            x = at(tick, low).split(",")[0]
            marks.append(f'<text x="{x}" y="{BOTTOM + 18}" text-anchor="middle">{tick:,.0f}</text>')
        for step, name in boundaries:
            if first < step < last:
                x = at(step, low).split(",")[0]
                marks.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP}" y2="{BOTTOM}"/>')
                marks.append(f'<text x="{x}" y="{TOP + 8}" dx="4">{escape(name)}</text>')
        legend: list[str] = []
        raw: list[str] = []
        smooth: list[str] = []
        for index, curve in enumerate(self.curves):
            means = curve.smooth()
            stroke = f'stroke="var(--c{index % COLOURS})"' + (' stroke-dasharray="6 3"' if index >= COLOURS else "")
            for values, lines, style in ((curve.values, raw, "raw"), (means, smooth, "smooth")):
                for points in runs(curve.steps, values):
                    path = " ".join(at(step, value) for step, value in points)
                    lines.append(f'<polyline class="{style}" fill="none" {stroke} points="{path}"/>')
            dashed = ' class="dashed"' * (index >= COLOURS)
            legend.append(
                f'<li><i{dashed} style="background:var(--c{index % COLOURS})"></i>{escape(curve.name)} '
                f"<b>{number(means[-1])}</b></li>"
            )
        return (
            f'<figure class="chart card"><h3>{escape(self.title)} '
            f'<span class="step soft" style="font-weight:400">smoothed, latest</span></h3>'
            f'<ul class="legend">{"".join(legend)}</ul>'
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.title)} over steps">'
            f'{"".join(marks + raw + smooth)}<line class="at" y1="{TOP}" y2="{BOTTOM}"/></svg></figure>'
        )


def charts(entries: Iterable[Mapping[str, Any]]) -> list[Chart]:
    """Gather the steps of log.jsonl into charts, in the order in which their terms were first logged."""
    groups: dict[str, dict[str, Curve]] = {}
    for entry in entries:
        for name, value in (entry.get("terms") or {}).items():
            group, _, term = name.rpartition("/")
            curve = groups.setdefault(group or "logged", {}).setdefault(term, Curve(term))
            curve.steps.append(int(entry["step"]))
            curve.values.append(float("nan" if value is None else value))
    return [Chart(title, list(curves.values())) for title, curves in groups.items()]


def phases(entries: Iterable[Mapping[str, Any]]) -> list[tuple[int, str]]:
    """The steps at which a phase was first logged, with its name."""
    found: dict[str, int] = {}
    for entry in entries:
        found.setdefault(str(entry.get("phase", "")), int(entry["step"]))
    return [(step, name) for name, step in found.items()]


def runs(steps: list[int], values: list[float]) -> list[list[tuple[int, float]]]:
    """Thin a curve to what can be seen, and break it where values are not finite."""
    pieces: list[list[tuple[int, float]]] = [[]]
    for i in picks(len(steps), POINTS):
        if math.isfinite(values[i]):
            pieces[-1].append((steps[i], values[i]))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def picks(count: int, most: int) -> list[int]:
    """At most so many of 0..count-1, evenly spread, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers between two values, about so many."""
    if high <= low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    width = min((power * n for n in (1, 2, 5, 10)), key=lambda w: abs(w - rough))
    first = math.ceil(low / width - 1e-9)
    return [float(f"{i * width:.10g}") for i in range(first, math.floor(high / width + 1e-9) + 1)]
