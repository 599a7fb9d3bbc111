"""What an import did: counts that must come out even, and a line for everything that is not carried over."""

from __future__ import annotations

from attrs import define, field, frozen


@frozen(slots=True)
class Line:
    """Something a person should know of one job, file or line: what was left out, or is different here."""

    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"


@define(slots=True)
class Tally:
    """How many there were, and what became of each. `left` are those not imported: each has its line, or is counted
    in one."""

    found: int = 0
    added: int = 0
    changed: int = 0
    known: int = 0
    left: int = 0

    @property
    def even(self) -> bool:
        """Whether everything that was found was accounted for."""
        return self.found == self.added + self.changed + self.known + self.left


@define(slots=True)
class Report:
    """One import. `names`: what each job is called here, by its id there."""

    jobs: Tally = field(factory=Tally)
    runs: Tally = field(factory=Tally)
    lines: list[Line] = field(factory=list)
    names: dict[str, str] = field(factory=dict)

    def say(self, subject: str, text: str) -> None:
        """Add a line."""
        self.lines.append(Line(subject, text))

    @property
    def changed_anything(self) -> bool:
        """Whether anything was, or would be, written."""
        return bool(self.jobs.added or self.jobs.changed or self.runs.added)
