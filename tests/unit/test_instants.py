"""Instants and durations: what is read, what is refused, and that what is written is read back."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.errors import BadValue
from fsm.instants import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Deadline,
    Instant,
    Moment,
    as_datetime,
    format_duration,
    format_instant,
    parse_duration,
    parse_instant,
)

YEAR_1, YEAR_10000 = -62_135_596_800 * SECOND, 253_402_300_800 * SECOND


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("0.5s", 500_000),
        ("90s", 90 * SECOND),
        ("15m", 15 * MINUTE),
        ("2h", 2 * HOUR),
        ("1d", DAY),
        ("1h30m", 90 * MINUTE),
        (" 1h 30m ", 90 * MINUTE),
        ("250ms", 250_000),
        ("7us", 7),
        ("0s", 0),
        ("36500d", 36_500 * DAY),
        (timedelta(minutes=1), MINUTE),
        (90_000_000, 90 * SECOND),
    ],
)
def test_a_duration_is_read(text: object, us: int) -> None:
    assert parse_duration(text) == us


NO_DURATIONS = [
    "soon",
    "",
    "1",
    "s",
    "1.s",
    ".5s",
    "-1s",
    "1h-5m",
    "1S",
    "1w",
    "1h30",
    "1,5h",
    "٣s",
    "1e3s",
    "nans",
    None,
    1.5,
    True,
    [],
    "9" * 400 + "s",
]


@pytest.mark.parametrize("text", NO_DURATIONS)
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(BadValue, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["36500d1us", "99999999999999999999d", -1, timedelta(days=-1)])
def test_a_duration_is_within_a_hundred_years(text: object) -> None:
    with pytest.raises(BadValue, match="is not between 0s and 36500d"):
        parse_duration(text)


def test_the_sentence_says_what_would_be_right() -> None:
    with pytest.raises(BadValue) as refused:
        parse_duration("soon")
    assert str(refused.value) == '"soon" is not a duration (say 90s, 15m, 2h or 1d)'


@given(st.integers(0, 36_500 * DAY))
def test_a_duration_is_read_back_exactly(us: int) -> None:
    assert parse_duration(format_duration(us)) == us


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "0s"),
        (1, "1us"),
        (1_500_000, "1500ms"),
        (1_800_000_000, "30m"),
        (DAY, "1d"),
        (25 * HOUR, "25h"),
        (1_000_001, "1.000001s"),
        (-MINUTE, "-1m"),
    ],
)
def test_a_duration_is_written_short(us: int, text: str) -> None:
    assert format_duration(us) == text


@given(st.integers(YEAR_1, YEAR_10000 - 1))
def test_an_instant_is_read_back_exactly(us: int) -> None:
    text = format_instant(us)
    assert len(text) == len("2026-03-28T22:00:00.000000Z")
    assert parse_instant(text) == us
    assert parse_instant(as_datetime(us)) == us


@given(st.integers(YEAR_1, YEAR_10000 - 1), st.integers(YEAR_1, YEAR_10000 - 1))
def test_texts_of_instants_are_in_the_order_of_the_instants(one: int, two: int) -> None:
    assert (one < two) == (format_instant(one) < format_instant(two))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-03-28T22:00:00Z", "2026-03-28T22:00:00.000000Z"),
        ("2026-03-28T23:00:00+01:00", "2026-03-28T22:00:00.000000Z"),
        ("2026-03-28 22:00:00.5Z", "2026-03-28T22:00:00.500000Z"),
        (" 2026-03-28T22:00Z ", "2026-03-28T22:00:00.000000Z"),
        (datetime(2026, 3, 28, 22, tzinfo=UTC), "2026-03-28T22:00:00.000000Z"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
    ],
)
def test_an_instant_is_read(text: object, same: str) -> None:
    assert format_instant(parse_instant(text)) == same


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("noon", "is not an instant (say 2026-12-01T09:00:00Z)"),
        ("2026-02-30T00:00:00Z", "is not an instant"),
        ("2026-12-01T25:00:00Z", "is not an instant"),
        ("", "is not an instant"),
        (0, "is not an instant"),
        (None, "is not an instant"),
        ("2026-12-01T09:00:00", "lacks its offset from UTC"),
        ("2026-12-01", "lacks its offset from UTC"),
        (datetime(2026, 1, 1), "lacks its offset from UTC"),
        ("0001-01-01T00:00:00+23:00", "is not between the years 1 and 9999"),
        ("9999-12-31T23:00:00-05:00", "is not between the years 1 and 9999"),
    ],
)
def test_what_is_no_instant_is_refused(text: object, said: str) -> None:
    with pytest.raises(BadValue) as refused:
        parse_instant(text)
    assert said in str(refused.value)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (parse_duration, parse_instant):
        with suppress(BadValue):
            read(text)


@pytest.mark.requirement("R-8")
def test_a_deadline_counts_by_boot_time_while_the_boot_lasts_and_by_utc_afterwards() -> None:
    now = Moment(Instant(1_000), 50, "a")
    deadline = Deadline.after(now, 100)
    assert not deadline.passed(Moment(Instant(10**15), 149, "a")), "the wall clock was set: no matter"
    assert deadline.passed(Moment(Instant(0), 150, "a"))
    assert deadline.left(Moment(Instant(1_099), 0, "b")) == 1
    assert deadline.passed(Moment(Instant(1_100), 0, "b"))
