"""The text of a crontab, from a file or from stdin."""

from __future__ import annotations

import os
import sys

from fsm.errors import BadValue

_MAX_CRONTAB = 4 << 20
"""Bytes; a thousand lines are a hundred thousand."""


def crontab_text(path: str) -> tuple[str, str, bool]:
    """The text; what it is called, its absolute path or ``-``; whether it is one of those of the system, by its place.

    Raises `BadValue`, OSError.
    """
    if path == "-":
        data, name = sys.stdin.buffer.read(_MAX_CRONTAB + 1), "-"
    else:
        name = os.path.abspath(path)
        with open(path, "rb") as file:
            data = file.read(_MAX_CRONTAB + 1)
    if len(data) > _MAX_CRONTAB:
        raise BadValue(f"{path}: it is larger than {_MAX_CRONTAB >> 20} MiB, which no crontab is")
    try:
        return data.decode(), name, name == "/etc/crontab" or name.startswith("/etc/cron.d/")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadValue(f"{path}: line {line} is not text in UTF-8") from None
