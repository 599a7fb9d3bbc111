"""What a benchmark gives: figures, what each is compared with, and whether its goal is met."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from attrs import field, frozen


def _floats(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


@frozen(slots=True)
class Sample:
    """The same thing measured once in each round. Never empty."""

    values: tuple[float, ...] = field(converter=_floats)
    unit: str

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.values)

    @property
    def lowest(self) -> float:
        """The smallest."""
        return min(self.values)

    @property
    def highest(self) -> float:
        """The largest."""
        return max(self.values)

    def over(self, other: Sample) -> Sample:
        """The ratio to `other`, round by round, so that a slow minute hits both."""
        return Sample([mine / theirs for mine, theirs in zip(self.values, other.values, strict=True)], "")


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all are not above."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


@frozen(slots=True)
class Wanted:
    """A goal: a bound of a median."""

    bound: float
    at_least: bool

    def met_by(self, sample: Sample) -> bool:
        """Whether it holds."""
        return sample.median >= self.bound if self.at_least else sample.median <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:,g}"


def at_least(bound: float) -> Wanted:
    """No less than this."""
    return Wanted(bound, at_least=True)


def at_most(bound: float) -> Wanted:
    """No more than this."""
    return Wanted(bound, at_least=False)


@frozen(slots=True)
class Beside:
    """A limit or a peer, measured in the same rounds, and what is wanted of the ratio to it."""

    name: str
    sample: Sample
    wanted: Wanted | None = None


@frozen(slots=True)
class Figure:
    """One measured thing. `goal` is the number of the goal that it belongs to; `note` says what is in it, exactly."""

    goal: str
    what: str
    sample: Sample
    wanted: Wanted | None = None
    beside: tuple[Beside, ...] = ()
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether every goal of it is met; None where it has none."""
        verdicts = [] if self.wanted is None else [self.wanted.met_by(self.sample)]
        verdicts += [b.wanted.met_by(self.sample.over(b.sample)) for b in self.beside if b.wanted is not None]
        return all(verdicts) if verdicts else None
