"""Reading a crontab: what each of its lines says, by the rules of crontab(5) of Debian's cron and of cronie.

A line is a remark, a setting, an entry, or a mistake; none is lost. Settings count for the entries below them. An
unescaped ``%`` of a command is the end of the command and begins its input, further ones are line breaks in it;
``\\%`` is a ``%``.
"""

from __future__ import annotations

import re
from enum import StrEnum

from attrs import frozen

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_SETTING = re.compile(rf"\s*(?:({_NAME})|\"({_NAME})\"|'({_NAME})')\s*=\s*(.*?)\s*")
_FIELDS = 5
_PERCENT = re.compile(r"(\\%)|%")

MAX_LINES = 100_000
"""Lines that are read; a crontab of a thousand is long."""


class Kind(StrEnum):
    """What a line is."""

    ENTRY = "entry"
    WRONG = "wrong"


@frozen(slots=True)
class CronLine:
    """A line that is meant to run something. `number` counts from 1, `text` is the line as it stands.

    `schedule` is its five fields or its ``@`` name, `user` whom it names (system form), `command` and `stdin` what it
    runs with which input (None: none), `settings` what was set above it. `why`: what is wrong with it, where it is
    `Kind.WRONG`.
    """

    number: int
    text: str
    kind: Kind = Kind.ENTRY
    schedule: str = ""
    user: str | None = None
    command: str = ""
    stdin: str | None = None
    settings: tuple[tuple[str, str], ...] = ()
    remark: str = ""
    why: str = ""


def read_crontab(text: str, *, system: bool) -> list[CronLine]:
    """The entries of a crontab, and its lines that are none. `system`: a user stands between schedule and command."""
    found: list[CronLine] = []
    settings: dict[str, str] = {}
    remark = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if number > MAX_LINES:
            found.append(
                CronLine(number, "", Kind.WRONG, why=f"there are more than {MAX_LINES:,} lines; it is read no further")
            )
            break
        if not line or line.startswith("#"):
            remark = line.lstrip("# ")  # the remark right above an entry is about it; an empty line ends that
            continue
        setting = _SETTING.fullmatch(raw)
        if setting is not None:
            settings[setting[1] or setting[2] or setting[3]] = _unquoted(setting[4])
            continue
        found.append(_entry(number, line, system, tuple(settings.items()), remark))
        remark = ""
    return found


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text


def _entry(number: int, line: str, system: bool, settings: tuple[tuple[str, str], ...], remark: str) -> CronLine:
    count = 1 if line.startswith("@") else _FIELDS
    words = line.removeprefix("-").split(None, count + system)  # a minus in front: do not log it (SUSE)
    if len(words) <= count + system:
        wanted = "a schedule" + (", a user" if system else "") + " and a command"
        return CronLine(number, line, Kind.WRONG, settings=settings, why=f"it is neither {wanted} nor NAME = text")
    command, stdin = split_percent(words[-1])
    return CronLine(
        number,
        line,
        schedule=" ".join(words[:count]),
        user=words[count] if system else None,
        command=command,
        stdin=stdin,
        settings=settings,
        remark=remark,
    )


def split_percent(text: str) -> tuple[str, str | None]:
    """A command and its input: from the first unescaped ``%`` on, with line breaks for further ones."""
    parts, last = [""], 0
    for match in _PERCENT.finditer(text):
        parts[-1] += text[last : match.start()] + ("%" if match[1] else "")
        if not match[1]:
            parts.append("")
        last = match.end()
    parts[-1] += text[last:]
    return parts[0].rstrip(), "\n".join(parts[1:]) if len(parts) > 1 else None
