"""Crontabs as crontab(5) of Debian's cron 3.0pl1 and of cronie 1.7 have them: every line is a job or has its reason.

https://manpages.debian.org/bookworm/cron/crontab.5.en.html, https://man7.org/linux/man-pages/man5/crontab.5.html
"""

from __future__ import annotations

import os
import pwd
import subprocess
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.client.engine import Engine
from fsm.codec.jobsfile import read_jobs
from fsm.importing.crontab import CronLine, Kind, read_crontab, split_percent
from fsm.importing.crontab_jobs import Made, bring, make_jobs
from fsm.importing.jobstoml import jobs_toml
from fsm.importing.report import Report
from fsm.journal.memory import MemoryJournal
from fsm.journal.verify_store import verify_journal
from fsm.model.job import Job
from fsm.ports import Journal

ME = pwd.getpwuid(os.geteuid()).pw_name


def made_of(text: str, *, system: bool = False, user: str | None = None) -> Made:
    return make_jobs(read_crontab(text, system=system), zone="Europe/Berlin", user=user)


def only(text: str, **more: Any) -> dict[str, Any]:
    (job,) = made_of(text, **more).jobs
    return job.keys


@pytest.mark.parametrize(
    ("text", "command", "stdin"),
    [
        ("mail root%Hello%there", "mail root", "Hello\nthere"),
        (r"date +\%F", "date +%F", None),
        (r"date +\%F%in", "date +%F", "in"),
        ("cat%", "cat", ""),
        ("cat%%", "cat", "\n"),
        (r"printf 'a\\b'", r"printf 'a\\b'", None),
    ],
)
def test_percent(text: str, command: str, stdin: str | None) -> None:
    assert split_percent(text) == (command, stdin)


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        (r"cat%a%b", "a\nb\n"),
        (r"cat%a%b%", "a\nb\n"),
        (r"cat%%", "\n"),
        (r"cat%", ""),
        (r"cat%it's \% \\ $HOME", "it's % \\\\ $HOME\n"),
        (r"cat # a remark%x", "x\n"),
        (r"cat%CRONTAB_INPUT%x", "CRONTAB_INPUT\nx\n"),
        (r"echo 100\%", "100%\n"),
    ],
)
@pytest.mark.parametrize("shell", ["", "SHELL=/bin/bash\n"])
def test_what_is_executed_reads_what_cron_would_give_it(line: str, printed: str, shell: str) -> None:
    keys = only(f"{shell}* * * * * {line}")
    words = keys.get("command") or ["/bin/sh", "-c", keys["shell"]]
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=True)
    assert done.stdout == printed


def test_a_failing_command_with_input_fails() -> None:
    keys = only("* * * * * cat; exit 3%x")
    assert (
        subprocess.run(["/bin/sh", "-c", keys["shell"]], capture_output=True, timeout=120, check=False).returncode == 3
    )


def test_settings_count_for_the_lines_below() -> None:
    text = "\n".join(
        [
            "1 1 * * * first",
            'PATH = "/opt/bin:/bin"',
            "  'LANG'=C.UTF-8  ",
            "CRON_TZ=Asia/Tokyo",
            "HOME=/srv",
            "SHELL=/bin/bash",
            "LOGNAME=x",
            "2 2 * * * second",
            "CRON_TZ=",
            "SHELL=/bin/sh",
            "@weekly third",
        ]
    )
    first, second, third = made_of(text).jobs
    home = pwd.getpwnam(ME).pw_dir
    assert first.keys == {"schedule": "1 1 * * *", "timezone": "Europe/Berlin", "shell": "first", "cwd": home}
    env = {"PATH": "/opt/bin:/bin", "LANG": "C.UTF-8", "HOME": "/srv"}
    assert second.keys == {
        "schedule": "2 2 * * *",
        "timezone": "Asia/Tokyo",
        "command": ["/bin/bash", "-c", "second"],
        "cwd": "/srv",
        "env": env,
    }
    assert third.keys == {
        "schedule": "@weekly",
        "timezone": "Europe/Berlin",
        "shell": "third",
        "cwd": "/srv",
        "env": env,
    }


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("@reboot /srv/start", '"@reboot" is no time'),
        ("61 * * * * false", '"61" in "61 * * * *" is not a minute'),
        ("* * * * *", "it is neither a schedule and a command nor NAME = text"),
        ("nonsense", "it is neither a schedule and a command nor NAME = text"),
        ("@fortnightly x", '"@fortnightly" is not a schedule'),
        ("0~59 * * * * x", '"0~59"'),
        ("* * * * * %only input", "it has no command"),
        ("0 0 30 2 * x", "never comes"),
    ],
)
def test_lines_that_become_no_job(line: str, why: str) -> None:
    made = made_of(line)
    assert made.jobs == []
    (told,) = made.report.lines
    assert told.subject.startswith("line 1 (")
    assert told.text.startswith("not imported: ")
    assert why in told.text


