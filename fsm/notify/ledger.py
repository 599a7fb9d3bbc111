"""The book in a file of the data folder: written whole, to a draft that takes its place, and synced before and after.

Whoever loses it loses nothing but what is still untold: it begins again at the newest entry.
"""

from __future__ import annotations

import os
from typing import Any

import orjson

from fsm.instants import Instant
from fsm.notify.lanes import Book, Channel, Lane, Message

FILE = "notify.json"
_VERSION = 1


def load(folder: str) -> Book | None:
    """The book; None where there is none yet, or it cannot be read. Raises OSError where the folder cannot be."""
    try:
        with open(os.path.join(folder, FILE), "rb") as file:
            return _book(orjson.loads(file.read()))
    except FileNotFoundError:
        return None
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return None


def save(folder: str, book: Book) -> None:
    """Write it. After this it survives a crash; before it, the one before does. Raises OSError."""
    path = os.path.join(folder, FILE)
    draft = f"{path}.new"  # one scheduler serves a folder, so that one writes
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(orjson.dumps(_data(book)))
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
    parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def _data(book: Book) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "cursor": book.cursor,
        "failing": sorted(book.failing),
        "lanes": [
            {
                "job": job,
                "channel": channel,
                "attempts": lane.attempts,
                "next_at": lane.next_at,
                "since": lane.since,
                "error": lane.error,
                "waiting": [[each.key, each.event, each.missed] for each in lane.waiting],
            }
            for (job, channel), lane in book.lanes.items()
        ],
    }


def _book(data: dict[str, Any]) -> Book:
    if data["version"] != _VERSION:
        raise ValueError("another version wrote it")
    lanes = {
        (str(each["job"]), Channel(each["channel"])): Lane(
            [Message(key, event, missed) for key, event, missed in each["waiting"]],
            each["attempts"],
            Instant(each["next_at"]),
            None if each["since"] is None else Instant(each["since"]),
            each["error"],
        )
        for each in data["lanes"]
    }
    return Book(int(data["cursor"]), set(data["failing"]), lanes)
