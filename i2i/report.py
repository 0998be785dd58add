"""A run's report.html: one page with its curves, its pictures through time and its settings. It loads nothing else."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from i2i import curves, log, previews
from i2i.options import read_toml
from i2i.run import CONFIG, read_state, write_text
from i2i.status import duration, rate

REPORT = "report.html"
PARSED = 4000  # logged steps that are read; a longer log is thinned
PICTURES, PICTURE_WIDTH = 24, 1100  # previews on the page, and their width in pixels
NOTES = 12


def write(folder: Path) -> Path:
    """Write a run's `report.html` from what its folder holds; return its path. Raises OSError."""
    path = folder / REPORT
    write_text(path, page(folder))
    return path


def page(folder: Path) -> str:
    """Make the page. What is missing or damaged in the folder is left out."""
    state = _state(folder)
    steps, others = read_thinned(folder)
    drawn = curves.charts(steps)
    boundaries = curves.phases(steps)
    boundaries = boundaries if len(boundaries) > 1 else []
    done, whole = int(state.get("step", 0)), int(state.get("steps", 0))
    if state["state"] == "running" and steps:  # run.json tells the step of the last checkpoint
        done = max(done, int(steps[-1]["step"]))
    template = Template(Path(__file__).with_name("report.html").read_text(encoding="utf-8"))
    return template.substitute(
        name=escape(folder.resolve().name),
        state=escape(str(state["state"])),
        state_class=escape(str(state["state"]).partition(" ")[0]),
        subtitle=escape(f"{state.get('model', '')} on {state.get('data', '')}"),
        percent=f"{100 * done / whole:.1f}" if whole else "0",
        facts=_facts(state | {"step": done}, steps),
        notes=_notes(others),
        pictures=_pictures(folder),
        charts=_charts(drawn, boundaries),
        details=_details(folder),
        footer=escape(f"Written by i2i on {_when(time.time())}. Reload the page for newer curves and pictures."),
        curves=json.dumps([chart.data() for chart in drawn]).replace("<", "\\u003c"),
    )


def read_thinned(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Read log.jsonl: its steps, evenly thinned to at most `PARSED` and the last, and its other lines."""
    try:
        lines = (folder / log.LOG).read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    except OSError:
        return [], []
    steps = [line for line in lines if line.startswith('{"event": "step"')]
    others = [line for line in lines if not line.startswith('{"event": "step"')]
    steps = [steps[i] for i in curves.picks(len(steps), PARSED)]
    return _parsed(steps), _parsed(others)


def _parsed(lines: Iterable[str]) -> list[dict[str, Any]]:
    return [entry for entry in map(log.parse, lines) if entry is not None]


def _state(folder: Path) -> dict[str, Any]:
    try:
        return {"state": "unknown"} | read_state(folder)
    except (OSError, ValueError):
        return {"state": "unknown"}


def _facts(state: Mapping[str, Any], steps: list[dict[str, Any]]) -> str:
    facts: dict[str, str] = {}
    if state.get("steps"):
        facts["step"] = f"{int(state.get('step', 0)):,} of {int(state['steps']):,}"
    if steps:
        last = steps[-1]
        facts["epoch"] = f"{float(last.get('epoch', 0)):.1f}"
        if isinstance(last.get("images_per_second"), (int, float)):
            facts["images/s"] = rate(last["images_per_second"])
        if isinstance(last.get("waiting"), (int, float)):
            facts["waiting for data"] = f"{last['waiting']:.1%}"
    if isinstance(state.get("started"), (int, float)):
        facts["started"] = _when(state["started"])
        facts["updated"] = _when(state.get("updated", state["started"]))
        facts["since the start"] = duration(state.get("updated", state["started"]) - state["started"])
    for name, value in (state.get("figures") or {}).items():
        facts[name] = f"{value:.4g}" if isinstance(value, (int, float)) else str(value)
    return "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts.items())


def _notes(others: list[dict[str, Any]]) -> str:
    warnings = [entry for entry in others if entry.get("event") == "warning"][-NOTES:]
    if not warnings:
        return ""
    items = (f"<li>step {int(e.get('step', 0)):,}: {escape(str(e.get('text', '')))}</li>" for e in warnings)
    return f'<h2>Warnings</h2><ul class="notes">{"".join(items)}</ul>'


def _pictures(folder: Path) -> str:
    paths = previews.listed(folder / log.PREVIEWS)
    shown = []
    for i in curves.picks(len(paths), PICTURES):
        try:
            source = _thumbnail(paths[i], paths[i].stat().st_mtime_ns)
        except (OSError, ValueError, SyntaxError):  # a picture that is broken or just taken away
            continue
        shown.append((previews.step_of(paths[i]), source))
    if not shown:
        return ""
    last = len(shown) - 1
    images = (
        f'<img src="{source}" data-step="{step}" alt="sample sheet at step {step}"{"" if i == last else " hidden"}>'
        for i, (step, source) in enumerate(shown)
    )
    slider = (
        f'<div class="slider"><input type="range" min="0" max="{last}" value="{last}" aria-label="step">'
        f"<output>step {shown[-1][0]:,}</output></div>"
    )
    return f'<h2>Pictures through time</h2><div class="pictures card">{slider if last else ""}{"".join(images)}</div>'


@lru_cache(maxsize=4 * PICTURES)
def _thumbnail(path: Path, changed: int) -> str:
    """Make a data: URL of a sheet. Kept, because a page is written anew with every preview."""
    from PIL import Image

    with Image.open(path) as file:
        picture = file.convert("RGB")
    if picture.width > PICTURE_WIDTH:
        picture = picture.resize((PICTURE_WIDTH, round(picture.height * PICTURE_WIDTH / picture.width)))
    memory = io.BytesIO()
    picture.save(memory, format="JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(memory.getvalue()).decode("ascii")


def _charts(drawn: list[curves.Chart], boundaries: list[tuple[int, str]]) -> str:
    if not drawn:
        return ""
    return f'<h2>Losses</h2><div class="charts">{"".join(chart.html(boundaries) for chart in drawn)}</div>'


def _details(folder: Path) -> str:
    sections = []
    for title, name, reader in (
        ("Settings", CONFIG, read_toml),
        ("Environment", "environment.json", _read_json),
        ("Data", "data.json", _read_json),
    ):
        try:
            values = flat(reader(folder / name))
        except (OSError, ValueError):
            continue
        rows = "".join(f"<div><span>{escape(k)}</span><span>{escape(v)}</span></div>" for k, v in values.items())
        opened = " open" if title == "Settings" else ""
        sections.append(f'<details{opened}><summary>{title}</summary><div class="columns">{rows}</div></details>')
    return "".join(sections)


def _read_json(path: Path) -> dict[str, Any]:
    values = json.loads(path.read_text(encoding="utf-8"))
    return values if isinstance(values, dict) else {"": values}


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Turn nested settings into `{"a.b": "text"}`; a long list is told by its length."""
    rows: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            rows |= flat(value, f"{prefix}{key}.")
        elif isinstance(value, (list, tuple)):
            rows[f"{prefix}{key}"] = ", ".join(map(str, value)) if len(value) <= 6 else f"{len(value):,} entries"
        elif isinstance(value, bool):
            rows[f"{prefix}{key}"] = "yes" if value else "no"
        else:
            rows[f"{prefix}{key}"] = str(value)
    return rows


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
