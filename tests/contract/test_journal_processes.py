"""Several processes append to one file: no update is lost, whoever loses a race is told, and what is killed in the
middle of an append leaves all of it or nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from fsm.journal.sqlite import SqliteJournal
from fsm.journal.verify_store import verify_journal
from fsm.testing.scribe import Scribe

APPENDER = """
import sys
from fsm.errors import Conflict, IllegalEntry, JournalBusy
from fsm.journal.sqlite import SqliteJournal
from fsm.testing.scribe import Scribe

path, own, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
journal = SqliteJournal(path, node=own)
scribe = Scribe(journal)
scribe.define(own)
print("ready", flush=True)
sys.stdin.readline()
lost = 0
for _ in range(times):
    scribe.queue(own)
    for _ in range(10_000):
        try:
            scribe.queue("shared")
            break
        except (Conflict, IllegalEntry):  # IllegalEntry: the number was taken between two questions of ours
            lost += 1
        except JournalBusy:
            pass
    else:
        raise SystemExit("lost ten thousand races in a row")
print(lost, flush=True)
"""

VICTIM = """
import sys
from fsm.journal.sqlite import SqliteJournal
from fsm.model.job import Job
from fsm.model.entries import JobPut
from fsm.ports import Append
from fsm.testing.scribe import Scribe

journal = SqliteJournal(sys.argv[1])
scribe = Scribe(journal)
states = {job: scribe.define(job) for job in ("a", "b", "c")}
print("ready", flush=True)
while True:  # until it is killed
    batch = [
        Append(state, (scribe.draft(job, JobPut(Job(job), state.version + 1, "victim", scribe.now().utc)),))
        for job, state in states.items()
    ]
    for result in journal.append(batch):
        states[result.state.job] = result.state
    print(states["a"].seq, flush=True)
"""


OPENER = """
import sys
from fsm.journal.sqlite import SqliteJournal
from fsm.testing.scribe import Scribe

print("ready", flush=True)
sys.stdin.readline()
journal = SqliteJournal(sys.argv[1], node=sys.argv[2])
Scribe(journal).define(sys.argv[2])
"""


def _start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_several_processes_make_one_journal(tmp_path: Path) -> None:
    path, names = str(tmp_path / "journal.db"), ["a", "b", "c", "d"]
    openers = [_start(OPENER, path, name) for name in names]
    for opener in openers:
        assert opener.stdout is not None
        assert opener.stdout.readline() == "ready\n"
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("go\n")
        opener.stdin.flush()
    for opener in openers:
        opener.communicate()
    assert [opener.returncode for opener in openers] == [0] * len(names)
    journal = SqliteJournal(path)
    assert journal.job_names() == names
    assert list(verify_journal(journal)) == []
    journal.close()


def test_two_processes_lose_no_update(tmp_path: Path) -> None:
    path, times = str(tmp_path / "journal.db"), 60
    journal = SqliteJournal(path)
    Scribe(journal).define("shared")
    appenders = [_start(APPENDER, path, own, str(times)) for own in ("one", "two")]
    for appender in appenders:
        assert appender.stdout is not None
        assert appender.stdout.readline() == "ready\n"
    for appender in appenders:
        assert appender.stdin is not None
        appender.stdin.write("go\n")
        appender.stdin.flush()
    answers = [appender.communicate()[0] for appender in appenders]
    assert [appender.returncode for appender in appenders] == [0, 0], answers
    shared = journal.state("shared")
    assert shared.seq == 1 + 2 * times
    assert [run.number for run in shared.runs] == list(range(1, 2 * times + 1))
    nodes = {entry.node for entry in journal.entries(job="shared") if entry.seq > 1}
    assert nodes == {"one", "two"}
    assert [entry.id for entry in journal.entries()] == list(range(1, 4 + 4 * times))
    assert list(verify_journal(journal)) == []
    journal.close()


def test_a_process_killed_while_it_appends_leaves_whole_batches(tmp_path: Path) -> None:
    path = str(tmp_path / "journal.db")
    for wait_for in (1, 2, 5, 9):
        victim = _start(VICTIM, path)
        assert victim.stdout is not None
        for _ in range(wait_for + 1):  # "ready", and then the length after each commit
            last = victim.stdout.readline()
        os.kill(victim.pid, signal.SIGKILL)  # somewhere in the next append
        rest = victim.communicate()[0].split()
        acknowledged = int([last.strip(), *rest][-1])
        journal = SqliteJournal(path)
        lengths = {journal.head(job)[0] for job in ("a", "b", "c")}
        assert len(lengths) == 1, "a batch landed in part"
        assert lengths.pop() >= acknowledged, "an acknowledged entry is gone"
        assert list(verify_journal(journal)) == []
        journal.close()
