"""What a run printed, events as they come, and the live view."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from cli_kit import FakeClock, berlin
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from fsm.cli.captured import CapturedOutput, Piece, sizes
from fsm.cli.eventtext import EventLines, event_json
from fsm.cli.live import LiveView
from fsm.client.engine import Engine
from fsm.client.reigns import Reign, outage_at
from fsm.instants import Instant, parse_instant
from fsm.journal.sqlite import SqliteJournal
from fsm.model.events import LifecycleEvent
from fsm.model.job import Job
from fsm.model.states import Reason, State
from fsm.supervise.capture import chunks

__all__ = ["berlin"]


# ---- captured output


def chunk(folder: Path, offset: int, data: bytes) -> None:
    (folder / f"out.{offset}").write_bytes(data)


def stream(pieces: list[Piece]) -> bytes:
    """What was read, gaps as zeros."""
    return b"".join(piece.data or bytes(piece.left_out) for piece in pieces)


def test_chunks_are_read_in_order_with_their_gaps(tmp_path: Path) -> None:
    chunk(tmp_path, 0, b"head")
    chunk(tmp_path, 104, b"tail")
    chunk(tmp_path, 90, b"xx")
    (tmp_path / "nonce.arming").write_bytes(b"no output")
    pieces = list(CapturedOutput(str(tmp_path)).read())
    assert pieces == [
        Piece(0, b"head"),
        Piece(4, left_out=86),
        Piece(90, b"xx"),
        Piece(92, left_out=12),
        Piece(104, b"tail"),
    ]
    assert sizes(str(tmp_path)) == (108, 10)
    assert list(CapturedOutput(str(tmp_path / "nowhere")).read()) == []


def test_reading_goes_on_where_it_stopped(tmp_path: Path) -> None:
    captured = CapturedOutput(str(tmp_path))
    assert list(captured.read()) == []
    chunk(tmp_path, 0, b"one ")
    assert stream(list(captured.read())) == b"one "
    assert list(captured.read()) == []
    chunk(tmp_path, 0, b"one two ")
    chunk(tmp_path, 8, b"three")
    assert stream(list(captured.read())) == b"two three"


def test_a_tail_that_rolls_on_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk that was listed is gone when it is opened: what was in it is left out, what follows is read."""
    import fsm.cli.captured as module

    chunk(tmp_path, 0, b"head")
    chunk(tmp_path, 4, b"gone")
    calls: list[int] = []

    def listed(folder: str) -> list[tuple[int, str]]:
        found = chunks(folder)
        if not calls:
            calls.append(1)
            (tmp_path / "out.4").unlink()
            chunk(tmp_path, 8, b"tail")
        return found

    captured = CapturedOutput(str(tmp_path))
    monkeypatch.setattr(module, "chunks", listed)
    monkeypatch.setattr(CapturedOutput, "_ahead", lambda self, offset, path: offset + 4 > self.position)
    pieces = list(captured.read())
    assert pieces == [Piece(0, b"head"), Piece(4, left_out=4), Piece(8, b"tail")]


