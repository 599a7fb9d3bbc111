"""Groups, priorities and the bound over all jobs: in the simulation, in a jobs file, as the command line tells it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_kit import World

from fsm.client.apply import apply_file
from fsm.client.engine import Engine
from fsm.client.settings import change_settings, settings, with_groups
from fsm.codec.jobsfile import read_jobs
from fsm.errors import BadJobs
from fsm.journal.memory import MemoryJournal
from fsm.model.settings import Group, Settings
from fsm.testing import Simulation, hang, succeed

START = "2026-04-01T00:00:00Z"


def running(sim: Simulation) -> list[str]:
    return sorted(run.id for run in sim.runs() if run.state == "running")


def started(sim: Simulation) -> list[str]:
    some = [run for run in sim.runs() if run.started_at is not None]
    return [run.job for run in sorted(some, key=lambda run: (run.started_at, run.queued_at, run.id))]


# ---- the scheduler


@pytest.mark.requirement("R-52")
def test_a_group_runs_no_more_at_once_than_it_may() -> None:
    sim = Simulation(start=START)
    sim.set_group("backups", 2)
    for name in ("a", "b", "c", "d"):
        sim.add_job(name, group="backups")
        sim.script(name, [hang()])
        sim.request(name)
    sim.add_job("free")
    sim.script("free", [hang()])
    sim.request("free")
    sim.advance("1m")
    assert running(sim) == ["a/1", "b/1", "free/1"]
    sim.check()
    sim.cancel("a/1")
    sim.advance("1m")
    assert running(sim) == ["b/1", "c/1", "free/1"]
    sim.check()


@pytest.mark.requirement("R-52")
def test_a_group_is_bound_also_after_a_restart_and_a_crash() -> None:
    sim = Simulation(start=START)
    sim.set_group("g", 1)
    for name in ("a", "b"):
        sim.add_job(name, group="g")
        sim.script(name, [hang()])
        sim.request(name)
    sim.advance("1m")
    sim.restart()
    sim.advance("1m")
    sim.crash()
    sim.restart(after="1m")
    sim.advance("1m")
    assert running(sim) == ["a/1"]
    sim.check()


def test_an_edit_moves_later_runs_to_another_group_not_the_one_that_runs() -> None:
    sim = Simulation(start=START)
    sim.set_group("g", 1)
    sim.set_group("h", 1)
    for name in ("a", "b"):
        sim.add_job(name, group="g")
        sim.script(name, [hang()])
    sim.request("a")
    sim.advance("1m")
    sim.add_job("a", group="h")
    sim.request("b")
    sim.advance("1m")
    assert running(sim) == ["a/1"], "a/1 is still one of g"
    sim.check()


def test_widening_a_group_lets_the_next_in_at_once() -> None:
    sim = Simulation(start=START)
    sim.set_group("g", 1)
    for name in ("a", "b", "c"):
        sim.add_job(name, group="g")
        sim.script(name, [hang()])
        sim.request(name)
    sim.advance("1m")
    sim.set_group("g", 2)
    sim.advance("0s")
    assert running(sim) == ["a/1", "b/1"]
    sim.set_group("g", 1)
    sim.cancel("a/1")
    sim.advance("1m")
    assert running(sim) == ["b/1"]
    sim.check()


def test_a_full_group_does_not_keep_others_from_the_places_of_the_scheduler() -> None:
    """A queued run of a full group stands in front of the line, and would be in the way of everybody."""
    sim = Simulation(start=START, max_running=2)
    sim.set_group("g", 1)
    for name in ("g1", "g2", "g3"):
        sim.add_job(name, group="g")
        sim.script(name, [succeed(after="10m")])
        sim.request(name)
    for name in ("x", "y"):
        sim.add_job(name)
        sim.script(name, [succeed(after="1m")])
        sim.request(name)
    sim.advance("5m")
    assert started(sim) == ["g1", "x", "y"]
    sim.advance("40m")
    assert started(sim) == ["g1", "x", "y", "g2", "g3"]
    sim.check()


def test_priority_decides_among_those_that_came_together() -> None:
    sim = Simulation(start=START, max_running=1)
    for name, priority in (("low", -5), ("plain", 0), ("high", 5)):
        sim.add_job(name, schedule="0 1 * * *", priority=priority)
        sim.script(name, [succeed(after="1m")])
    sim.advance("2h")
    assert started(sim) == ["high", "plain", "low"]
    sim.check()


@pytest.mark.requirement("R-53")
def test_a_job_of_the_highest_priority_that_asks_all_the_time_starves_nobody() -> None:
    sim = Simulation(start=START, max_running=1)
    for name in ("greedy", "more"):  # there is always one of them that waits
        sim.add_job(name, schedule="* * * * *", priority=100)
        sim.script(name, [succeed(after="90s")])
    sim.advance("2m")
    sim.add_job("patient", priority=-100, start_within="1d")
    sim.request("patient")
    sim.advance("3h")
    assert [run.state for run in sim.runs("patient")] == ["queued"]
    sim.advance("30m")
    assert [run.state for run in sim.runs("patient")] == ["succeeded"]
    sim.check()


def test_a_wall_clock_that_is_set_back_gives_nobody_a_better_place() -> None:
    sim = Simulation(start=START, max_running=1)
    for name in ("busy", "first", "second"):
        sim.add_job(name)
        sim.script(name, [succeed(after="10m")])
    sim.request("busy")
    sim.advance("1m")
    sim.request("first")
    sim.advance("1m")
    sim.jump_clock("-1h")
    sim.request("second")
    sim.advance("15m")
    assert [run.state for run in sim.runs("first")] == ["running"]
    sim.check()


# ---- the jobs file


FILE = """
[scheduler]
max_running = 4

