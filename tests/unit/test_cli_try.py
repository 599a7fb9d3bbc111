"""``cronfsm try``: the text is golden; change it only after reading the whole of it as the person who asks "what would
my crontab do?"."""

from __future__ import annotations

import io
import json
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_kit import World

from fsm.cli.commands import trying
from fsm.cli.main import run

GOLDEN = Path(__file__).parents[1] / "golden" / "try"

JOBS = """
[groups.backups]
max_running = 1

[defaults]
timezone = "Europe/Berlin"

[jobs.backup-home]
schedule = "30 2 * * *"
shell = "touch executed"
group = "backups"

[jobs.backup-mail]
schedule = "30 2 * * *"
shell = "touch executed"
group = "backups"

[jobs.feeds]
schedule = "0,15,30 2-4 * * *"
shell = "touch executed"

[jobs.report]
schedule = "0 7 * * 1"
shell = "touch executed"
timeout = "30m"

[jobs.by-hand]
shell = "touch executed"
"""

LENGTHS = """
backup-home = "45m"
feeds = ["2m", "2m", "40m"]
report = "2h"
"""

WEEK = ("--from", "2027-03-26", "--days", "7", "--timezone", "Europe/Berlin")


@pytest.fixture
def world(capsys: pytest.CaptureFixture[str]) -> World:
    return World(capsys, "2027-03-01T12:00:30Z")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the files lie; the machine's clock stands in Berlin."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    (tmp_path / "jobs.toml").write_text(JOBS)
    (tmp_path / "lengths.toml").write_text(LENGTHS)
    yield tmp_path
    monkeypatch.undo()
    time.tzset()


def week(world: World, *more: str) -> str:
    return world.ok("try", "jobs.toml", *WEEK, "--durations", "lengths.toml", *more)


def test_a_week_with_a_change_of_the_clock_an_overlap_and_a_full_group(world: World, folder: Path) -> None:
    told = week(world)
    assert told == (GOLDEN / "week.txt").read_text(encoding="utf-8")
    assert max(map(len, told.splitlines())) <= 100
    assert all(len(line) <= 80 for line in told.splitlines() if line[:4] in ("Fri ", "Sun "))
    assert sorted(path.name for path in folder.iterdir()) == ["jobs.toml", "lengths.toml"]
    assert world.journal.last_id() == 0


