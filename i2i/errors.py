"""Errors with a name of their own; all others are ValueError for a bad value and LookupError for an unknown name."""

import re

BEGINNINGS = re.compile(
    r"(a|all|cannot|its|name|neither|no|none|nothing|one|only|say|the|there|these|this|too|unknown) "
)


class Stopped(RuntimeError):
    """Training ended before its last step; the message says why, what is kept and how to go on."""


class DataLost(ValueError):
    """What a run learns from can no longer be read."""


class BadBundle(ValueError):
    """A bundle that is damaged, foreign or newer than this program."""


def sentence(text: str) -> str:
    """The text of an error with a capital, unless it begins with a name, such as a file's."""
    return text[:1].upper() + text[1:] if BEGINNINGS.match(text) else text
