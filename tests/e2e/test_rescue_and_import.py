"""`rescue` and `import` as processes of their own: what they print, what they cost, and what they leave behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import Cli

from fsm.testing.openclaw_store import HOUR_MS, StoreShape, write_store

SESSIONS = Path("agents/main/sessions/sessions.json")
SMALL = StoreShape(running=(30, 60), ended=(80, 5), own=4, size=400_000)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path / "data")


def stuck(tmp_path: Path, shape: StoreShape = SMALL) -> Path:
    path = write_store(tmp_path / "openclaw", shape)
    os.utime(path, ((shape.now_ms + HOUR_MS) / 1000,) * 2)
    return tmp_path / "openclaw"


def test_a_look_shows_what_and_why_and_changes_nothing(cli: Cli, tmp_path: Path) -> None:
    folder = stuck(tmp_path)
    before = {path: path.read_bytes() for path in folder.rglob("*.json")}
    done = cli.run("rescue", "openclaw", str(folder))
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    for text in (
        "181 entries",
        "175 are runs of 2 jobs, 90 of them running",
        "main: Brief 0",
        "running, and no sign of life for 1 h or more",
        "runningAtMs is taken away",
        "Nothing was changed; add --apply to do it to 2 files.",
    ):
        assert text in done.stdout
    assert {path: path.read_bytes() for path in folder.rglob("*.json")} == before
    assert not (tmp_path / "data").exists()


def test_a_repair_leaves_a_store_with_nothing_to_repair(cli: Cli, tmp_path: Path) -> None:
    folder = stuck(tmp_path)
    old = json.loads((folder / SESSIONS).read_bytes())
    data = cli.json("rescue", "openclaw", str(folder), "--apply", "--keep", "10")
    assert data["ok"]
    assert data["applied"]
    (store,) = data["stores"]
    new = json.loads((folder / SESSIONS).read_bytes())
    assert store["run_rows"] == 175
    assert len(new) == len(old) - store["dropped"] == 4 + 2 + 20
    assert {key: row for key, row in old.items() if ":run:" not in key}.items() <= new.items()
    assert not [key for key, row in new.items() if ":run:" in key and row["status"] == "running"]
    for each in data["repaired"]:
        assert os.path.getsize(each["backup"]) == each["before"]
    assert json.loads(Path(data["repaired"][0]["backup"]).read_bytes()) == old
    assert "runningAtMs" not in (folder / "cron" / "jobs.json").read_text()
    assert cli.ok("rescue", "openclaw", str(folder), "--keep", "10").endswith("There is nothing to repair.\n")


def test_while_somebody_has_the_store_open_nothing_is_changed(cli: Cli, tmp_path: Path) -> None:
    folder = stuck(tmp_path)
    before = (folder / SESSIONS).read_bytes()
    with open(folder / SESSIONS, "rb"):
        done = cli.run("rescue", "openclaw", str(folder), "--apply")
        assert done.returncode == 75
        assert f"process {os.getpid()} uses it (it has {folder / SESSIONS} open); nothing was changed" in done.stderr
        look = cli.run("rescue", "openclaw", str(folder))
        assert f"Process {os.getpid()} is in the way" in look.stdout
    assert (folder / SESSIONS).read_bytes() == before
    assert [path.name for path in (folder / SESSIONS).parent.iterdir()] == ["sessions.json"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["rescue", "openclaw", "/nowhere"], "/nowhere: there is no such folder; give the folder that holds cron/"),
        (["rescue", "openclaw", "."], "it has neither a cron nor an agents folder"),
        (["rescue", "openclaw", ".", "--older-than", "soon"], '"soon" is not a duration'),
        (["rescue", "crontab", "."], "'crontab' is not 'openclaw'"),
        (["import", "openclaw", "/nowhere"], "/nowhere: there is no such folder"),
        (["import", "openclaw", ".", "--user", "x"], "--system and --user are for a crontab"),
        (["import", "crontab", "/nowhere"], "/nowhere: No such file or directory"),
        (["import", "crontab", "-", "--timezone", "Mars/Olympus"], "Mars/Olympus"),
        (["import", "nagios", "x"], "'nagios' is not one of"),
    ],
)
def test_wrong_usage_is_one_sentence(cli: Cli, tmp_path: Path, arguments: list[str], sentence: str) -> None:
    (tmp_path / "empty").mkdir()
    done = cli.run(*[str(tmp_path / "empty") if word == "." else word for word in arguments])
    assert done.returncode == 2
    assert done.stdout == ""
    assert sentence in done.stderr
    assert done.stderr.startswith("cronfsm: ")
    assert len(done.stderr.splitlines()) == 1


def test_memory_does_not_grow_with_the_file(cli: Cli, tmp_path: Path) -> None:
    """A store of 4 MB and one of 60 MB, looked at and repaired: below 60 MB each, and within 8 MB of each other.

    (Of the 185 MB of the report a benchmark tells: `python -m benchmarks rescue`.)
    """
    peaks = []
    for size in (4_000_000, 60_000_000):
        folder = stuck(tmp_path / str(size), StoreShape(running=(300, 300), ended=(300, 100), own=5, size=size))
        peaks.append(_peak_mb(cli, "rescue", "openclaw", str(folder), "--apply"))
    small, large = peaks
    assert large < 60
    assert large < small + 8


_CHILD = """
import sys
from fsm.cli.main import run
code = run(sys.argv[1:])
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(code, peak, file=sys.stderr)
"""


def _peak_mb(cli: Cli, *arguments: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=cli.environment(),
        check=True,
    )
    code, peak = done.stderr.split()[-2:]
    assert code == "0", done.stderr
    return int(peak) / 1024


def test_openclaw_comes_in_once_and_verifies(cli: Cli, tmp_path: Path) -> None:
    folder = write_store(tmp_path / "openclaw", SMALL).parents[3]
    planned = cli.ok("import", "openclaw", str(folder), "--dry-run")
    assert planned.endswith("2 jobs: 2 imported.\n40 runs: 40 imported.\nNothing was changed (--dry-run).\n")
    assert not (tmp_path / "data").exists()
    data = cli.json("import", "openclaw", str(folder))
    assert data["jobs"] == {"found": 2, "added": 2, "changed": 0, "known": 0, "left": 0}
    assert data["runs"] == {"found": 40, "added": 40, "changed": 0, "known": 0, "left": 0}
    assert [line["text"] for line in data["lines"] if "announced" in line["text"]] == [
        "its result was announced to telegram 42; here nobody is told, but see on_end"
    ] * 2
    entries = cli.ok("journal", "--json")
    again = cli.json("import", "openclaw", str(folder))
    assert (again["jobs"]["known"], again["runs"]["known"]) == (2, 40)
    assert cli.ok("journal", "--json") == entries
    assert "nothing is wrong" in cli.ok("verify")
    runs = cli.json("runs", "--job", "Brief 0", "--limit", "100")
    assert len(runs) == 20
    assert {run["state"] for run in runs} == {"succeeded", "timed_out"}
    assert {run["cause"] for run in runs} == {"imported"}
    assert "Imported      from openclaw, where its id was" in cli.ok("show", "Brief 0/1")
    assert "elsewhere, ran: Brief 0/20 succeeded after 1m 30s" in cli.ok("explain", "Brief 0")


def test_a_crontab_is_printed_looked_at_and_applied(cli: Cli, tmp_path: Path) -> None:
    crontab = tmp_path / "crontab"
    crontab.write_text("MAILTO=me@x\n# nightly\n0 3 * * * /bin/backup --all\n@reboot start\n*/5 * * * * cat%in%put\n")
    printed = cli.ok("import", "crontab", str(crontab), "--print", "--timezone", "Europe/Berlin")
    jobs = tmp_path / "jobs.toml"
    jobs.write_text(printed)
    assert "# nightly\n# line 3: 0 3 * * * /bin/backup --all\n[jobs.backup]\n" in printed
    assert '# line 4 (@reboot start): not imported: "@reboot" is no time' in printed
    assert "# MAILTO=me@x: what backup, cat printed was mailed" in printed
    assert "added      backup\nadded      cat\n" in cli.ok("apply", str(jobs))
    cli.ok("remove", "backup")
    cli.ok("remove", "cat")
    told = cli.ok("import", "crontab", str(crontab))
    assert told.endswith("3 jobs: 2 imported, 1 not imported (see above).\n")
    assert cli.ok("import", "crontab", str(crontab)).endswith(
        "3 jobs: 0 imported, 2 known already, 1 not imported (see above).\n"
    )
    assert "nothing is wrong" in cli.ok("verify")