@settings(max_examples=60)
@given(
    parts=st.lists(st.tuples(st.integers(0, 30), st.binary(min_size=1, max_size=50)), max_size=8),
    bite=st.integers(1, 20),
)
def test_whatever_the_chunks_are_the_stream_has_its_length(
    parts: list[tuple[int, bytes]], bite: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    import fsm.cli.captured as module

    folder = tmp_path_factory.mktemp("run")
    wanted = b""
    for gap, data in parts:
        wanted += bytes(gap)
        chunk(folder, len(wanted), data)
        wanted += data
    before, module._BITE = module._BITE, bite
    try:
        pieces = list(CapturedOutput(str(folder)).read())
    finally:
        module._BITE = before
    assert stream(pieces) == wanted
    assert [piece.offset for piece in pieces] == sorted({piece.offset for piece in pieces})


# ---- events


def event(run_id: str, state: State, reason: Reason | None = None, error: str | None = None) -> LifecycleEvent:
    at = parse_instant("2026-11-20T02:00:00.0125Z")
    ended = Instant(at + 2_000_000) if state.terminal else None
    return LifecycleEvent(
        7, run_id, 3, at, f"cron:{run_id}", "error", state, reason, at, ended, error, "error", "error"
    )


@pytest.mark.usefixtures("berlin")
def test_events_stand_in_columns() -> None:
    lines = EventLines(lambda text, _: text)
    assert lines.line(event("backup/1", State.QUEUED)) == "03:00:00.012  backup/1          queued"
    assert lines.line(event("backup/1", State.FAILED, Reason.START_FAILED, "no such program: x\nmore")) == (
        "03:00:00.012  backup/1          failed      (start_failed) after 2s no such program: x"
    )
    long = "a-job-with-a-rather-long-name/12"
    assert lines.line(event(long, State.SUCCEEDED, Reason.COMPLETED)) == f"03:00:00.012  {long}  succeeded   after 2s"
    assert lines.line(event("b/1", State.RUNNING)) == f"03:00:00.012  {'b/1':<{len(long)}}  running"


def test_an_event_as_json_has_the_spelling_that_gateways_wait_for() -> None:
    told = json.loads(json.dumps(event_json(event("backup/1", State.TIMED_OUT, Reason.RUN_TIMEOUT, "text"))))
    assert (told["stream"], told["run_id"], told["id"], told["seq"]) == ("lifecycle", "backup/1", 7, 3)
    assert told["ts"] == "2026-11-20T02:00:00.012500Z"
    assert list(told["data"]) == [
        "phase",
        "started_at",
        "ended_at",
        "error",
        "errorKind",
        "stopReason",
        "state",
        "reason",
    ]


# ---- the live view


@pytest.mark.usefixtures("berlin")
def test_the_live_view_shows_what_is_open_and_what_comes(tmp_path: Path) -> None:
    clock = FakeClock()
    screen = io.StringIO()
    console = Console(file=screen, width=80, height=24, force_terminal=True, color_system=None)
    view = LiveView(str(tmp_path), clock, console)
    with view as (on_event, say):
        view._live.refresh()  # there is no journal yet
        assert "No run is open." in screen.getvalue()
        journal = SqliteJournal(tmp_path / "journal.db")
        engine = Engine(journal, clock=clock)
        engine.define(Job("backup", schedule="every 1h", command=["true"]))
        engine.request("backup")
        clock.to("5s")
        on_event(event("backup/1", State.QUEUED))
        say("the disk is full")
        view._live.refresh()
    journal.close()
    shown = screen.getvalue()
    assert "03:00:00.012  backup/1          queued" in shown
    assert "cronfsm: the disk is full" in shown
    assert "backup/1  queued  5s     in 59m 55s  by hand" in shown
    assert "Next: backup 04:00:00 (in 59m 55s)" in shown
    assert all(len(line) < 200 for line in shown.splitlines())


# ---- reigns


def reign(epoch: int, up: int, last: int, ended: str | None = None) -> Reign:
    return Reign(epoch, 1, Instant(up), epoch * 10, Instant(last), epoch * 10 + 1, ended)


def test_a_time_without_a_scheduler_is_known_by_the_signs_about_it() -> None:
    first, second = reign(1, 100, 200, "SIGTERM"), reign(2, 300, 400)
    known = [first, second]
    at = Instant
    assert outage_at([], at(50), served=False) is not None
    before = outage_at(known, at(50), served=True)
    assert before is not None
    assert (before.before, before.after) == (None, first)
    assert outage_at(known, at(150), served=True) is None
    between = outage_at(known, at(250), served=True)
    assert between is not None
    assert (between.before, between.after) == (first, second)
    assert outage_at(known, at(350), served=True) is None
    assert outage_at(known, at(450), served=True) is None, "it is up, and has been since"
    after = outage_at(known, at(450), served=False)
    assert after is not None
    assert (after.before, after.after) == (second, None)
