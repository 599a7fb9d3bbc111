"""The time zone of this machine by its name in the zone database: schedules without a zone meant that one."""

from __future__ import annotations

import os

from fsm.errors import BadValue
from fsm.planning.zones import zone

_LINK, _FILE = "/etc/localtime", "/etc/timezone"


def local_zone() -> str:
    """$TZ, what /etc/localtime points to, or what /etc/timezone says, the first that is a zone; else UTC."""
    for name in (os.environ.get("TZ", "").lstrip(":"), _linked(), _written()):
        if name and _known(name):
            return name
    return "UTC"


def _linked() -> str:
    return os.path.realpath(_LINK).partition("/zoneinfo/")[2].removeprefix("posix/").removeprefix("right/")


def _written() -> str:
    try:
        with open(_FILE, encoding="utf-8", errors="replace") as file:
            return file.read(200).strip()
    except OSError:
        return ""


def _known(name: str) -> bool:
    try:
        zone(name)
    except BadValue:
        return False
    return True