def test_reckoned_it_says_the_same(world: World, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = week(world, "--runs")
    monkeypatch.setattr(trying, "MOST_SIMULATED", 0)
    reckoned = week(world, "--runs")
    assert reckoned.splitlines()[-1] == "Reckoned by the scheduler's rules; nothing was executed."
    assert reckoned.splitlines()[:-1] == simulated.splitlines()[:-1]


def test_exact_is_the_scheduler_and_says_what_it_costs(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying, "MOST_SIMULATED", 0)
    code, out, err = world.call("try", "jobs.toml", *WEEK, "--exact")
    assert (code, err) == (0, "cronfsm: the scheduler itself goes through 75 ticks (--exact); that takes about 1 s\n")
    assert out.splitlines()[-1] == "The scheduler went through it on a simulated clock; nothing was executed."


def test_json(world: World, folder: Path) -> None:
    told = json.loads(week(world, "--json", "--runs"))
    assert told["simulated"] is True
    assert told["peak"] == {
        "count": 2,
        "at": "2027-03-26T01:30:00.000000Z",
        "jobs": ["backup-home", "feeds"],
    }
    jobs = {one["job"]: one for one in told["jobs"]}
    assert (jobs["report"]["timed_out"], jobs["backup-mail"]["longest_wait_s"]) == (1, 2700.0)
    assert jobs["feeds"]["runs"] + jobs["feeds"]["refused"] == jobs["feeds"]["ticks"]
    (change,) = told["clock_changes"]
    assert change["at"] == "2027-03-28T01:00:00.000000Z"
    assert {one["job"] for one in change["jobs"]} == {"backup-home", "backup-mail", "feeds"}
    assert len(told["runs"]) == sum(one["runs"] for one in told["jobs"])
    assert told["hours"][2]["peak"][2] is None, "that hour is skipped"


def test_the_pictures_are_well_formed_whatever_a_job_is_called(world: World, folder: Path) -> None:
    (folder / "jobs.toml").write_text(JOBS.replace("jobs.report", 'jobs."<b>&\\"größe\\" 名前"'))
    (folder / "lengths.toml").write_text('"*" = "5m"\n')
    week(world, "--svg", "a.svg", "--html", "a.html")
    root = ET.fromstring((folder / "a.svg").read_text(encoding="utf-8"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    cells = root.findall(".//{http://www.w3.org/2000/svg}g")
    assert len(cells) == 7 * 24 - 1
    page = (folder / "a.html").read_text(encoding="utf-8")
    ET.fromstring(page.removeprefix("<!DOCTYPE html>\n").replace('<meta charset="utf-8">', ""))
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    assert not list(folder.glob("*.part"))


def test_a_crontab_from_stdin_is_read_and_not_imported(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "CRON_TZ=UTC\n0 3 * * * touch executed\n@reboot true\nnonsense\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    code, out, err = world.call("try", "-", "--days", "3", "--timezone", "UTC")
    assert code == 0
    assert out.startswith(
        "1 job, 3 ticks from Mon 2027-03-01 12:00 to Thu 2027-03-04 12:00 (UTC)\n3 runs, 0 ticks refused\n"
    )
    assert "cronfsm: not every line makes a job\n  line 3 (@reboot true): not imported:" in err
    assert "line 4 (nonsense)" in err
    assert world.journal.last_id() == 0


def test_lengths_come_from_the_history_where_there_is_one(world: World, folder: Path) -> None:
    world.define("feeds", schedule="0 0 1 1 *")
    world.up()
    for length in ("10m", "20m", "50m"):
        world.engine.request("feeds")
        world.start("feeds")
        world.clock.to(length)
        world.end("feeds")
    before = world.journal.last_id()
    first = world.ok("try", "jobs.toml", *WEEK)
    assert "20m (10m-50m), history" in first
    assert world.ok("try", "jobs.toml", *WEEK) == first
    assert "5m\n" in world.ok("try", "jobs.toml", *WEEK, "--durations", _file(folder, "a.csv", "feeds,5m\n# no\n"))
    assert world.journal.last_id() == before


def test_nothing_in_the_data_folder_changes(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = tmp_path_factory.mktemp("data")
    assert run(["--data-dir", str(data / "new"), "try", "jobs.toml"]) == 0
    assert list(data.iterdir()) == [], "nor is one made"
    assert run(["--data-dir", str(data), "apply", "jobs.toml"]) == 0
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    assert run(["--data-dir", str(data), "try", "jobs.toml"]) == 0
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before
    assert not list(folder.glob("**/executed"))


def _file(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return name


def test_a_year_has_a_row_for_each_week(world: World, folder: Path) -> None:
    told = world.ok("try", "jobs.toml", "--days", "365", "--timezone", "Europe/Berlin").splitlines()
    assert sum(line.startswith("Mon ") for line in told) == 53
    assert any("comes twice on 2027-10-31" in line for line in told)


def test_an_hour_is_one_of_the_zone_that_is_shown(world: World, folder: Path) -> None:
    _file(folder, "one.toml", '[jobs.a]\nschedule = "50 18 * * *"\nshell = "true"\n')
    _file(folder, "d", 'a = "20m"')  # from 00:20 to 00:40 in Kolkata, half an hour beside full hours of UTC
    told = world.json(
        "try",
        "one.toml",
        "--from",
        "2027-03-01T18:30:00Z",
        "--days",
        "1",
        "--timezone",
        "Asia/Kolkata",
        "--durations",
        "d",
    )
    (day,) = told["hours"]
    assert day["peak"] == [1, *[0] * 23]


def test_a_row_of_a_terminal_has_80_columns(world: World, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsm.cli.output.Output.terminal", property(lambda _: True))
    monkeypatch.setenv("COLUMNS", "80")
    _file(folder, "jobs.toml", JOBS.replace("feeds", "feeds-of-all-the-sites-that-anybody-has-ever-named"))
    told = world.ok("try", "jobs.toml", *WEEK).splitlines()
    tables = [line for line in told if line.startswith(("JOB", "backup", "feeds", "REFUSED", "Fri 26", "Sun 28"))]
    assert len(tables) >= 6
    assert max(map(len, tables)) <= 80


@pytest.mark.parametrize(
    ("files", "arguments", "sentence"),
    [
        ({}, ["none.toml"], "none.toml: No such file or directory"),
        ({}, ["none"], "none: No such file or directory"),
        ({"empty": ""}, ["empty"], "empty: there is no job in it (a crontab, or a jobs file whose name ends in .toml)"),
        ({"a.toml": "[jobs.a]\nschedul = 1"}, ["a.toml"], 'jobs.a.schedul: there is no key "schedul"'),
        ({}, ["jobs.toml", "--durations", "none"], "none: No such file or directory"),
        (
            {"d": 'nobody = "1m"\nfeeds = 5\nreport = "0s"'},
            ["jobs.toml", "--durations", "d"],
            'd: no job is called "nobody"',
        ),
        ({"d": "feeds,5m"}, ["jobs.toml", "--durations", "d"], "d: it is not TOML"),
        ({"d.csv": "feeds"}, ["jobs.toml", "--durations", "d.csv"], "d.csv: feeds: a length, or a list of 1 to 1,000"),
        ({}, ["jobs.toml", "--timezone", "Mars/Olympus"], "Mars/Olympus"),
        ({}, ["jobs.toml", "--from", "soon"], '"soon" is not a time'),
        ({}, ["jobs.toml", "--user", "root"], "--system and --user are for a crontab"),
        ({"c": "* * * * * true"}, ["c", "--days", "3660"], "take fewer days"),
        ({}, ["jobs.toml", "--svg", "no/such/a.svg"], "no/such/a.svg"),
        ({}, ["jobs.toml", "--from", "9999-12-30"], "the calendar ends before that"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_input_is_one_sentence(
    world: World, folder: Path, files: dict[str, str], arguments: list[str], sentence: str
) -> None:
    for name, text in files.items():
        _file(folder, name, text)
    code, out, err = world.call("try", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("cronfsm: ")
    assert sentence in err
    assert "mistake in cronfsm" not in err


def test_policies_are_the_schedulers_own(world: World, folder: Path) -> None:
    _file(
        folder,
        "p.toml",
        """
        [jobs.slow]
        schedule = "*/5 * * * *"
        shell = "true"
        overlap = "replace"
        [jobs.hopeless]
        schedule = "0 * * * *"
        shell = "true"
        timeout = "5s"
        retry = { attempts = 3, backoff = "30s", on = ["timed_out"] }
        breaker = { failures = 5, cooldown = "2h" }
        """,
    )
    _file(folder, "d", 'slow = "7m"\nhopeless = "1h"')
    arguments = ("try", "p.toml", "--from", "2027-03-01T00:00:00Z", "--days", "1", "--durations", "d")
    told = world.ok(*arguments)
    assert "287 replaced by the next" in told
    assert "its breaker is open since run 5" in told
    slow, hopeless = world.json(*arguments)["jobs"]
    assert (slow["runs"], slow["replaced"], slow["refused"]) == (288, 287, 0)
    assert hopeless["timed_out"] == hopeless["runs"] > 0
    assert hopeless["refused"] > 0


def test_what_only_the_scheduler_can_tell_is_bounded(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _file(folder, "r.toml", '[jobs.a]\nschedule = "* * * * *"\nshell = "true"\noverlap = "replace"\n')
    _file(folder, "d", 'a = "90s"')
    monkeypatch.setattr(trying, "MOST_SIMULATED", 0)
    monkeypatch.setattr(trying, "MOST_EXACT", 100)
    code, _, err = world.call("try", "r.toml", "--durations", "d")
    assert code == 2
    assert "these ticks cannot be reckoned, only simulated (a/1 is replaced), and 10,080 are more than the 100" in err
