"""Warnings of i2i and its plugins as plain lines for users, `Note: ...`, instead of a file, a number and a class."""

from __future__ import annotations

import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from i2i.log import RunLog


def _print(text: str) -> None:
    if os.environ.get("RANK", "0") == "0":  # torchrun's other processes have the same to say
        print(text, file=sys.stderr)


_tell: Callable[[str], None] = _print


@contextmanager
def plain() -> Iterator[None]:
    """Within the block, print what i2i and plugins warn of as notes on stderr, once each; others' warnings stay."""
    usual, said = warnings.showwarning, set()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if file is not None or not _is_ours(sys._getframe(1)):
            usual(message, category, filename, lineno, file, line)
        elif (text := str(message)) not in said:
            said.add(text)
            tell = _print if multiprocessing.parent_process() else _tell  # the log is the run's own process's
            tell(f"Note: {text}")

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = usual


@contextmanager
def kept_in(log: RunLog | None) -> Iterator[None]:
    """Within the block, say notes through the log of a run, which keeps them; without one, as before."""
    global _tell
    before = _tell
    if log is not None:
        _tell = lambda text: log.say(text, warning=True)  # noqa: E731
    try:
        yield
    finally:
        _tell = before


def _is_ours(frame: FrameType | None) -> bool:
    """Whether a function of i2i or of a plugin called `warn`, whichever line its `stacklevel` makes responsible.

    What torch's compiled code warns of seems to come from the function that called it, which names no `warn` itself.
    """
    while frame is not None and frame.f_globals.get("__name__") == "warnings":
        frame = frame.f_back
    if frame is None or "warn" not in frame.f_code.co_names:
        return False
    return str(frame.f_globals.get("__name__")).partition(".")[0] in _packages()


def _packages() -> set[str]:
    """The packages of i2i and its plugins."""
    from i2i.plugins import registry

    modules = (module for _, module in registry().manager.list_name_plugin() if module is not None)
    return {"i2i"} | {getattr(module, "__name__", "").partition(".")[0] for module in modules}
