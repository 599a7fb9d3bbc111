"""``runningAtMs``: the marker that says a job is running, in cron/jobs.json or cron/jobs-state.json.

A gateway that dies leaves it, and answers ``already-running`` from then on (#68157, #17554). To clear one is to take
the key away, comma and all; a value of null or 0 is a marker that somebody cleared by hand, and goes as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from attrs import define, field, frozen

from fsm.openclaw.json5 import MAX_SIZE, Document, Item, Mistake, Node, read, without
from fsm.openclaw.rewrite import NotTheSame
from fsm.openclaw.survey import FileId

NAME = "runningAtMs"


@frozen(slots=True)
class Marker:
    """One that goes. `at_ms` is what it says, None for one that says no time."""

    job: str
    name: str | None
    at_ms: int | None
    item: Item


@define(slots=True)
class MarkedFile:
    """One of the two files. `why`: why nothing can be said of it, None where it was read. `young`: markers that
    stay."""

    path: str
    file: FileId | None = None
    document: Document | None = None
    jobs: int = 0
    markers: list[Marker] = field(factory=list)
    young: int = 0
    why: str | None = None

    @property
    def mistake(self) -> Mistake | None:
        """Where it stops being JSON5."""
        return None if self.document is None else self.document.mistake

    def cleared(self) -> bytes:
        """The file without its markers; every other byte as it was."""
        assert self.document is not None  # it has markers
        items = [marker.item for marker in self.markers]
        data = without(self.document.text, items).encode("utf-8", "surrogateescape")
        again = read(data)
        if (
            again.root is None
            or again.mistake is not None
            or again.root.plain() != _plain_without(self.document.root, items)
        ):
            raise NotTheSame(self.path, "its markers cannot be taken out without touching what is beside them")
        return data


def _plain_without(root: Node | None, items: list[Item]) -> object:
    """The values of a document, less these members."""
    gone = {id(item.node) for item in items}

    def plain(node: Node) -> object:
        if isinstance(node.value, dict):
            return {name: plain(value) for name, value in node.value.items() if id(value) not in gone}
        return [plain(value) for value in node.value] if isinstance(node.value, list) else node.value

    return None if root is None else plain(root)


def look(path: str, limit_ms: int) -> MarkedFile | None:
    """Read one of the files; None where it is not there. A marker goes if it is not later than `limit_ms`."""
    found = MarkedFile(path)
    try:
        with open(path, "rb") as file:
            found.file = FileId.of(os.fstat(file.fileno()))
            if found.file.size > MAX_SIZE:
                found.why = f"it is larger than {MAX_SIZE >> 20} MiB, which no list of jobs is"
                return found
            found.document = read(file.read(MAX_SIZE))
    except FileNotFoundError:
        return None
    except OSError as error:
        found.why = error.strerror or "it cannot be read"
        return found
    if found.document.mistake is not None:
        found.why = str(found.document.mistake)
    for job, node in jobs_of(found.document.root):
        found.jobs += 1
        if found.document.mistake is None:
            _look_at(found, job, node, limit_ms)
    return found


def jobs_of(root: Node | None) -> Iterator[tuple[str, Node]]:
    """Every job of either file with its id ("" for one without): a list of jobs with ``id`` or ``jobId``, or an
    object of ids. What is no object is passed over."""
    jobs = root if root is not None and isinstance(root.value, list) else root and root.get("jobs")
    if jobs is None:
        return
    if isinstance(jobs.value, dict):
        for name, node in jobs.value.items():
            if isinstance(node.value, dict):
                yield name, node
        return
    for node in jobs.value if isinstance(jobs.value, list) else ():
        if isinstance(node.value, dict):
            ident = node.get("id") or node.get("jobId")
            yield (ident.value if ident is not None and isinstance(ident.value, str) else ""), node


def _look_at(found: MarkedFile, job: str, node: Node, limit_ms: int) -> None:
    name = node.get("name")
    state = node.get("state")
    for holder in (state, node):  # in the very first versions it stood beside the state
        for item in holder.members if holder is not None else ():
            if item.name != NAME:
                continue
            value = item.node.value
            a_time = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1 << 53
            at = int(value) if a_time else None
            if at is not None and at > limit_ms:
                found.young += 1
            else:
                text = name.value if name is not None and isinstance(name.value, str) else None
                found.markers.append(Marker(job, text, at, item))
