"""Rows of a session store: whose they are, and what they say of a cron run.

Keys as in ``src/sessions/session-key-utils.ts`` of openclaw/openclaw: ``agent:<agent>:cron:<job>:run:<uuid>`` is a
run's row, ``agent:<agent>:cron:<job>`` the base row of a job. Only the first, and only in exactly that form, is ever
ours to change: what hangs below a run (``…:run:<uuid>:thread:…``) is somebody's session.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum

from attrs import frozen

from fsm.openclaw.scan import Field, Member

NAMES = frozenset({b'"status"', b'"updatedAt"', b'"startedAt"', b'"endedAt"'})
"""The fields that are read of a run's row."""

_RUN = re.compile(r"agent:([^:]+):cron:([^:]+):run:([^:]+)")
_BASE = re.compile(r"agent:([^:]+):cron:([^:]+)")
_MAX_MS = 1 << 53


@frozen(slots=True)
class RowKey:
    """Whose row it is. `run` is None for a job's base row."""

    agent: str
    job: str
    run: str | None


def row_key(raw: bytes) -> RowKey | None:
    """What a key (as it stands in the file, with its quotes) says; None for every other session."""
    if b":cron:" not in raw and b"\\" not in raw:  # most of a store; a key may be written in escapes
        return None
    try:
        key = json.loads(raw)
    except ValueError:  # no key that JSON has: not ours
        return None
    match = _RUN.fullmatch(key)
    if match is not None:
        return RowKey(match[1], match[2], match[3])
    match = _BASE.fullmatch(key)
    return None if match is None else RowKey(match[1], match[2], None)


def run_of(session: str) -> str | None:
    """The run of a session's key, as another file names it; None where it is no run's."""
    match = _RUN.fullmatch(session)
    return None if match is None else match[3]


def wanted(raw: bytes) -> frozenset[bytes]:
    """The fields to look at in the row with this key: those of a run's, nothing of any other."""
    key = row_key(raw)
    return NAMES if key is not None and key.run is not None else frozenset()


class Kind(StrEnum):
    """What a run's row is."""

    YOUNG = "young"  # a sign of life within the limit: left alone
    STUCK = "stuck"  # running, and no sign of life for longer than the limit
    ORPHANED = "orphaned"  # of a job that cron/jobs.json does not have
    OLD = "old"  # ended, longer ago than the limit
    UNCLEAR = "unclear"  # it cannot be told: left alone


@frozen(slots=True)
class Row:
    """A run's row, as far as it matters. `sign_ms` is its last sign of life, epoch ms, never later than its file's."""

    key: RowKey
    kind: Kind
    sign_ms: int
    running: bool


def judge(key: RowKey, member: Member, *, file_ms: int, limit_ms: int, jobs: frozenset[str] | None) -> Row:
    """What the row `member` is. Its last sign of life is the latest of its times, but not after its file was written
    (`file_ms`); a row without times is as young as its file. `jobs`: the ids there are, case-folded; None: unknown."""
    fields = member.fields
    if fields is None:
        return Row(key, Kind.UNCLEAR, file_ms, False)
    times = [
        ms for name in (b'"updatedAt"', b'"startedAt"', b'"endedAt"') if (ms := time_ms(fields.get(name))) is not None
    ]
    sign = min(max(times, default=file_ms), file_ms)
    running = status(fields) == "running"
    if sign > limit_ms:
        kind = Kind.YOUNG
    elif jobs is not None and key.job.casefold() not in jobs:
        kind = Kind.ORPHANED
    elif running:
        kind = Kind.STUCK
    elif status(fields) is None and b'"status"' in fields:
        kind = Kind.UNCLEAR
    else:
        kind = Kind.OLD
    return Row(key, kind, sign, running)


def status(fields: dict[bytes, Field]) -> str | None:
    """The row's status; None where it has none, or one that is no text."""
    field = fields.get(b'"status"')
    if field is None or field.raw is None or field.raw[:1] != b'"':
        return None
    try:
        text = json.loads(field.raw)
    except ValueError:
        return None
    return text if isinstance(text, str) else None


def time_ms(field: Field | None) -> int | None:
    """A time in epoch ms, or None for what is none."""
    if field is None or field.raw is None:
        return None
    try:
        value = float(field.raw)
    except ValueError:
        return None
    return int(value) if 0 < value < _MAX_MS else None
