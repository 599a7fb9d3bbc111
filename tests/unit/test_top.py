"""`cronfsm top`: one screen as it stands, and that it fits whatever there is to show."""

from __future__ import annotations

import json

import pytest
from cli_kit import World, berlin
from hypothesis import given
from hypothesis import strategies as st

from fsm.cli.tables import Look, width
from fsm.cli.topframe import KEYS, Frame, frame_lines, read_frame, rows_of
from fsm.model.entries import Ended
from fsm.model.states import Reason, Trigger

__all__ = ["berlin"]

pytestmark = pytest.mark.usefixtures("berlin")


@pytest.fixture
def world(capsys: pytest.CaptureFixture[str]) -> World:
    world = World(capsys)
    world.up()
    world.define("backup", schedule="0 3 * * *", timezone="Europe/Berlin", timeout="30m")
    world.define("sync", schedule="every 10m")
    world.define("reindex-the-whole-of-the-archive-once-a-week", schedule="@weekly")
    world.define("größe 名前")
    world.define("asleep", schedule="every 5m")
    world.engine.pause("asleep")
    world.engine.request("sync")
    world.start("sync")
    world.clock.to("12s")
    world.end("sync", Ended(Trigger.FAIL, Reason.EXIT_CODE, world.clock.now().utc, exit_code=3))
    world.engine.request("größe 名前")
    world.start("größe 名前")
    world.clock.to("3s")
    world.end("größe 名前")
    world.engine.request("backup")
    world.start("backup")
    world.clock.to("5m10s")
    world.engine.request("reindex-the-whole-of-the-archive-once-a-week")
    world.clock.to("20s")
    return world


SCREEN = """\
03:05:45  up, pid 4242; 1 running of 8, 1 queued, 5 jobs

  RUN                              STATE       FOR  DEADLINE    WHY
> backup/1                         running  5m 30s  in 24m 30s  manual
  reindex-the-whole-of-the-archi~  queued      20s  in 59m 40s  is being started

  LAST ENDED    STATE      TOOK  AT        HOW
  größe 名前/1  succeeded    3s  03:00:15
  sync/1        failed      12s  03:00:12  exit 3

  NEXT                                          DUE (CET)
  sync                                          03:10:00             in 4m 15s
  backup                                        2026-11-21 03:00:00  in 23h 54m
  reindex-the-whole-of-the-archive-once-a-week  2026-11-22 01:00:00  in 1d 22h

backup/1 is cancelled
Keys: up/down choose, l log, c cancel, r run, p pause/resume, e explain, q quit"""


def lines(world: World, room: int = 80, height: int = 24, **more: object) -> list[str]:
    frame = read_frame(world.journal, world.clock.now().utc, "4242", None)
    return frame_lines(frame, Look(room=room), height, **more)  # type: ignore[arg-type]


def test_one_screen_of_80_columns(world: World) -> None:
    assert "\n".join(lines(world, chosen=0, message="backup/1 is cancelled")) == SCREEN


def test_why_a_run_waits(world: World) -> None:
    world.end("backup", release=False)
    state = world.journal.state("backup")
    frame = read_frame(world.journal, world.clock.now().utc, None, None)
    assert [note for run, note in frame.open_runs] == ["no scheduler is up"]
    assert state.slot == 1
    frame = read_frame(world.journal, world.clock.now().utc, "?", None)
    assert frame.running == 0


def test_without_a_terminal_one_frame(world: World) -> None:
    out = world.ok("top")
    assert out.startswith("03:05:45  up, pid 4242, for 2h 6m; 1 running of 8, 1 queued, 5 jobs\n")
    assert KEYS not in out
    assert "\x1b" not in out
    assert world.ok("top", "--once") == out


def test_as_json(world: World) -> None:
    told = world.json("top")
    assert [run["id"] for run in told["open_runs"]] == ["backup/1", "reindex-the-whole-of-the-archive-once-a-week/1"]
    assert [run["id"] for run in told["last_ended"]] == ["größe 名前/1", "sync/1"]
    assert [due["job"] for due in told["next_due"]][:2] == ["sync", "backup"]
    json.dumps(told)


def test_nothing_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    out = World(capsys).ok("top")
    assert "NO SCHEDULER IS UP; 0 running of 8, 0 queued, 0 jobs" in out
    assert "No run is open." in out


@pytest.fixture(scope="module")
def busy() -> Frame:
    return _busy()


def _busy() -> Frame:
    from fsm.client.engine import Engine
    from fsm.journal.memory import MemoryJournal
    from fsm.model.job import Job

    engine = Engine(MemoryJournal())
    for number in range(60):
        engine.define(Job(f"job {number}", schedule="every 1h"))
        if number % 2:
            engine.request(f"job {number}")
        else:
            engine.run(f"job {number}").__enter__()
    return read_frame(engine.journal, engine.clock.now().utc, "1", None)


@given(height=st.integers(8, 60), room=st.integers(80, 200), chosen=st.integers(0, 100), message=st.text(max_size=200))
def test_it_fits(busy: Frame, height: int, room: int, chosen: int, message: str) -> None:
    found = frame_lines(busy, Look(room=room), height, chosen, message)
    assert len(found) <= height
    assert all(width(line) <= room for line in found)
    assert found[-1] == KEYS


def test_what_is_open_comes_first(busy: Frame) -> None:
    opened, ends, due = rows_of(busy, 13)
    assert len(opened) == 9
    assert [row.run for row in opened] == [run.id for run, _ in busy.open_runs[:9]]
    assert len(opened) + len(ends) + len(due) <= 13
