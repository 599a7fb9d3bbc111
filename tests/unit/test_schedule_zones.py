"""Zones cut into pieces of constant offset, and what is said of a zone that does not exist."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta, tzinfo
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.errors import BadValue
from fsm.instants import SECOND, Instant
from fsm.planning.cron import read_cron
from fsm.planning.timetables import CronTable, Span
from fsm.planning.zones import Zone, zone

DAY = 86_400
names = st.sampled_from(sorted(available_timezones()))


def offset(name: str, second: int) -> int:
    ahead = datetime.fromtimestamp(second, ZoneInfo(name)).utcoffset()
    assert ahead is not None
    return round(ahead.total_seconds())


@given(names, st.integers(0, 6_000_000_000))
def test_a_piece_holds_its_second_and_has_its_offset(name: str, second: int) -> None:
    piece = zone(name).piece(second)
    assert piece.start <= second < piece.end
    assert {offset(name, at) for at in (piece.start, second, piece.end - 1)} == {piece.offset}


@given(names, st.integers(1970, 2060))
def test_pieces_join_and_end_where_the_offset_changes(name: str, year: int) -> None:
    begin = (year - 1970) * 31_556_952
    piece = zone(name).piece(begin)
    hours = {hour: offset(name, hour) for hour in range(begin, begin + 500 * DAY, 6 * 3600)}
    while piece.end < begin + 500 * DAY:
        following = zone(name).piece(piece.end)
        assert following.start == piece.end
        assert offset(name, piece.end) == following.offset
        assert following.high >= piece.end + piece.offset, "the latest local time does not fall back"
        for hour in (h for h in hours if piece.start <= h < piece.end):
            assert hours[hour] == piece.offset
        piece = following


@given(names, st.integers(0, 2_000_000_000))
def test_the_latest_local_time_shown_is_known_at_every_piece(name: str, second: int) -> None:
    """Tried against every hour of the week before, and against the last second of all."""
    piece = zone(name).piece(second)
    before = [*range(piece.start - 7 * DAY, piece.start, 3600), piece.start - 1]
    shown = max(at + offset(name, at) for at in before)
    assert piece.high - 3600 <= shown < piece.high or piece.high == shown + 1


def test_a_gap_and_a_repetition() -> None:
    berlin = zone("Europe/Berlin")
    spring = berlin.piece(1_774_746_000)  # 2026-03-29T01:00:00Z
    assert (spring.start, spring.offset) == (1_774_746_000, 7200)
    assert spring.high == spring.start + 3600, "an hour of local time is skipped"
    autumn = berlin.piece(1_792_890_000)  # 2026-10-25T01:00:00Z
    assert (autumn.start, autumn.offset) == (1_792_890_000, 3600)
    assert autumn.high == autumn.start + 7200, "an hour of local time is repeated"


class Turned(tzinfo):
    """A zone whose clocks are turned once, by `by` seconds, at second `at`; before that they show UTC."""

    def __init__(self, at: int, by: int) -> None:
        self.at, self.by = at, timedelta(seconds=by)
        self.turn = datetime(1970, 1, 1) + timedelta(seconds=at)

    def fromutc(self, moment: datetime) -> datetime:
        plain = moment.replace(tzinfo=None)
        after = plain >= self.turn
        local = plain + self.by if after else plain
        return local.replace(tzinfo=self, fold=int(after and local < self.turn))

    def utcoffset(self, moment: datetime | None) -> timedelta:
        assert moment is not None
        before = moment.replace(tzinfo=None) < self.turn and not moment.fold
        return timedelta(0) if before else self.by

    def dst(self, moment: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, moment: datetime | None) -> str:
        return "TURNED"


CHUNK = 1 << 25  # s; where one chunk of pieces ends and the next begins
QUARTER = 900


@pytest.mark.parametrize("by", [3600 - DAY, -7200, 3600, DAY - 3600])
@pytest.mark.parametrize("before", [0, 1, QUARTER, 3600, 7200, DAY - QUARTER, DAY, 3 * DAY, -QUARTER, -3 * DAY])
@pytest.mark.parametrize("schedule", ["0,15,30,45 0-23 * * *", "*/15 * * * *"])
def test_a_change_at_the_seam_of_two_chunks_is_seen_from_both(by: int, before: int, schedule: str) -> None:
    """Every quarter of an hour, fixed and not, against the rule done by hand: the latest local time shown so far."""
    turn = 20 * CHUNK - before
    begin, end = turn - 3 * DAY, turn + 3 * DAY
    table = CronTable(read_cron(schedule), Zone("TURNED", Turned(turn, by)))  # type: ignore[arg-type]
    fixed = "*/15" not in schedule
    expected = []
    shown = begin // QUARTER * QUARTER  # the latest local time so far
    for second in range(begin + 1, end + 1):
        local = second if second < turn else second + by
        if second == turn and by > 0 and fixed:
            expected.append(second)  # quarters were skipped; they are due now, together with one that is due now
        elif local % QUARTER == 0 and (local > shown or not fixed):
            expected.append(second)
        if local % QUARTER == 0:
            shown = max(shown, local)
    found = []
    at = Instant(begin * SECOND)
    while (following := table.next_after(at)) is not None and following <= end * SECOND:
        at = following
        found.append(at // SECOND)
    assert found == expected
    assert table.span(Instant(begin * SECOND), Instant(end * SECOND)) == Span(
        len(expected), Instant(expected[0] * SECOND), Instant(expected[-1] * SECOND)
    )


def test_the_database_changes_no_offset_twice_within_three_days() -> None:
    """What the search for seams relies on: read from the files themselves, all zones, all years."""
    for name in (files("tzdata") / "zones").read_text().split():
        changes = _changes(files("tzdata.zoneinfo").joinpath(*name.split("/")).read_bytes())
        for (one, _), (next_, _) in pairwise(changes):
            assert next_ - one > 3 * DAY, name


def _changes(tzif: bytes) -> list[tuple[int, int]]:
    """(second, offset from there on) of a TZif file (RFC 9636), its 64-bit part."""
    header = struct.Struct(">4s c 15x 6l")
    _, _, *counts = header.unpack_from(tzif)
    utc, std, leap, times, types, letters = counts
    start = header.size + times * 5 + types * 6 + letters + leap * 8 + std + utc
    _, _, *counts = header.unpack_from(tzif, start)
    _, _, _, times, types, _ = counts
    at = start + header.size
    seconds = struct.unpack_from(f">{times}q", tzif, at)
    kinds = struct.unpack_from(f">{times}B", tzif, at + 8 * times)
    offsets = [struct.unpack_from(">l", tzif, at + 9 * times + 6 * n)[0] for n in range(types)]
    changes: list[tuple[int, int]] = []
    for second, kind in zip(seconds, kinds, strict=True):
        if not changes or changes[-1][1] != offsets[kind]:
            changes.append((second, offsets[kind]))
    return changes


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Europe/Berln", "did you mean Europe/Berlin or"),
        ("europe/berlin", "did you mean Europe/Berlin or"),
        ("Berlin", "did you mean Europe/Berlin or"),
        ("america/new york", "did you mean America/New_York or"),
        ("Mars/Phobos", '"Mars/Phobos" is not a time zone (say UTC, Europe/Berlin or America/New_York)'),
        ("Europe", "did you mean"),  # a directory of the database
        ("", "is not a time zone"),
        ("../zone1970.tab", "is not a time zone"),
        ("/etc/localtime", "is not a time zone"),
        ("zone.tab", "is not a time zone"),
        ("right/Europe/Berlin", "is not a time zone"),
        ("a\0b", "is not a time zone"),
        ("ü" * 400, "…"),
        ("\ud800", "is not a time zone"),
    ],
)
def test_an_unknown_zone_is_refused_with_the_nearest_names(name: str, said: str) -> None:
    with pytest.raises(BadValue) as refused:
        zone(name)
    assert said in str(refused.value)


def test_a_zone_is_made_once() -> None:
    assert zone("Asia/Tokyo") is zone("Asia/Tokyo")
