"""The mistakes of a jobs file: collected all at once, then told a line each, in the order of the file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, datetime, time

from attrs import field, frozen

from fsm.errors import BadJobs

Path = tuple[str, ...]
"""Where in the file: ``("jobs", "backup", "timeout")``."""

_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)  # a key that TOML takes without quotes
_MAX_LINE = 400  # characters: a value may be a megabyte, its mistake is a line to be read


@frozen(slots=True)
class Mistakes:
    """What was found so far."""

    found: list[tuple[Path, str]] = field(factory=list)

    def add(self, path: Path, said: str) -> None:
        """Remember a mistake at `path`; `said` is a sentence, or what follows the name of the key."""
        self.found.append((path, said))

    def __bool__(self) -> bool:
        return bool(self.found)

    def keys_at(self, path: Path) -> set[str]:
        """The keys of the table at `path` that have a mistake in them."""
        return {where[len(path)] for where, _ in self.found if len(where) > len(path) and where[: len(path)] == path}

    def refuse(self, document: Mapping[str, object]) -> None:
        """Raise `BadJobs` if there is any mistake, ordered as the keys of `document` are."""
        if self.found:
            places = _places(document)
            ordered = sorted(self.found, key=lambda mistake: _place(mistake[0], places))
            raise BadJobs(tuple(one_line((f"{dotted(path)}: " if path else "") + said) for path, said in ordered))


def _places(document: Mapping[str, object], path: Path = (), places: dict[Path, int] | None = None) -> dict[Path, int]:
    """Every path of the document with its number; a document is as deep as its parser allowed, a few levels here."""
    places = {} if places is None else places
    places[path] = len(places)
    for key, value in document.items():
        if isinstance(value, Mapping) and len(path) < 3:  # jobs, NAME, env: mistakes stand no deeper
            _places(value, (*path, key), places)
        else:
            places[*path, key] = len(places)
    return places


def _place(path: Path, places: Mapping[Path, int]) -> int:
    while path not in places:
        path = path[:-1]  # ends at (), which is always there
    return places[path]


def dotted(path: Path) -> str:
    """The key as one would write it: ``jobs."my job".timeout``"""
    return ".".join(key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False) for key in path)


def one_line(text: str) -> str:
    """The text without line breaks and control characters, its middle left out where it is very long."""
    line = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text[: 4 * _MAX_LINE])
    if len(text) > _MAX_LINE:
        line = line[: _MAX_LINE - 80] + " … " + "".join(c if c.isprintable() else " " for c in text[-77:])
    return line


def shown(value: object) -> str:
    """A value of a TOML file as one would recognise it there."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() if value.bit_length() > 256:  # Python does not write numbers of many thousand digits
            return "a huge number"
        case str():
            return f'"{value}"'
        case datetime() | date() | time():
            return value.isoformat()
        case dict():
            return "a table"
        case list() | tuple():
            return "a list"
    return str(value)