[groups.backups]
max_running = 2

[jobs.a]
command = ["true"]
group = "backups"
priority = 7
"""


def test_groups_are_read() -> None:
    file = read_jobs(FILE)
    assert file.groups == (Group("backups", 2),)
    assert (file.jobs[0].group, file.jobs[0].priority) == ("backups", 7)


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        (FILE.replace('group = "backups"', 'group = "bakups"'),
         ['jobs.a.group: there is no group "bakups" (did you mean "backups"?)']),
        ('[jobs.a]\ncommand = ["true"]\ngroup = "db 1"',
         ['jobs.a.group: there is no group "db 1" (add [groups."db 1"] with max_running = 2)']),
        ('[defaults]\ngroup = "x"\n[jobs.a]\ncommand = ["true"]\n[jobs.b]\ncommand = ["true"]',
         ['defaults.group: there is no group "x" (add [groups.x] with max_running = 2)']),
        ("[groups.g]", ["groups.g: says not how many may run at once; add max_running = 2"]),
        ("[groups.g]\nmax_running = 0",
         ["groups.g.max_running: 0 is not a number of runs (say 8; from 1 to 100000)"]),
        ("[groups.g]\nmax_runing = 1",
         ['groups.g.max_runing: there is no key "max_runing" (did you mean "max_running"?)']),
        ("groups = 3", ["groups: 3 is not a table (write [groups.NAME], and its keys below)"]),
        ("[groups]\ng = 3", ["groups.g: 3 is not a table (write [groups.g], and its keys below)"]),
        ('[groups."a/b"]\nmax_running = 1',
         ["groups.\"a/b\": not the name of a group: 'a/b' may hold no slash and no control character"]),
        ('[jobs.a]\ncommand = ["true"]\npriority = 101',
         ["jobs.a.priority: 101 is not a priority (a whole number from -100 to 100)"]),
        ('[jobs.a]\ncommand = ["true"]\npriority = "high"',
         ["jobs.a.priority: 'high' is not a priority (a whole number from -100 to 100)"]),
        ('[jobs.a]\ncommand = ["true"]\npriority = true',
         ["jobs.a.priority: True is not a priority (a whole number from -100 to 100)"]),
        ('[jobs.a]\ncommand = ["true"]\nleftovers = "kept"',
         ['jobs.a.leftovers: "kept" is not one of: end, keep']),
        ('[jobs.a]\ncommand = ["true"]\nidle_timeout = 90',
         ["jobs.a.idle_timeout: 90 is not a duration (say 90s, 15m, 2h or 1d)"]),
        ('[jobs.a]\ncommand = ["true"]\njitter = "1 week"',
         ['jobs.a.jitter: "1 week" is not a duration (say 90s, 15m, 2h or 1d)']),
    ],
)  # fmt: skip
def test_mistakes(text: str, mistakes: list[str]) -> None:
    with pytest.raises(BadJobs) as caught:
        read_jobs(text)
    assert list(caught.value.mistakes) == mistakes


def test_a_job_can_do_without_what_the_defaults_say() -> None:
    file = read_jobs('[defaults]\nidle_timeout = "5m"\njitter = "1m"\n[jobs.a]\ncommand = ["x"]\n'
                     '[jobs.b]\ncommand = ["x"]\nidle_timeout = "0s"\njitter = "0s"')  # fmt: skip
    assert [(job.idle_timeout_us, job.jitter_us) for job in file.jobs] == [(300_000_000, 60_000_000), (None, None)]


# ---- settings in the journal


def test_groups_that_no_job_names_any_more_are_dropped() -> None:
    engine = Engine(MemoryJournal())
    apply_file(engine, read_jobs(FILE), source="file:a")
    assert settings(engine.journal) == Settings(4, (Group("backups", 2),))
    other = '[groups.db]\nmax_running = 1\n[jobs.b]\ncommand = ["true"]\ngroup = "db"'
    apply_file(engine, read_jobs(other), source="file:b")
    assert settings(engine.journal) == Settings(4, (Group("backups", 2), Group("db", 1))), "a still names its own"
    apply_file(engine, read_jobs('[jobs.a]\ncommand = ["true"]'), source="file:a")
    assert settings(engine.journal) == Settings(4, (Group("db", 1),))


def test_nothing_is_written_where_nothing_changes() -> None:
    engine = Engine(MemoryJournal())
    apply_file(engine, read_jobs(FILE), source="file:a")
    before = engine.journal.last_id()
    apply_file(engine, read_jobs(FILE), source="file:a")
    assert engine.journal.last_id() == before


def test_a_setting_that_others_change_at_the_same_time_is_not_lost() -> None:
    engine = Engine(MemoryJournal())

    def meanwhile(now: Settings) -> Settings:
        if not now.groups:
            change_settings(Engine(engine.journal), lambda one: with_groups(one, [Group("theirs", 1)]))
        return with_groups(now, [Group("ours", 2)])

    change_settings(engine, meanwhile)
    assert settings(engine.journal).groups == (Group("ours", 2), Group("theirs", 1))


# ---- the command line


@pytest.fixture
def world(capsys: pytest.CaptureFixture[str]) -> World:
    return World(capsys, "2026-11-20T02:00:00Z")


def full(world: World) -> None:
    """Two of a group's two runs run, a third waits."""
    world.up()
    change_settings(world.engine, lambda now: with_groups(now, [Group("backups", 2)]))
    for name in ("a", "b", "c"):
        world.define(name, group="backups")
        world.engine.request(name)
    world.start("a")
    world.start("b")
    world.clock.to("5m")


