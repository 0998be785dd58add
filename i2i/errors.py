"""Errors that are neither a bad value (ValueError) nor an unknown name (LookupError)."""


class Stopped(RuntimeError):
    """Training ended before its last step; the message says why, what is kept and how to go on."""
