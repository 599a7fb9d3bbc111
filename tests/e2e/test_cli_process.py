"""The command line as a shell sees it: exit codes, pipes, locales, terminals, and what it imports."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import SOURCE, WITHIN_S, Cli

NAMES = ["backup", "резервная-копия", "備份"]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    made = Cli(tmp_path / "state")
    for name in NAMES:
        made.ok("add", name, "--schedule", "@daily", "--", "true")
    return made


def test_exit_codes_and_streams(cli: Cli, tmp_path: Path) -> None:
    """0, 2, 3 and 75, as a script sees them; the answer on stdout, the sentence on stderr."""
    done = cli.run("list")
    assert (done.returncode, done.stderr) == (0, "")
    done = cli.run("lst")
    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        "cronfsm: there is no command 'lst'; did you mean 'list'?\n",
    )
    done = cli.run("show", "backpu")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "cronfsm: there is no job 'backpu'; did you mean 'backup'?\n"
    assert cli.run("run", "backup").returncode == 0
    done = cli.run("run", "backup", "--json")
    assert (done.returncode, json.loads(done.stdout)["reason"]) == (75, "already_queued")
    (tmp_path / "bad.toml").write_text('[jobs.x]\nschedule = "soon"\n')
    done = cli.run("apply", str(tmp_path / "bad.toml"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "jobs.x.schedule" in done.stderr
    done = cli.run("cancel", "backup")
    assert (done.returncode, done.stdout) == (0, "backup/1 is cancelled.\n")
    assert cli.run("cancel", "backup").returncode == 75


def test_a_reader_makes_nothing(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "none" / "state")
    for arguments in (["list"], ["runs"], ["status"], ["journal"], ["verify"], ["show", "x"], ["run", "x"]):
        assert cli.run(*arguments).returncode in (0, 3)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("lines", [0, 1])
def test_a_closed_pipe_is_quiet(cli: Cli, lines: int) -> None:
    """More than a pipe holds, and a reader who had enough."""
    cli.ok("apply", str(tmp_jobs(cli, 800)))
    shell = f'"{sys.executable}" -m fsm.cli journal | head -n {lines}; echo "${{PIPESTATUS[@]}}"'
    done = subprocess.run(
        ["bash", "-c", shell],
        capture_output=True,
        encoding="utf-8",
        env=cli.environment(),
        timeout=WITHIN_S,
        check=True,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "0 0"
    assert len(done.stdout.splitlines()) == lines + 1


def tmp_jobs(cli: Cli, number: int) -> Path:
    """A jobs file of that many jobs."""
    file = cli.path.parent / "many.toml"
    file.write_text("".join(f'[jobs.job-{n:04}]\nschedule = "@daily"\ncommand = ["true"]\n' for n in range(number)))
    return file


def test_a_full_disk_behind_stdout_is_one_sentence(cli: Cli) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            cli.command("list"),
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=cli.environment(),
            timeout=WITHIN_S,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "cronfsm: No space left on device\n"


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "latin-1"},
    ],
    ids=["C", "POSIX", "latin-1"],
)
def test_any_locale(cli: Cli, locale: dict[str, str]) -> None:
    """A terminal that cannot show a name gets it written out; JSON is UTF-8 whatever the locale says."""
    done = cli.run("list", **locale)
    assert (done.returncode, done.stderr) == (0, "")
    shown = "\\u5099\\u4efd" if "PYTHONIOENCODING" in locale else "備份"
    assert shown in done.stdout
    done = cli.run("list", "--json", **locale)
    assert {job["name"] for job in json.loads(done.stdout)} == set(NAMES)
    done = cli.run("show", "ñ", **locale)
    assert done.returncode in (2, 3)
    assert "Traceback" not in done.stderr


def on_a_terminal(cli: Cli, *arguments: str, **environment: str) -> str:
    """What a command prints on a terminal of 80 columns."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        cli.command(*arguments),
        stdin=child,
        stdout=child,
        stderr=child,
        env=cli.environment(COLUMNS="80", **environment),
        start_new_session=True,
    )
    os.close(child)
    data = b""
    while True:
        try:
            read = os.read(parent, 65536)
        except OSError:  # the last writer closed it
            break
        if not read:
            break
        data += read
    os.close(parent)
    assert process.wait(WITHIN_S) in (0, 75)
    return data.decode().replace("\r\n", "\n")


def test_colour_only_where_it_is_wanted(cli: Cli) -> None:
    cli.run("run", "backup")
    assert "\x1b[" in on_a_terminal(cli, "runs", TERM="xterm-256color")
    plain: tuple[dict[str, str], ...] = ({"TERM": "dumb"}, {"TERM": "xterm-256color", "NO_COLOR": "1"}, {})
    for environment in plain:
        for command in (["runs"], ["list"], ["explain", "backup"]):
            assert "\x1b" not in on_a_terminal(cli, *command, **environment)
    assert "\x1b" not in cli.run("runs", TERM="xterm-256color").stdout


def test_tables_fit_a_terminal_and_are_whole_in_a_pipe(cli: Cli) -> None:
    long = "a-job-with-a-name-that-is-far-too-long-for-a-column-of-any-table"
    cli.ok("add", long, "--schedule", "0,15,30,45 3,4,5 1-7,15-21 * 1-5", "--timezone", "Europe/Berlin", "--", "true")
    cli.run("run", long)
    for command in (["list"], ["runs"]):
        out = on_a_terminal(cli, *command, TERM="dumb")
        assert all(len(line) <= 80 for line in out.splitlines()), out
        assert "…" in out
        assert long in cli.ok(*command)


def test_version_and_help_as_a_process(cli: Cli) -> None:
    assert re.fullmatch(r"cronfsm \d+\.\d+\.\d+\n", cli.ok("--version"))
    out = cli.ok("--help")
    assert "Exit codes:" in out
    assert all(len(line) <= 100 for line in out.splitlines())


HEAVY = {"transitions", "croniter", "cattrs", "asyncio", "rich", "subprocess", "tomllib", "fsm.supervise.launcher"}


@pytest.mark.parametrize("command", ["list", "list --json", "runs", "--version"])
def test_quick_commands_import_nothing_heavy(cli: Cli, command: str) -> None:
    """Imports are most of the time that such a command takes; a benchmark measures it, this keeps it so."""
    script = (
        "import sys; from fsm.cli.main import run; "
        f"code = run({command.split()!r}); "
        f"print('heavy:', sorted(set(sys.modules) & set({sorted(HEAVY)!r})), code, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        encoding="utf-8",
        env=cli.environment(PYTHONPATH=SOURCE),
        timeout=WITHIN_S,
        check=False,
    )
    assert done.stderr == "heavy: [] 0\n"


def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    """Nobody writes into another user's folder; root, who could, is stopped by its owner."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, 54321, 54321)
    else:
        folder.chmod(0o500)
    try:
        for arguments in (["add", "x", "--", "true"], ["serve", "--for", "1s"]):
            done = Cli(folder).run(*arguments)
            assert (done.returncode, done.stdout) == (2, "")
            assert re.fullmatch(rf"cronfsm: {folder}: .*\n", done.stderr), done.stderr
    finally:
        if os.geteuid() != 0:
            folder.chmod(0o700)
