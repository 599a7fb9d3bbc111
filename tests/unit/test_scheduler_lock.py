"""The lock of a data folder: one scheduler; whoever only asks is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fsm.errors import AlreadyServed
from fsm.realtime import SystemClock
from fsm.scheduler import lock as module
from fsm.scheduler.lock import SchedulerLock, who_serves
from fsm.supervise.folder import DataFolder
from fsm.supervise.locks import try_lock


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    folder = DataFolder(str(tmp_path / "data"))
    folder.create()
    return folder


def test_whoever_asks_at_the_moment_of_a_start_does_not_keep_it_from_starting(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`status` in a loop beside `serve`: a service that failed to start for that was called served by nobody."""
    SchedulerLock(folder, SystemClock().now()).close()
    asking = try_lock(folder.scheduler_lock, shared=True)
    assert asking is not None
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        os.close(asking)

    monkeypatch.setattr(module.time, "sleep", pause)
    held = SchedulerLock(folder, SystemClock().now())
    assert len(pauses) == 1
    served = who_serves(folder)
    assert served is not None
    assert served.pid == os.getpid()
    held.close()
    assert who_serves(folder) is None


@pytest.mark.requirement("R-80")
def test_a_second_scheduler_is_told_at_once_who_has_it(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    held = SchedulerLock(folder, SystemClock().now())
    monkeypatch.setattr(module.time, "sleep", lambda _: pytest.fail("it waited"))
    with pytest.raises(AlreadyServed) as error:
        SchedulerLock(folder, SystemClock().now())
    assert error.value.pid == os.getpid()
    held.close()


def test_whoever_goes_on_asking_is_not_waited_for_for_ever(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    SchedulerLock(folder, SystemClock().now()).close()
    asking = try_lock(folder.scheduler_lock, shared=True)
    assert asking is not None
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    with pytest.raises(AlreadyServed):
        SchedulerLock(folder, SystemClock().now())
    os.close(asking)
