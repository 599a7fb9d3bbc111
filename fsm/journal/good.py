"""Which entries of a damaged journal are good.

Good is an entry that proves itself: its hash is that of its content, it follows the one before it in its stream, and
the fold takes it. After the first bad one nothing of a stream is good any more, for nobody can say what the fold was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256

import apsw
from attrs import define, field, frozen

from fsm.codec.entries import entry_from_row
from fsm.errors import BadValue, IllegalEntry
from fsm.journal.aside import Aside
from fsm.journal.carve import COLUMNS, Row
from fsm.journal.reading import Reading
from fsm.journal.transplant import Kept, sealed
from fsm.journal.verify import Stream, begins_pruned, fold
from fsm.model.entries import Entry, SchedulerSettings, SchedulerUp
from fsm.model.settings import Settings

# On the disk, so that memory does not grow with the journal. Each row once: pages may hold one twice.
_STAGE = f"CREATE TABLE found ({', '.join(COLUMNS)}, good, mark, PRIMARY KEY (job, seq, mark)) WITHOUT ROWID"
_FOUND = f"INSERT OR IGNORE INTO found VALUES ({', '.join('?' * (len(COLUMNS) + 2))})"

# In commit order, and each stream by its seqs even where somebody changed ids. Of two that claim one place, the one
# that proves itself comes first.
_IN_ORDER = f"""
SELECT {", ".join(COLUMNS)} FROM (SELECT *, max(id) OVER (PARTITION BY job ORDER BY seq) AS place FROM found)
 ORDER BY place, seq, good DESC, id
"""


@frozen(slots=True)
class Cut:
    """A stream that is good up to its first bad entry: that one's `seq`, and `why` it is bad. `aside` is how many
    entries of it are not good."""

    job: str
    seq: int
    why: str
    aside: int


@define
class Found:
    """A stream as far as it is good; `bad` is the seq of the first entry that is not, `why` says what is wrong."""

    kept: Stream
    bad: int | None = None
    why: str = ""
    aside: int = 0


@define
class Sorting:
    """What `good` has seen so far. `epoch` is the newest of the entries that are kept, `highest_epoch` that of all
    that can be read; `settings` are those that were set last, if that can be read."""

    streams: dict[str, Found] = field(factory=dict)
    kept: int = 0
    epoch: int = 0
    highest_epoch: int = 0
    settings: Settings | None = None
    new_ids_from: int | None = None

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """The streams that are not good to their end, by name."""
        found = sorted(self.streams.items())
        return tuple(Cut(job, one.bad, one.why, one.aside) for job, one in found if one.bad is not None)


def good(reading: Reading, sorting: Sorting, aside: Aside) -> Iterator[Kept]:
    """The entries to keep, in an order in which they can be appended; all others go to `aside`."""
    with closing(apsw.Connection("")) as stage:
        stage.execute(_STAGE)
        stage.execute("BEGIN")
        stage.executemany(_FOUND, map(_staged, reading.rows))
        stage.execute("COMMIT")
        for row in stage.execute(_IN_ORDER):
            yield from _sort(row, sorting, aside)
    _look_for_lost_ends(reading, sorting)


def _staged(row: Row) -> Row:
    return *row, read_row(row)[0] is not None, sha256(repr(row).encode()).digest()


def _look_for_lost_ends(reading: Reading, sorting: Sorting) -> None:
    """A stream may have lost its last entries, so that none of those that are left is bad. That must not pass for
    whole: the scheduler would answer the same ticks again."""
    for job, length in reading.lengths.items():
        found = sorting.streams.setdefault(job, Found(Stream(job)))
        if found.bad is None and length > found.kept.seq:
            found.bad, found.why = found.kept.seq + 1, _missing(found.kept.seq + 1, length)
    for job, found in sorting.streams.items():
        if found.bad is None and job not in reading.lengths and not reading.whole:
            found.bad, found.why = found.kept.seq + 1, "nobody can tell whether there was one"


def _sort(row: Row, sorting: Sorting, aside: Aside) -> Iterator[Kept]:
    entry, why = read_row(row)
    found = sorting.streams.setdefault(row[1], Found(Stream(row[1])))
    before = found.kept.state
    if entry is not None:
        sorting.highest_epoch = max(sorting.highest_epoch, entry.epoch or 0)
        if isinstance(entry.body, SchedulerUp | SchedulerSettings):
            sorting.settings = Settings(entry.body.max_running, entry.body.groups or ())
        why = _why_not(found, entry, sorting.epoch)
    after = found.kept.state
    if entry is None or why or before is None or after is None:
        if found.bad is None and row[2] > found.kept.seq:  # else it is a rival of one that is kept
            found.bad, found.why = found.kept.seq + 1, why
        found.aside += 1
        aside.add(row, entry, why)
        return
    sorting.kept += 1
    sorting.epoch = max(sorting.epoch, entry.epoch or 0)
    if entry.id != sorting.kept and sorting.new_ids_from is None:
        sorting.new_ids_from = sorting.kept
    yield entry, before, after


def read_row(row: Row) -> tuple[Entry | None, str]:
    """The entry in a row, if its hash is that of its content; else why it is none."""
    try:
        entry = entry_from_row(row)
        _, digest = sealed(entry)
    except IllegalEntry as illegal:
        return None, illegal.why
    except (BadValue, ValueError, OverflowError) as error:
        return None, f"it cannot be read: {error}"
    if digest != entry.hash:
        return None, f"its hash is {entry.hash[:12]}…, and that of its content {digest[:12]}…: it was changed"
    return entry, ""


def _why_not(found: Found, entry: Entry, epoch: int) -> str:
    """Why it cannot follow what is kept of its stream. Where it can, it is folded, and the answer is empty."""
    kept = found.kept
    before = kept.state
    if found.bad is not None or before is None:
        return f"entry {found.bad} before it is bad"
    if entry.seq <= kept.seq:
        return "another entry has this place"
    begins = kept.seq == 0 and begins_pruned(entry)
    if entry.seq > kept.seq + 1 and not begins:
        return _missing(kept.seq + 1, entry.seq - 1)
    if entry.prev_hash != kept.last_hash and not begins:
        return "it follows another entry than the one before it"
    if entry.epoch is not None and entry.epoch < epoch:
        return f"it was appended under epoch {entry.epoch}, after epoch {epoch} had begun"
    known = kept.seq, kept.last_hash
    for _, why in fold(kept, entry):
        kept.state, (kept.seq, kept.last_hash) = before, known
        return why
    return ""


def _missing(first: int, last: int) -> str:
    return f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"
