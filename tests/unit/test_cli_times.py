"""Times as people read and write them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from cli_kit import berlin
from hypothesis import given
from hypothesis import strategies as st

from fsm.cli.times import age, clock, read_time, relative, span, stamp, stamp_ms
from fsm.errors import BadValue
from fsm.instants import DAY, HOUR, MINUTE, SECOND, format_instant, parse_instant

__all__ = ["berlin"]

NOW = parse_instant("2026-11-20T12:00:00Z")


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "0ms"),
        (999_999, "999ms"),
        (SECOND, "1s"),
        (12_340_000, "12.3s"),
        (59_960_000, "1m"),
        (3_599_600_000, "1h"),
        (HOUR + 12 * MINUTE, "1h 12m"),
        (DAY - 1, "1d"),
        (2 * DAY + 3 * HOUR, "2d 3h"),
        (-5 * MINUTE, "5m"),
    ],
)
def test_a_length_is_shown_in_two_units_at_most(us: int, text: str) -> None:
    assert span(us) == text


@given(st.integers(0, 400 * DAY))
def test_a_shown_length_is_never_off_by_more_than_its_smaller_unit(us: int) -> None:
    units = {"ms": 1000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
    parts = [(float(word.rstrip("dhms")), word.lstrip("0123456789.")) for word in span(us).split()]
    shown = sum(number * units[unit] for number, unit in parts)
    assert abs(shown - us) <= (SECOND if us < HOUR - MINUTE else MINUTE if us < DAY - HOUR else HOUR)
    assert all(unit == "d" or number < 60 or unit == "ms" for number, unit in parts)


def test_relative_says_which_way() -> None:
    assert relative(NOW + 8 * HOUR, NOW) == "in 8h"
    assert relative(NOW - 90 * SECOND, NOW) == "1m 30s ago"
    assert relative(NOW + 1, NOW) == "now"
    assert [age(us) for us in (0, 5 * SECOND, 3 * MINUTE, 2 * HOUR, 9 * DAY)] == ["0s", "5s", "3m", "2h", "9d"]


@pytest.mark.usefixtures("berlin")
def test_stamps_are_local_and_name_their_zone() -> None:
    assert stamp(NOW) == "2026-11-20 13:00:00 CET"
    assert stamp_ms(NOW + 1_500) == "2026-11-20 13:00:00.001 CET"
    assert stamp(NOW, UTC) == "2026-11-20 12:00:00 UTC"
    assert stamp(NOW, ZoneInfo("America/New_York")) == "2026-11-20 07:00:00 EST"
    assert stamp(None) == ""
    assert clock(NOW, NOW + HOUR) == "13:00:00"
    assert clock(NOW, NOW + 11 * HOUR) == "2026-11-20 13:00:00"  # the other one is tomorrow, in Berlin


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("text", "ahead", "wanted"),
    [
        ("2026-12-01T09:00:00Z", False, "2026-12-01T09:00:00Z"),
        ("2026-12-01T09:00:00+01:00", False, "2026-12-01T08:00:00Z"),
        ("2026-12-01 09:00", False, "2026-12-01T08:00:00Z"),
        ("2026-12-01T09:00:30.5", False, "2026-12-01T08:00:30.5Z"),
        ("2026-12-01", False, "2026-11-30T23:00:00Z"),
        ("12:30", False, "2026-11-20T11:30:00Z"),  # today, for it is one o'clock
        ("14:00", False, "2026-11-19T13:00:00Z"),  # not yet today: yesterday
        ("9:00", True, "2026-11-21T08:00:00Z"),  # over for today: tomorrow
        ("14:00", True, "2026-11-20T13:00:00Z"),
        ("2h", False, "2026-11-20T10:00:00Z"),
        ("1d", True, "2026-11-21T12:00:00Z"),
        (" now ", False, "2026-11-20T12:00:00Z"),
    ],
)
def test_a_person_says_a_time_in_many_ways(text: str, ahead: bool, wanted: str) -> None:
    assert format_instant(read_time(text, NOW, ahead=ahead)) == format_instant(parse_instant(wanted))


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13-01", "25:00", "2026-11-20 03", "9", "tomorrow", "-2h", "03:00:00:00"]
)
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(BadValue, match=r"is not a time \(say 2026-12-01T09:00:00Z"):
        read_time(text, NOW)


@given(st.text(max_size=30))
def test_reading_a_time_never_fails_in_another_way(text: str) -> None:
    with suppress(BadValue):
        read_time(text, NOW)
