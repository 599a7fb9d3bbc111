"""A simulated week for each policy, told line by line: ``python tests/policies/weeks.py`` writes ``tests/golden`` anew.

Look at the difference before you commit it: each line is a promise.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fsm.instants import Instant, as_datetime
from fsm.model.entries import Body, Ended, Entry, JobPaused, JobPut, JobRemoved, JobResumed, Queued, Refused, Started
from fsm.testing import Simulation, fail, hang, refuse, succeed

GOLDEN = Path(__file__).parent.parent / "golden"
START = "2026-03-23T00:00:00Z"  # a Monday; on the Sunday the clocks of Europe are set forward
END = "2026-03-30T00:00:00Z"


def skip() -> tuple[Simulation, str]:
    """overlap = "skip": a nightly backup that takes longer and longer"""
    sim = Simulation(start=START)
    sim.add_job("backup", schedule="0 3 * * *", timezone="Europe/Berlin", timeout="30h")
    sim.script("backup", [succeed("1h"), succeed("23h"), succeed("25h"), fail(3, "10m"), hang(), succeed("2h")])
    return sim, "backup"


def queue() -> tuple[Simulation, str]:
    """overlap = "queue", queue_limit = 2: what comes while a run is open waits for its turn"""
    sim = Simulation(start=START)
    sim.add_job("import", schedule="0 */6 * * *", overlap="queue", queue_limit=2, timeout="2d", start_within="1d")
    sim.script("import", [succeed("1h"), succeed("15h"), succeed("5h"), succeed("26h"), succeed("1h")])
    return sim, "import"


def replace() -> tuple[Simulation, str]:
    """overlap = "replace": the newest wins"""
    sim = Simulation(start=START)
    sim.add_job("mirror", schedule="0 */12 * * *", overlap="replace", timeout="3d", grace="1m")
    sim.script("mirror", [succeed("1h"), succeed("13h"), succeed("2h"), hang(), hang(), succeed("30m")])
    return sim, "mirror"


def catch_up_once() -> tuple[Simulation, str]:
    """catch_up = "once" within 1h: a machine that sleeps, half an hour once, and from Thursday to Saturday"""
    sim = Simulation(start=START)
    sim.add_job("brief", schedule="0 7 * * *", timezone="Europe/Berlin", timeout="10m")
    sleep(sim, "2026-03-24T05:00:00Z", "2026-03-24T06:30:00Z")
    sleep(sim, "2026-03-26T00:00:00Z", "2026-03-28T18:00:00Z")
    return sim, "brief"


def catch_up_all() -> tuple[Simulation, str]:
    """catch_up = "all", catch_up_limit = 4, within 1d: the newest four of a gap, oldest first"""
    sim = Simulation(start=START)
    keys = {"catch_up": "all", "catch_up_limit": 4, "catch_up_within": "1d"}
    sim.add_job("ledger", schedule="0 */4 * * *", timeout="1h", start_within="2h", **keys)
    sim.script("ledger", [succeed("20m")])
    sleep(sim, "2026-03-24T05:00:00Z", "2026-03-24T13:00:00Z")
    sleep(sim, "2026-03-26T00:30:00Z", "2026-03-28T18:00:00Z")
    return sim, "ledger"


def retry() -> tuple[Simulation, str]:
    """retry = {attempts = 3, backoff = "10m", factor = 3}: tried again, but not what was refused"""
    sim = Simulation(start=START)
    keys = {"retry": {"attempts": 3, "backoff": "10m", "factor": 3}}
    sim.add_job("report", schedule="0 6 * * *", timeout="1h", **keys)
    bad = fail(1, "2m")
    sim.script("report", [bad, succeed("5m"), bad, bad, bad, refuse("1m"), hang(), succeed("5m")])
    return sim, "report"


def breaker() -> tuple[Simulation, str]:
    """breaker = {failures = 3, cooldown = "1d"}: broken from Tuesday to Friday"""
    sim = Simulation(start=START)
    sim.add_job("sync", schedule="0 */8 * * *", breaker={"failures": 3, "cooldown": "1d"})
    sim.script("sync", [*[succeed("1m")] * 3, *[fail(1, "1m")] * 5, succeed("1m")])
    return sim, "sync"


def budget() -> tuple[Simulation, str]:
    """The budget of quick failures: a probe every minute that fails at once for two hours on Wednesday"""
    sim = Simulation(start=START)
    sim.add_job("probe", schedule="*/10 * * * 3", timeout="1m", overlap="skip")
    sim.run_until("2026-03-25T08:05:00Z")
    sim.script("probe", [fail(1, "0s")])
    sim.add_job("probe", schedule="* * * * 3", timeout="1m")
    sim.run_until("2026-03-25T10:05:00Z")
    sim.add_job("probe", schedule="0 */6 * * *", timeout="1m")
    sim.script("probe", [succeed("1s")])
    return sim, "probe"


WEEKS: dict[str, Callable[[], tuple[Simulation, str]]] = {
    "overlap-skip": skip,
    "overlap-queue": queue,
    "overlap-replace": replace,
    "catch-up-once": catch_up_once,
    "catch-up-all": catch_up_all,
    "retry": retry,
    "breaker": breaker,
    "budget": budget,
}


def sleep(sim: Simulation, since: str, until: str) -> None:
    """No scheduler is up in between."""
    sim.run_until(since)
    sim.crash()
    sim.run_until(until)
    sim.restart()


def week(name: str) -> str:
    """The transcript."""
    make = WEEKS[name]
    sim, job = make()
    sim.run_until(END)
    sim.check()
    lines = [(make.__doc__ or "").strip(), ""]
    lines += [line for entry in sim.journal(job) if (line := _line(entry)) is not None]
    return "\n".join(lines) + "\n"


def _line(entry: Entry) -> str | None:
    said = _said(entry.body)
    if said is None:
        return None
    run = f"/{entry.run}" if entry.run is not None else ""
    return f"{_time(entry.at)}  {run:<4} {said}".rstrip()


def _said(body: Body) -> str | None:
    if isinstance(body, Queued):
        for_ = f" for {_time(body.scheduled_for)}" if body.scheduled_for is not None else ""
        again = f", attempt {body.attempt}, after /{body.retry_of}" if body.retry_of is not None else ""
        return f"queued ({body.cause}){for_}{again}"
    if isinstance(body, Started):
        return "started"
    if isinstance(body, Ended):
        return f"ended: {body.reason}"
    if isinstance(body, Refused):
        times = (
            _time(body.first) if body.count == 1 else f"{_time(body.first)} to {_time(body.last)}, {body.count} times"
        )
        by = body.blocked_by
        until = f" until {_time(by.deadline)}" if by is not None and by.deadline is not None else ""
        why = f": /{by.number} is {by.state}{until}" if by is not None else ""
        return f"refused ({body.reason}) {times}{why}"
    words = {JobPut: "defined", JobPaused: "paused", JobResumed: "resumed", JobRemoved: "removed"}
    return words.get(type(body))


def _time(at: Instant) -> str:
    return as_datetime(at).strftime("%a %H:%M:%S")


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for each in WEEKS:
        (GOLDEN / f"{each}.txt").write_text(week(each), encoding="utf-8")
        print(GOLDEN / f"{each}.txt")
