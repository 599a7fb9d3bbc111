"""What `apply` and `remove` say beforehand, and what becomes of runs that are open."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_kit import World, report, succeeded

from fsm.instants import Instant
from fsm.model.entries import Ended, JobRemoved, Refused
from fsm.model.states import Reason, Trigger
from fsm.scheduler.serve import read_jobs_file
from fsm.testing import Simulation, hang


@pytest.fixture
def world(capsys: pytest.CaptureFixture[str]) -> World:
    return World(capsys, "2026-11-20T02:00:00Z")


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are told in the zone of the machine."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def running(world: World) -> None:
    world.up()
    world.define("backup", schedule="0 3 * * *", timeout="1h")
    world.engine.request("backup")
    world.start("backup")


FILE = '[jobs.backup]\nschedule = "{}"\ntimeout = "{}"\ncommand = ["true"]\n'


@pytest.mark.requirement("R-56")
def test_apply_shows_the_next_due_time_and_the_open_run_beforehand(world: World, tmp_path: Path) -> None:
    running(world)
    path = tmp_path / "jobs.toml"
    path.write_text(FILE.format("30 4 * * *", "2h"))
    dry = world.ok("apply", str(path), "--dry-run")
    assert "    next due: 2026-11-20 03:00:00 UTC -> 2026-11-20 04:30:00 UTC\n" in dry
    assert "    backup/1 goes on with the definition it was queued with\n" in dry
    told = world.json("apply", str(path), "--dry-run")["changed"][0]
    assert told["next_due"] == {"old": "2026-11-20T03:00:00.000000Z", "new": "2026-11-20T04:30:00.000000Z"}
    assert told["open_runs"] == ["backup/1"]
    world.ok("apply", str(path))
    assert world.json("list")[0]["next_due"] == told["next_due"]["new"]
    assert world.engine.find("backup/1").version == 1


def test_apply_says_nothing_of_a_due_time_that_stays(world: World, tmp_path: Path) -> None:
    running(world)
    path = tmp_path / "jobs.toml"
    path.write_text(FILE.format("0 3 * * *", "2h"))
    assert "next due" not in world.ok("apply", str(path), "--dry-run")
    assert world.json("apply", str(path), "--dry-run")["changed"][0]["next_due"] is None


def test_apply_names_the_runs_that_it_would_end(world: World, tmp_path: Path) -> None:
    running(world)
    path = tmp_path / "jobs.toml"
    path.write_text("")
    ended = world.ok("apply", str(path), "--dry-run", "--prune")
    assert "removed    backup\n    backup/1 is ended (job_removed)\n" in ended
    drained = world.ok("apply", str(path), "--dry-run", "--prune", "--drain")
    assert "    backup/1 goes on to its own end, which is awaited\n" in drained
    assert world.json("apply", str(path), "--dry-run", "--prune")["ending"] == ["backup/1"]


def test_drain_alone_is_a_mistake(world: World, tmp_path: Path) -> None:
    (tmp_path / "jobs.toml").write_text("")
    code, _, said = world.call("apply", str(tmp_path / "jobs.toml"), "--drain")
    assert code == 2
    assert "--drain is about what --prune ends; give both" in said


def _ends_by_itself(world: World) -> None:
    """Nobody serves; its supervisor has reported by the time that somebody looks again."""
    now = world.clock.now().utc
    world.session.serving = False
    world.launcher.alive.clear()
    world.launcher.reports["nonce-1"] = report("nonce-1", succeeded(now), Instant(now))


@pytest.mark.requirement("R-58")
def test_remove_drain_awaits_the_run_and_takes_its_own_verdict(world: World) -> None:
    running(world)
    _ends_by_itself(world)
    code, out, _ = world.call("remove", "backup", "--drain")
    assert code == 0
    assert out.startswith("backup is removed.\nbackup/1 succeeded")
    assert world.launcher.stopped == []
    assert world.journal.state("backup").definition is None


@pytest.mark.requirement("R-58")
def test_remove_without_it_ends_the_run(world: World) -> None:
    running(world)
    now = world.clock.now().utc
    ended = Ended(Trigger.REAP, Reason.JOB_REMOVED, now)
    world.launcher.on_stop["nonce-1"] = report("nonce-1", ended, now)
    world.session.serving = False
    world.call("remove", "backup")
    assert [str(reason) for _, reason in world.launcher.stopped][:1] == ["job_removed"]
    assert world.engine.find("backup/1").reason == "job_removed"


@pytest.mark.requirement("R-58")
def test_a_removed_job_has_no_ticks_and_starts_nothing() -> None:
    """Neither a tick, nor what waited when it was removed, nor a retry that was to come."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("job", schedule="*/10 * * * *", overlap="queue", timeout="1h", retry={"attempts": 3, "backoff": "5m"})
    sim.script("job", [hang()])
    sim.advance("25m")
    sim.remove_job("job")
    ended = [entry for entry in sim.journal("job") if entry.kind == "transition" and entry.run == 2][-1]
    (removal,) = [entry for entry in sim.journal("job") if isinstance(entry.body, JobRemoved)]
    assert ended.seq < removal.seq
    sim.advance("3h")
    assert [(run.number, run.reason) for run in sim.runs("job")] == [(2, "job_removed"), (1, "job_removed")]
    assert [entry for entry in sim.journal("job") if entry.seq > removal.seq and isinstance(entry.body, Refused)] == []
    sim.check()


@pytest.mark.requirement("R-58")
def test_apply_prune_drain_awaits_what_removed_jobs_run(world: World, tmp_path: Path) -> None:
    running(world)
    _ends_by_itself(world)
    (tmp_path / "jobs.toml").write_text("")
    code, out, said = world.call("apply", str(tmp_path / "jobs.toml"), "--prune", "--drain")
    assert code == 0, said
    assert "awaited" in out
    assert "backup/1 succeeded" in said
    assert world.engine.find("backup/1").state == "succeeded"


# ---- cwd


def test_a_relative_folder_counts_from_the_jobs_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.chdir("/")
    path = tmp_path / "jobs.toml"
    path.write_text(
        "".join(
            f"[jobs.{name}]\ncommand = ['true']\ncwd = '{cwd}'\n"
            for name, cwd in (("a", "work"), ("b", "/srv/x"), ("c", "~/y"), ("d", ".."))
        )
    )
    found = [job.cwd for job in read_jobs_file(path).jobs]
    folder = tmp_path.resolve()
    assert found == [str(folder / "work"), "/srv/x", "/home/someone/y", str(folder.parent)]


def test_add_takes_it_from_where_it_is_called(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    world.call("add", "a", "--cwd", "work", "--", "true")
    assert world.json("show", "a")["definition"]["cwd"] == str(tmp_path.resolve() / "work")
    code, _, said = world.call("add", "b", "--cwd", "", "--", "true")
    assert code == 2
    assert "cwd" in said
