"""Zones cut into pieces of constant offset, and what is said of a zone that does not exist."""

from __future__ import annotations

import struct
from datetime import datetime
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.errors import BadValue
from fsm.planning.zones import zone

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
