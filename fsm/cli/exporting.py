"""Runs and entries as rows, and rows as CSV, JSON Lines or Parquet: a batch at a time, whatever the history holds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import IO, Any, Protocol

from attrs import frozen

from fsm.cli.runjson import run_json
from fsm.errors import BadValue
from fsm.instants import Instant
from fsm.model.entries import Entry
from fsm.model.job import SCHEDULER_STREAM
from fsm.ports import Journal

Row = Mapping[str, Any]

AT_ONCE = 1_000
"""Rows that are in memory at once: a megabyte or so."""

PARQUET_GROUP = 10_000
"""Rows of one row group of Parquet, the unit that its readers read; some megabytes while it is made."""


@frozen(slots=True)
class Columns:
    """The columns of an export in their order, and which are instants, integers and truth values; the rest is text."""

    names: tuple[str, ...]
    instants: frozenset[str]
    integers: frozenset[str]
    flags: frozenset[str] = frozenset()


RUNS = Columns(
    (
        *("id", "job", "number", "state", "reason", "cause", "scheduled_for", "queued_at", "started_at", "ended_at"),
        *("deadline", "exit_code", "signal", "error", "agent", "attempt", "retry_of", "forced", "session_key", "slot"),
    ),
    frozenset({"scheduled_for", "queued_at", "started_at", "ended_at", "deadline"}),
    frozenset({"number", "exit_code", "signal", "attempt"}),
    frozenset({"forced"}),
)
ENTRIES = Columns(
    (
        *("id", "job", "seq", "at", "actor", "node", "epoch", "kind", "run"),
        *("trigger", "from", "to", "reason", "body", "prev_hash", "hash"),
    ),
    frozenset({"at"}),
    frozenset({"id", "seq", "epoch"}),
)


def run_rows(journal: Journal, job: str | None, since: Instant | None) -> Iterator[Row]:
    """Every run, by job and number, removed jobs included; with `since`, those queued at or after."""
    for name in journal.streams() if job is None else [job]:
        if name == SCHEDULER_STREAM:
            continue
        for number in range(1, journal.state(name).last_number + 1):
            run = journal.run(name, number)  # one question each: nothing is held, and none is missed or told twice
            if run is not None and (since is None or run.queued_at >= since):
                yield run_json(run)


def entry_rows(entries: Iterable[Entry]) -> Iterator[Row]:
    """Entries with the words of a transition in columns of their own and the whole body as JSON text."""
    import orjson

    from fsm.codec.entries import entry_to_dict

    for entry in entries:
        row = dict(entry_to_dict(entry))
        body: dict[str, Any] = row["body"]
        row |= {name: body.get(name) for name in ("trigger", "from", "to", "reason")}
        row["body"] = orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode()
        yield row


def entry_objects(entries: Iterable[Entry]) -> Iterator[Row]:
    """Entries as `cronfsm verify` reads them."""
    from fsm.codec.entries import entry_to_dict

    return map(entry_to_dict, entries)


def _cell(value: object) -> object:
    """What a column can hold: an object (an agent's evidence) stands as its JSON text."""
    if not isinstance(value, dict):
        return value
    import orjson

    return orjson.dumps(value).decode()


def _text(value: object) -> object:
    """The same where every column is text: what is true or false stands as in JSON."""
    return str(value).lower() if isinstance(value, bool) else _cell(value)


class Sink(Protocol):
    """Takes rows in batches."""

    def write(self, rows: Sequence[Row]) -> None:
        """The next rows."""
        ...

    def close(self) -> None:
        """No more come."""
        ...


def pour(rows: Iterable[Row], sink: Sink, at_once: int = AT_ONCE) -> int:
    """Write all rows; how many there were."""
    source, count = iter(rows), 0
    try:
        while batch := list(islice(source, at_once)):
            sink.write(batch)
            count += len(batch)
    finally:
        sink.close()
    return count


class Csv:
    """Comma-separated values (RFC 4180, with line feeds), headings first; what has no value is empty."""

    def __init__(self, file: IO[bytes], columns: Columns) -> None:
        self._file, self._columns = file, columns
        file.write(",".join(columns.names).encode() + b"\n")

    def write(self, rows: Sequence[Row]) -> None:
        """The next rows."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([_text(row[name]) for name in self._columns.names] for row in rows)
        self._file.write(text.getvalue().encode())

    def close(self) -> None:
        """Nothing is kept back."""


class Jsonl:
    """An object a line."""

    def __init__(self, file: IO[bytes], columns: Columns) -> None:
        self._file = file

    def write(self, rows: Sequence[Row]) -> None:
        """The next rows."""
        import orjson

        self._file.write(b"".join(orjson.dumps(row) + b"\n" for row in rows))

    def close(self) -> None:
        """Nothing is kept back."""


class Parquet:
    """Apache Parquet through pyarrow: typed columns, instants in UTC. Raises `BadValue` where pyarrow is missing."""

    def __init__(self, file: IO[bytes], columns: Columns) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise BadValue(
                "Parquet needs pyarrow, which is not installed: pip install 'cronfsm[parquet]', or take csv or jsonl"
            ) from None
        self._pyarrow, self._columns = pyarrow, columns
        self._schema = pyarrow.schema([(name, self._type(name)) for name in columns.names])
        self._writer = pyarrow.parquet.ParquetWriter(file, self._schema)

    def _type(self, name: str) -> Any:
        if name in self._columns.instants:
            return self._pyarrow.timestamp("us", tz="UTC")
        if name in self._columns.flags:
            return self._pyarrow.bool_()
        return self._pyarrow.int64() if name in self._columns.integers else self._pyarrow.string()

    def write(self, rows: Sequence[Row]) -> None:
        """The next rows, as one row group."""
        from datetime import datetime

        def value(row: Row, name: str) -> object:
            found = _cell(row[name])
            return datetime.fromisoformat(str(found)) if found is not None and name in self._columns.instants else found

        columns = {name: [value(row, name) for row in rows] for name in self._columns.names}
        self._writer.write_table(self._pyarrow.table(columns, schema=self._schema))

    def close(self) -> None:
        """Write the file's end, without which it cannot be read."""
        self._writer.close()


FORMATS: dict[str, type[Csv] | type[Jsonl] | type[Parquet]] = {"csv": Csv, "jsonl": Jsonl, "parquet": Parquet}