def test_explain_names_those_who_have_the_places_of_the_group(world: World) -> None:
    full(world)
    assert "It waits: group backups has 2 of 2 running: a/1, b/1." in world.ok("explain", "c").replace("\n       ", " ")
    told = json.loads(world.ok("--json", "explain", "c"))
    assert told["waits"] == {"group": "backups", "max_running": 2, "running": ["a/1", "b/1"], "others": 0}


def test_explain_names_those_who_have_all_places(world: World) -> None:
    full(world)
    change_settings(world.engine, lambda now: Settings(2))
    world.define("d")
    world.engine.request("d")
    text = world.ok("explain", "d").replace("\n       ", " ")
    assert "It waits: there are 2 of 2 running: a/1, b/1 (1 more waits for the same)." in text


def test_status_tells_of_groups(world: World) -> None:
    full(world)
    assert "Groups       backups 2 of 2" in world.ok("status")
    told = json.loads(world.ok("--json", "status"))
    assert told["groups"] == [{"name": "backups", "max_running": 2, "running": ["a/1", "b/1"]}]


def test_the_journal_tells_of_settings(world: World) -> None:
    full(world)
    assert "max_running 8, group backups 2" in world.ok("journal")


def test_add_knows_the_groups(world: World) -> None:
    full(world)
    assert world.ok("add", "e", "--group", "backups", "--priority", "-3", "--", "true").startswith("e is added.")
    shown = world.ok("show", "e")
    assert "Priority      -3" in shown
    assert "Group         backups" in shown
    code, _, said = world.call("add", "f", "--group", "backup", "--", "true")
    assert code == 2
    assert 'jobs.f.group: there is no group "backup" (did you mean "backups"?)' in said


def test_apply_shows_what_becomes_of_the_bounds(world: World, tmp_path: Path) -> None:
    full(world)
    (tmp_path / "jobs.toml").write_text(FILE + "[groups.db]\nmax_running = 1\n")
    dry = world.ok("apply", str(tmp_path / "jobs.toml"), "--dry-run")
    assert "scheduler.max_running: 8 -> 4\ngroups.db.max_running: not set -> 1\n" in dry
    assert settings(world.engine.journal) == Settings(8, (Group("backups", 2),))
    assert dry.replace("Nothing was changed (--dry-run).\n", "") == world.ok("apply", str(tmp_path / "jobs.toml"))
    assert settings(world.engine.journal) == Settings(4, (Group("backups", 2), Group("db", 1)))
    told = json.loads(world.ok("--json", "apply", str(tmp_path / "jobs.toml"), "--dry-run"))
    assert told["settings"] == []
