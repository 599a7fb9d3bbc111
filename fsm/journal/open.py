"""One function that opens any journal by its address."""

from __future__ import annotations

from fsm.errors import BadValue
from fsm.ports import Journal


def open_journal(url: str, *, node: str | None = None, read_only: bool = False) -> Journal:
    """``memory:`` is a new journal in memory, ``sqlite:PATH`` the one in that file, made if it is missing.

    `node` is the name of this machine that entries carry. With `read_only`, nothing is created or changed, and a file
    that is missing is an error. Raises `BadValue` for another address, a `StoreError` for a store that cannot be used.
    """
    scheme, colon, rest = url.partition(":")
    if scheme == "memory" and colon and not rest:
        from fsm.journal.memory import MemoryJournal  # loads the machine and the codec, which a reader does without

        return MemoryJournal() if node is None else MemoryJournal(node=node)
    if scheme == "sqlite" and rest:
        from fsm.journal.sqlite import SqliteJournal

        return SqliteJournal(rest, node=node, read_only=read_only)
    if scheme in ("postgres", "postgresql"):
        raise BadValue(f'"{url}": PostgreSQL is not there yet (say sqlite:PATH)')
    raise BadValue(f'"{url}" is not the address of a journal (say memory: or sqlite:PATH)')
