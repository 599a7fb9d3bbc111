"""A session of a person at a shell: commands and their answers in one text, which can be played again.

A line that begins with ``$ `` is typed into a shell, with the lines that begin with ``> `` below it (a here-document);
what stands below is what it printed, on stdout and stderr as they come, and ``[2]`` the exit code where that is not 0.
The shell is one for the whole session: variables, folders and background jobs (``serve &``) stay. Its home is empty,
its environment is its own, and it has no terminal; ``on-a-terminal 80x24 COMMAND`` is one (see terminal.py).
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import frozen
from names import HOME, named

import fsm
from fsm.scheduler.lock import who_serves
from fsm.supervise.folder import DataFolder

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "golden" / "sessions"
SOURCE = str(Path(fsm.__file__).parent.parent)
WITHIN_S = float(os.environ.get("CRONFSM_TEST_WITHIN_S", "120"))

_SERVES = re.compile(r"\bcronfsm\b.*\bserve\b.*&\s*$", re.DOTALL)
_PROGRAMS = {
    "cronfsm": "-m fsm.cli",
    "on-a-terminal": str(HERE / "terminal.py"),
    "web-receiver": str(HERE / "web_receiver.py"),
    "python3": "",
}


@frozen(slots=True)
class Said:
    """One command, as it was typed (several lines for a here-document), and its answer."""

    typed: str
    answer: str
    code: int

    def __str__(self) -> str:
        typed = "".join(f"{mark} {line}".rstrip() + "\n" for mark, line in _prompted(self.typed))
        ended = "" if not self.answer or self.answer.endswith("\n") else "\n[no line break at the end]\n"
        return typed + self.answer + ended + (f"[{self.code}]\n" if self.code else "")


def _prompted(typed: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(typed.split("\n")):
        yield (">" if number else "$"), line


def commands(transcript: str) -> list[str]:
    """What is typed in it."""
    found: list[str] = []
    for line in transcript.splitlines():
        if line.startswith("$ "):
            found.append(line[2:])
        elif (line.startswith("> ") or line == ">") and found:
            found[-1] += "\n" + line[2:]
    return found


def played(transcript: str) -> str:
    """The same session, as it goes now."""
    with _shell() as shell:
        return "".join(str(shell.type(command)) for command in commands(transcript))


class Shell:
    """A shell in an empty home."""

    def __init__(self, home: str, aside: str) -> None:
        self._home, self._aside = home, aside
        programs = Path(aside, "bin")
        programs.mkdir()
        for name, what in _PROGRAMS.items():
            (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {what} "$@"\n')
            (programs / name).chmod(0o755)
        (programs / "systemctl").write_text('#!/bin/sh\necho "systemctl $*" >> "$HOME/.systemctl"\n')
        (programs / "systemctl").chmod(0o755)
        environment = {
            "HOME": home,
            "PATH": f"{programs}:/usr/bin:/bin",
            "PYTHONPATH": SOURCE,
            "LANG": "C.UTF-8",
            "OLD_STORE": str(HERE.parent / "stores" / "schema-1.sql"),
            "TZ": "UTC",
            "CRONFSM_TEST_WITHIN_S": str(WITHIN_S / 2),
        }
        self._codes_path = os.path.join(aside, "codes")
        os.mkfifo(self._codes_path)
        self._codes = os.open(self._codes_path, os.O_RDWR | os.O_NONBLOCK)
        self._bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=home,
            encoding="utf-8",
            start_new_session=True,
        )
        self._count = 0
        self._type("set -m")  # jobs get signals as those of a person do

    def type(self, command: str) -> Said:
        """One command, to its end; a scheduler in the background, until it serves."""
        self._count += 1
        answer = Path(self._aside, f"answer-{self._count}")
        typed = Path(self._aside, "typed")
        typed.write_text(command + "\n", encoding="utf-8")
        self._type(f". {typed} >{answer} 2>&1 </dev/null; echo $? >{self._codes_path}")
        code = self._code(command, answer)
        if _SERVES.search(command):
            self._await_scheduler()
        told = answer.read_bytes().decode("utf-8", "backslashreplace")
        return Said(command, named(told.replace(self._aside, "/usr/local"), self._home), code)

    def close(self) -> None:
        """Nothing of it is left: no process that has its home, and no folder."""
        with suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.wait()
        assert self._bash.stdin is not None
        with suppress(BrokenPipeError):
            self._bash.stdin.close()
        os.close(self._codes)
        while left := _of_home(self._home):
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _type(self, text: str) -> None:
        assert self._bash.stdin is not None
        self._bash.stdin.write(text + "\n")
        self._bash.stdin.flush()

    def _code(self, command: str, answer: Path) -> int:
        if not select.select([self._codes], [], [], WITHIN_S)[0]:
            raise AssertionError(f"{command!r} does not end; it said: {answer.read_text('utf-8', 'replace')}")
        return int(os.read(self._codes, 64))

    def _await_scheduler(self) -> None:
        folder = DataFolder(Path(self._home, ".local/state/cronfsm"))
        give_up = time.monotonic() + WITHIN_S
        while who_serves(folder) is None:
            assert time.monotonic() < give_up, "no scheduler came up"
            time.sleep(0.02)  # nobody tells others that a lock was taken


@contextmanager
def _shell() -> Iterator[Shell]:
    home = tempfile.mkdtemp(prefix="", dir="/tmp")
    assert len(home) == len(HOME), "lines would be wrapped elsewhere"
    aside = tempfile.mkdtemp(prefix="", dir="/tmp")
    shell = Shell(home, aside)
    try:
        yield shell
    finally:
        shell.close()
        shutil.rmtree(home)
        shutil.rmtree(aside)


def _of_home(home: str) -> list[int]:
    """Processes with this home, but for dead ones."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if f"HOME={home}\0".encode() in Path(f"/proc/{name}/environ").read_bytes():
                found.append(int(name))
    return found
