"""Errors with a name of their own; all others are ValueError for a bad value and LookupError for an unknown name."""


class Stopped(RuntimeError):
    """Training ended before its last step; the message says why, what is kept and how to go on."""


class DataLost(ValueError):
    """What a run learns from can no longer be read."""


class BadBundle(ValueError):
    """A bundle that is damaged, foreign or newer than this program."""
