"""Policies of a job that are tables of their own: `retry` and `breaker`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from attrs import Attribute, field, fields, frozen

from fsm.errors import BadValue
from fsm.instants import DAY, HOUR, MINUTE, SECOND, Duration, parse_duration
from fsm.model.states import ErrorClass, Reason, State

RETRIABLE_STATES = frozenset({State.FAILED, State.TIMED_OUT, State.LOST})
"""What `on` may name: a run that succeeded needs no retry, and one that somebody ended is not wanted."""

RETRIABLE_REASONS = frozenset(Reason) - {
    Reason.COMPLETED,
    Reason.CANCELLED,
    Reason.REPLACED,
    Reason.JOB_REMOVED,
    Reason.QUEUE_OVERFLOW,
}
DEFAULT_ON = (str(State.FAILED), str(State.TIMED_OUT), str(State.LOST))

MAX_ATTEMPTS = 1_000
MAX_FAILURES = 1_000
MAX_FACTOR_PERMILLE = 100_000  # a hundredfold: the wait is a minute, then longer than `max_backoff`


def _attempts(_: object, attribute: Attribute[int], value: object) -> None:
    if type(value) is not int or not 1 <= value <= MAX_ATTEMPTS:
        raise BadValue(f"{_shown(value)} is not a number of attempts, the first included (1 to {MAX_ATTEMPTS}; say 3)")


def _failures(_: object, attribute: Attribute[int], value: object) -> None:
    if type(value) is not int or not 1 <= value <= MAX_FAILURES:
        raise BadValue(f"{_shown(value)} is not a number of failures in a row (1 to {MAX_FAILURES}; say 5)")


def _factor(value: object) -> str:
    """The factor (``2``, ``1.5``, or as text) as text, in whole thousandths: the format has no fractions."""
    try:
        number = Decimal(str(value)) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or not 1 <= number <= MAX_FACTOR_PERMILLE // 1000:
        raise BadValue(f"{_shown(value)} is not a factor (from 1 to {MAX_FACTOR_PERMILLE // 1000}; say 2 or 1.5)")
    whole, rest = divmod(int(number * 1000), 1000)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)


def _on(value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise BadValue(f'{_shown(value)} is not a list of states or reasons (say ["failed", "timed_out"])')
    words = tuple(str(word) if isinstance(word, str) else word for word in value)
    known = {*map(str, RETRIABLE_STATES), *map(str, RETRIABLE_REASONS), *map(str, ErrorClass)}
    for word in words:
        if word not in known:
            raise BadValue(f"{_shown(word)} is not one of: {', '.join(_known_words())}")
    if not words:
        raise BadValue("an empty list retries nothing; leave retry out, or say attempts = 1")
    return tuple(dict.fromkeys(words))


def _known_words() -> list[str]:
    states = [str(state) for state in State if state in RETRIABLE_STATES]
    return states + [str(reason) for reason in Reason if reason in RETRIABLE_REASONS] + [str(c) for c in ErrorClass]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value[:80]}"' if isinstance(value, str) else repr(value)[:80]


def _positive(_: object, attribute: Attribute[Duration], value: Duration) -> None:
    if value <= 0:
        raise BadValue(f"{attribute.alias} must be longer than nothing")


def _most(_: object, attribute: Attribute[Duration], value: Duration) -> None:
    if value > 7 * DAY:
        raise BadValue(f"{attribute.alias} is longer than 7d; a retry that late is a new run")


@frozen(slots=True)
class Retry:
    """When a run that failed is tried again, as a new run.

    `attempts` counts the first one, too. The wait before attempt n + 1 is `backoff` times `factor` to the power of
    n - 1, no longer than `max_backoff`, and up to `jitter` more, which is a function of job and run. `on`: the states
    and reasons that are retried, and the classes of an agent's errors; `refused` only where it is named, and of an
    agent's turn never: it would be asked in the same words.
    """

    attempts: int = field(default=3, validator=_attempts, kw_only=True)
    backoff_us: Duration = field(
        default=Duration(30 * SECOND), alias="backoff", converter=parse_duration, validator=_most, kw_only=True
    )
    factor: str = field(default="2", converter=_factor, kw_only=True)
    max_backoff_us: Duration = field(
        default=HOUR, alias="max_backoff", converter=parse_duration, validator=_most, kw_only=True
    )
    jitter_us: Duration = field(
        default=Duration(0), alias="jitter", converter=parse_duration, validator=_most, kw_only=True
    )
    on: tuple[str, ...] = field(default=DEFAULT_ON, converter=_on, kw_only=True)

    @property
    def factor_permille(self) -> int:
        """The factor in thousandths."""
        return int(Decimal(self.factor) * 1000)


@frozen(slots=True)
class Breaker:
    """After `failures` in a row the job's runs are refused for `cooldown`; then one trial run decides."""

    failures: int = field(default=5, validator=_failures, kw_only=True)
    cooldown_us: Duration = field(
        default=Duration(15 * MINUTE), alias="cooldown", converter=parse_duration, validator=_positive, kw_only=True
    )


_Table = TypeVar("_Table", Retry, Breaker)


def table_keys(cls: type[Retry] | type[Breaker]) -> list[str]:
    """The keys of such a table, in their order."""
    return [each.alias or each.name for each in fields(cls)]


def _table(cls: type[_Table], value: object) -> _Table | None:
    if value is None or isinstance(value, cls):
        return value
    example = "{ attempts = 3 }" if cls is Retry else '{ failures = 5, cooldown = "15m" }'
    if not isinstance(value, Mapping):
        raise BadValue(f"{_shown(value)} is not a table (say {example})")
    unknown = [key for key in value if key not in table_keys(cls)]
    if unknown:
        raise BadValue(f'there is no key "{unknown[0]}" (there are {", ".join(table_keys(cls))})')
    return cls(**value)


def read_retry(value: object) -> Retry | None:
    """A `Retry`, a table with its keys, or None."""
    return _table(Retry, value)


def read_breaker(value: object) -> Breaker | None:
    """A `Breaker`, a table with its keys, or None."""
    return _table(Breaker, value)
