"""kill -9 of schedulers, fork servers, supervisors and commands, at random moments and in every marked crash window,
while jobs run every second: nothing is lost, and nothing overlaps."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chaos.driver import RANDOM, Driver, Quota
from chaos.jobs import KINDS
from chaos.judge import Drift, History, broken, store_trouble
from chaos.kit import Stand
from chaos.lines import Line, overlaps
from chaos.processes import WITHIN_S
from chaos.windows import WINDOWS, Victim
from promises import KILLS, PROMISED, kills_in, kills_of

from fsm.journal.export import export_lines
from fsm.journal.verify import verify_lines
from fsm.model.entries import SchedulerDown
from fsm.testing.edits import KINDS as KINDS_OF_EDITS

EDITS = 1_000
BOUNDED = Quota(each_victim=3, each_window=1, all=40, within_s=25.0)
FULL = Quota(
    each_victim=min(PROMISED[kills_of(victim)] for victim in Victim),
    each_window=min(PROMISED[kills_in(window.name)] for window in WINDOWS),
    all=PROMISED[KILLS],
    within_s=1200.0,
)


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    stand = Stand(tmp_path)
    try:
        yield stand
    finally:
        stand.close()


@pytest.mark.requirement("R-14")
@pytest.mark.requirement("R-23")
@pytest.mark.requirement("R-34")
def test_chaos(stand: Stand, full: bool, figure: Callable[[str], None], count: Callable[..., None]) -> None:
    """CRONFSM_SEED repeats the same decisions; CRONFSM_WITHOUT takes rules of the design out (`rules_scheduler`), to
    see that the laws can be broken."""
    seed = int(os.environ.get("CRONFSM_SEED", random.randrange(1 << 32)))
    figure(f"chaos, seed {seed}")
    drift = Drift.now()
    without = tuple(os.environ.get("CRONFSM_WITHOUT", "").split())
    driver = Driver(stand, random.Random(seed), FULL if full else BOUNDED, without)
    driver.run()
    count(KILLS, len(driver.kills))
    for victim in Victim:
        count(kills_of(victim), driver.by_victim[victim])
    for window in WINDOWS:
        count(kills_in(window.name), driver.by_window[window.name])
    count("kills at random moments", driver.by_window[RANDOM])
    settle(stand, driver)
    left = left_behind(stand)
    history = History.read(stand, driver.kills, driver.cancelled, drift)
    assert not broken(history)
    assert not store_trouble(stand)
    assert not left
    figure(f"chaos: {edits_found(stand, seed)} edits of its journal, all found")
    ends = [story.ended.reason for story in history.stories() if story.ended is not None]
    figure(f"chaos: {len(ends)} runs, " + ", ".join(f"{ends.count(reason)} {reason}" for reason in sorted(set(ends))))
    assert not driver.missing(driver.quota if full else driver.quota.least)


def settle(stand: Stand, driver: Driver) -> None:
    """Faults stop; a last scheduler serves until nothing is open and no tick is due."""
    if driver.served is not None:
        driver.served.kill()
    with stand.engine() as engine:
        for kind in KINDS:
            engine.pause(kind.name)
    last = stand.serve(until_idle=True)
    assert last.wait(120.0) == 0, last.said()
    assert isinstance(stand.entries()[-1].body, SchedulerDown)


def edits_found(stand: Stand, seed: int) -> int:
    """The journal passes `verify` as a file, too; of a thousand random edits of it none does."""
    with stand.journal() as journal:
        lines = list(export_lines(journal))
    assert list(verify_lines(lines)) == []
    for number in range(EDITS):
        edit, edited = KINDS_OF_EDITS[number % len(KINDS_OF_EDITS)], list(lines)
        edit(random.Random(f"{seed}-{number}"), edited)
        assert next(iter(verify_lines(edited)), None) is not None, f"{edit.__name__} {number} passes"
    return EDITS


def left_behind(stand: Stand) -> list[str]:
    """What lives on of all that was started. A fork server needs a moment to see that its scheduler is gone."""
    give_up = time.monotonic() + WITHIN_S
    while (ours := stand.ours()) and time.monotonic() < give_up:
        ours[0].wait_gone(give_up - time.monotonic(), must=False)
    return [f"process {one.pid}: {one.command_line()}" for one in ours]


# ---- the laws themselves


def written(text: str) -> list[Line]:
    """``start1 beat1 …``, as a job's file would have it."""
    found = []
    for number, word in enumerate(text.split()):
        run = int(word[-1])
        found.append(Line(word[:-1].rstrip("'"), f"nonce{run}{'b' if chr(39) in word else ''}", run, number, number, 1))
    return found


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("start1 beat1 end1 start2 end2", None),
        ("start1 child1 start2 child2 start4", None),
        ("start1 start2 end1 end2", "a process of run 1 writes 'end' after run 2 began"),
        ("start1 child1 end1 start2 child1", "a process of run 1 writes 'child' after run 2 began"),
        ("start1 end1 start1 end1", "run 1 was executed again"),
        ("start1 beat'1", "run 1 was executed by two armings, nonce1 and nonce1b"),
        ("start1 beat2", "run 2 begins with 'beat'"),
    ],
)
def test_what_overlaps(text: str, sentence: str | None) -> None:
    found = overlaps(written(text))
    assert (found[0] if found else None) == sentence
