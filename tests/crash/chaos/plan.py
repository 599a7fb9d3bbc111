"""What a server of these tests is told: everything that `cronfsm serve` can be told, and what it is to forget."""

from __future__ import annotations

import json

from attrs import asdict, frozen


@frozen
class Plan:
    """`data`, `tickets` and `events` are paths, `said` is the FIFO by which it tells how far it is.

    `without` names rules of the design that this server, or those that it forks, are to forget
    (`rules_scheduler`, `rules_supervisor`); `times_us` are bounds of the design that a test cannot wait for.
    """

    data: str
    tickets: str
    said: str
    events: str
    jobs: str | None = None
    until_idle: bool = False
    takeover: bool = False
    without: tuple[str, ...] = ()
    times_us: tuple[tuple[str, int], ...] = ()

    def dumped(self) -> str:
        """As an argument of the server."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Plan:
        """Back again."""
        fields = json.loads(text)
        fields["without"] = tuple(fields["without"])
        fields["times_us"] = tuple((name, us) for name, us in fields["times_us"])
        return cls(**fields)
