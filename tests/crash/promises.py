"""What a full run of the crash tests has to have tried at the least: fewer fails, whatever else went well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from chaos.windows import WINDOWS, Victim

KILLS = "kills, in all"
IMAGES = "crash images that were opened again"
CUTS = "lengths at which the log was cut"
RESTARTS = "restarts during one run of 30 s"


def kills_of(victim: Victim) -> str:
    return f"kills of the {victim}"


def kills_in(window: str) -> str:
    return f"kills in window {window}"


PROMISED: dict[str, int] = {
    KILLS: 300,
    **{kills_of(victim): 50 for victim in Victim},
    **{kills_in(window.name): 10 for window in WINDOWS},
    IMAGES: 2_000,
    f"{RESTARTS}, schedule": 10,
    f"{RESTARTS}, manual": 10,
}

Count = tuple[str, int, int | None]
"""What was counted, how many, and how many there had to be where the test itself knows that."""


class Table:
    """Counts of all tests, beside what was promised."""

    def __init__(self, counts: Iterable[Count]) -> None:
        self.found: Counter[str] = Counter()
        self.wanted = dict(PROMISED)
        for what, number, wanted in counts:
            self.found[what] += number
            if wanted is not None:
                self.wanted[what] = wanted

    def short(self, *, complete: bool) -> list[str]:
        """Where there is less than was promised. `complete`: what was not counted at all is short, too."""
        return [
            f"{what}: {self.found[what]:,} of {wanted:,}"
            for what, wanted in self.wanted.items()
            if (complete or what in self.found) and self.found[what] < wanted
        ]

    def lines(self, *, full: bool) -> list[str]:
        """The table, a line each; what is promised only of a full run."""
        names = [*(name for name in self.wanted if name in self.found), *sorted(self.found.keys() - self.wanted.keys())]
        if not names:
            return []
        width = max(map(len, names))
        lines = [f"{'counted':<{width}} {'tried':>9}" + (f" {'promised':>9}" if full else "")]
        for name in names:
            line = f"{name:<{width}} {self.found[name]:>9,}"
            if full:
                wanted = self.wanted.get(name)
                line += f" {'' if wanted is None else f'{wanted:,}':>9}"
                line += "  TOO FEW" if wanted is not None and self.found[name] < wanted else ""
            lines.append(line.rstrip())
        return lines
