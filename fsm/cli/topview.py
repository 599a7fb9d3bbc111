"""The live view on a terminal: frames through rich, keys as they are pressed, woken by what is written.

It sleeps until a key is pressed, a file of the data folder changes (inotify; where there is none the journal is asked
twice a second), or, while something is shown whose age counts, a second is over. What a key asks for is done by the
same commands that a person would type.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import sys
import termios
import tty
from collections.abc import Callable, Sequence
from contextlib import suppress

import attrs
from rich.console import Console
from rich.live import Live
from rich.text import Text

from fsm.cli.context import Session
from fsm.cli.tables import Look
from fsm.cli.topframe import Frame, Row, frame_lines, read_frame, rows_of
from fsm.cli.watch import FolderWatch
from fsm.errors import StoreError

TICK_S = 1.0  # ages are shown in seconds
BLIND_S = 0.5  # without inotify
AT_ONCE_S = 0.05  # after a change, before it is looked at: a turn writes several times

_ARROWS = {b"\x1b[A": "up", b"\x1b[B": "down", b"\x1bOA": "up", b"\x1bOB": "down"}
_MOST_TYPED = 64  # bytes that are read at once; each is a key, but for the arrows
_COMMAND_S = 60.0  # a command that has not answered by then is left to itself

Ask = Callable[[Sequence[str]], str]
"""Runs a command of cronfsm and gives what it says in one line."""


class TopView:
    """Holds the terminal while it is up; gives it back whatever happens."""

    def __init__(self, session: Session, console: Console) -> None:
        self._session, self._console = session, console
        self.chosen = 0
        self.message = ""
        self._confirm: list[str] | None = None
        self._seen = -1
        self._frame: Frame | None = None

    def run(self) -> None:
        """Until q or Ctrl-C."""
        fd = sys.stdin.fileno()
        before = termios.tcgetattr(fd)
        watch = FolderWatch(self._session.folder_path)
        try:
            tty.setcbreak(fd)
            self._live = Live(console=self._console, screen=True, auto_refresh=False)
            with self._live:
                self._loop(fd, watch)
        except KeyboardInterrupt:
            return
        finally:
            watch.close()
            termios.tcsetattr(fd, termios.TCSADRAIN, before)

    def _loop(self, fd: int, watch: FolderWatch) -> None:
        self._show(anew=True)
        while True:
            sources = [fd] if watch.fd is None else [fd, watch.fd]
            ready, _, _ = select.select(sources, [], [], TICK_S if watch.fd is not None else BLIND_S)
            changed = watch.fd is None
            if watch.fd in ready:
                select.select([fd], [], [], AT_ONCE_S)
                watch.drain()
                changed = True
            if fd in ready:
                data = os.read(fd, _MOST_TYPED)
                if not data or not all(self._key(key) for key in _keys(data)):
                    return
                changed = True
            self._show(anew=changed)

    # ---- what is shown

    def _show(self, *, anew: bool) -> None:
        frame = self._read(anew=anew)
        size = self._console.size
        look = Look(size.width, "…" if self._console.encoding.startswith("utf") else "~", _ansi)
        lines = frame_lines(frame, look, size.height, self.chosen, self.message)
        text = Text("\n").join(Text.from_ansi(line, no_wrap=True, overflow="crop") for line in lines)
        self._live.update(text, refresh=True)

    def _read(self, *, anew: bool) -> Frame:
        now = self._session.now()
        if self._frame is not None and not anew:
            return attrs.evolve(self._frame, now=now)
        try:
            served = self._session.served()
            up = None if served is None else str(served.pid or "?")
            self._frame = read_frame(self._session.journal, now, up, served.since if served is not None else None)
        except StoreError as error:
            self.message = str(error)
            if self._frame is None:
                raise
        self.chosen = max(0, min(self.chosen, len(self._rows()) - 1))
        return self._frame

    def _rows(self) -> list[Row]:
        assert self._frame is not None
        return [row for part in rows_of(self._frame, self._console.size.height - 11) for row in part]

    # ---- keys

    def _key(self, key: str) -> bool:
        """What a key does; False for the last one."""
        if self._confirm is not None:
            wanted, self._confirm = self._confirm, None
            self.message = self._ask(wanted) if key in ("y", "Y") else "nothing was done"
            return True
        rows = self._rows()
        if key in ("q", "Q", "\x04"):
            return False
        if key in ("up", "k"):
            self.chosen = max(0, self.chosen - 1)
        elif key in ("down", "j"):
            self.chosen = min(max(0, len(rows) - 1), self.chosen + 1)
        elif rows:
            self._act(key, rows[self.chosen])
        return True

    def _act(self, key: str, row: Row) -> None:
        if key == "l":
            self._page(["logs", row.run or row.job])
        elif key == "e":
            self._page(["explain", row.run or row.job])
        elif key == "r":
            self.message = self._ask(["run", row.job])
        elif key == "p":
            paused = self._session.journal.state(row.job).paused
            self.message = self._ask(["resume" if paused else "pause", row.job])
        elif key == "c":
            if row.open and row.run is not None:
                self._confirm = ["cancel", "--no-wait", row.run]
                self.message = f"cancel {row.run}? y/n"
            else:
                self.message = f"{row.run or row.job} is not open; there is nothing to cancel"

    def _command(self, words: Sequence[str]) -> list[str]:
        first, *rest = words
        return [sys.executable, "-m", "fsm.cli", "--data-dir", self._session.folder_path, first, "--", *rest]

    def _ask(self, words: Sequence[str]) -> str:
        options = [word for word in words[1:] if word.startswith("--")]
        command = self._command([words[0], *(word for word in words[1:] if word not in options)])
        command[-2:-2] = options  # in front of the --
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=_COMMAND_S, stdin=subprocess.DEVNULL, check=False
            )
        except subprocess.TimeoutExpired:
            return f"{words[0]} has not answered in {_COMMAND_S:.0f} s"
        lines = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
        return lines[0] if lines else "done"

    def _page(self, words: Sequence[str]) -> None:
        """The answer in the person's pager, on the terminal as it is otherwise."""
        self._live.stop()
        pager = os.environ.get("PAGER") or ("less -R" if shutil.which("less") else "cat")
        if pager == "cat":
            pager = "cat; printf 'Enter goes back '; read _ </dev/tty"
        with suppress(KeyboardInterrupt, BrokenPipeError):
            shown = subprocess.Popen(self._command(words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            try:
                subprocess.run(["/bin/sh", "-c", pager], stdin=shown.stdout, check=False)
            finally:
                if shown.stdout is not None:
                    shown.stdout.close()
                shown.wait()
        self._live.start(refresh=True)


def _keys(data: bytes) -> list[str]:
    """What was typed, key by key; unknown sequences of the terminal are no keys."""
    return [
        _ARROWS.get(found[0], "") if found[0].startswith(b"\x1b") else found[0].decode("ascii", "replace")
        for found in _KEY.finditer(data)
    ]


_KEY = re.compile(rb"\x1b(?:[\[O][0-9;]*[@-~])?|.", re.DOTALL)
_CODES = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "cyan": 36}


def _ansi(text: str, colour: str) -> str:
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"
