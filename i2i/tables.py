"""Aligned columns and sizes, for what commands print."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

GAP = "  "
NARROWEST = 24  # of the last column; below that lines are left to the terminal


def table(rows: Sequence[Sequence[str]], head: Sequence[str] = (), width: int | None = None) -> str:
    """Align rows in columns; the last column is wrapped to the width of the terminal (or `width`)."""
    everything = [list(head), *map(list, rows)] if head else [list(row) for row in rows]
    if not everything:
        return ""
    if width is None:
        width = shutil.get_terminal_size((100, 24)).columns
    widths = [max(len(row[i]) for row in everything) for i in range(len(everything[0]) - 1)]
    indent = sum(widths) + len(GAP) * len(widths)
    room = max(width - indent, NARROWEST)
    lines = []
    for row in everything:
        first, *rest = textwrap.wrap(row[-1], room) or [""]
        left = GAP.join(cell.ljust(size) for cell, size in zip(row[:-1], widths, strict=True))
        lines.append((f"{left}{GAP}{first}" if widths else first).rstrip())
        lines += [" " * indent + line for line in rest]
    return "\n".join(lines)


def size(count: float) -> str:
    """Write a number of bytes as people do: `512 B`, `3.4 MB`, `16 GB` (powers of 1000)."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 9.95 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