def test_the_system_form_names_users() -> None:
    text = f"17 * * * * {ME} cd / && run-parts --report /etc/cron.hourly\n@daily {ME} x y\n"
    text += "0 5 * * * www-data php job.php\n"
    made = made_of(text, system=True)
    assert [job.name for job in made.jobs] == ["run-parts", "x"]
    (told,) = made.report.lines
    assert "it runs as www-data; import it with --user www-data" in told.text
    assert [job.name for job in made_of(text, system=True, user="www-data").jobs] == ["job"]
    assert [job.name for job in made_of("* * * * * root\n", system=True).jobs] == []


def test_who_was_mailed_is_said() -> None:
    made = made_of("MAILTO=a@x\n1 * * * * one\n2 * * * * two\nMAILTO=\n3 * * * * three\nMAILTO=b@x\n@reboot four\n")
    assert [str(line) for line in made.report.lines if "MAILTO" in line.subject] == [
        "MAILTO=a@x: what one, two printed was mailed; here nothing is mailed: see cronfsm logs, and on_failure"
    ]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("/usr/local/bin/backup.sh --all > /dev/null", "backup"),
        ("cd /srv/app && FOO=1 nice -n 5 ./bin/poll", "poll"),
        ("[ -x /usr/sbin/anacron ] || run", "anacron"),
        ("test 'unclosed", "unclosed"),
        ("/usr/bin/python3 -u /srv/report.py", "report"),
        ("sh", "sh"),
        ("1234", "1234"),
    ],
)
def test_names(line: str, name: str) -> None:
    assert made_of(f"* * * * * {line}").jobs[0].name.strip("'") == name


def imported(made: Made, journal: Journal, source: str = "crontab:/x") -> Report:
    report = bring(made, Engine(journal), source=source, dry=False)
    assert report.jobs.even, report.jobs
    assert list(verify_journal(journal)) == []
    return report


def test_importing_twice_changes_nothing_and_an_edit_changes_its_job() -> None:
    journal = MemoryJournal()
    Engine(journal).define(Job("Backup", command=["mine"]), source="cli")
    text = "0 3 * * * backup\n0 4 * * * backup weekly\n"
    assert imported(made_of(text), journal).names == {"line 1": "backup-2", "line 2": "backup-2-2"}
    before = journal.last_id()
    report = imported(made_of(text), journal)
    assert (journal.last_id(), report.jobs.known) == (before, 2)
    report = imported(made_of("0 3 * * * backup\n"), journal)
    assert [str(line) for line in report.lines] == [
        "backup-2-2: it came from this crontab, which does not have it any more; it stays: cronfsm remove takes it away"
    ]
    report = imported(made_of(text.replace("3", "5", 1)), journal)
    assert report.jobs.changed == 1
    assert journal.state("Backup").definition == Job("Backup", command=["mine"])


words = st.sampled_from(
    ["*", "0", "5", "*/7", "61", "MON", "x", "@daily", "@reboot", "A=b", "#", '"', "%", "\\%", "root", "é"]
)
lines = st.lists(
    st.lists(words, max_size=8).map(" ".join) | st.text(st.characters(codec="utf-8"), max_size=20), max_size=8
)


@given(lines, st.booleans())
def test_every_line_is_accounted_for_and_the_file_that_is_printed_can_be_served(texts: list[str], system: bool) -> None:
    text = "\n".join(texts)
    read = read_crontab(text, system=system)
    made = make_jobs(read, zone="UTC", user=None)
    assert made.report.jobs.found == len(read) == len(made.jobs) + made.report.jobs.left
    assert len([line for line in made.report.lines if line.subject.startswith("line ")]) == made.report.jobs.left
    numbers = {line.number for line in read}
    for number, raw in enumerate(text.splitlines(), 1):
        if number not in numbers:
            assert not raw.strip() or raw.strip().startswith("#") or "=" in raw
    document = jobs_toml(made.described(), [str(line) for line in made.report.lines])
    tomllib.loads(document)
    assert [job.name for job in read_jobs(document).jobs] == [job.name for job in made.jobs]
    journal = MemoryJournal()
    imported(made, journal)
    again = make_jobs(read, zone="UTC", user=None)
    assert imported(again, journal).jobs.known == len(made.jobs)


def test_a_line_knows_its_place_and_its_remark() -> None:
    found = read_crontab("# head\n\n# nightly\n0 3 * * * backup\n", system=False)
    assert found == [CronLine(4, "0 3 * * * backup", Kind.ENTRY, "0 3 * * *", None, "backup", remark="nightly")]
