"""`cronfsm top` on a real terminal of 80 columns: it draws, is woken by what happens, does what a key asks for, and
gives the terminal back as it was."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_process import WITHIN_S, Cli

from fsm.cli.watch import FolderWatch


class Terminal:
    """A command on a terminal, and what it has drawn so far."""

    def __init__(self, cli: Cli, *arguments: str, **environment: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(slave)
        self._slave = slave
        self.drawn = b""
        self.process = subprocess.Popen(
            cli.command(*arguments),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=cli.environment(TERM="xterm", **environment),
            start_new_session=True,
        )

    def read_until(self, what: bytes) -> None:
        """Read what is drawn until `what` is among it."""
        give_up = time.monotonic() + WITHIN_S
        while what not in self.drawn:
            assert time.monotonic() < give_up, self.drawn[-2000:]
            if select.select([self.master], [], [], 0.1)[0]:
                self.drawn += os.read(self.master, 65536)

    def press(self, keys: bytes) -> None:
        self.drawn = b""
        os.write(self.master, keys)

    def end(self) -> int:
        """The exit code; the terminal has to be as it was."""
        give_up = time.monotonic() + WITHIN_S
        while self.process.poll() is None:
            assert time.monotonic() < give_up
            if select.select([self.master], [], [], 0.1)[0]:
                self.drawn += os.read(self.master, 65536)
        assert termios.tcgetattr(self._slave) == self.before
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WITHIN_S)
        os.close(self.master)
        os.close(self._slave)


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    cli = Cli(tmp_path / "data")
    cli.ok("add", "one", "--", "true")
    yield cli
    cli.close()


def test_it_shows_does_and_goes(cli: Cli) -> None:
    terminal = Terminal(cli, "top")
    try:
        terminal.read_until(b"No run is open.")
        cli.run("run", "one")
        terminal.read_until(b"one/1")  # woken by the journal
        terminal.read_until(b"no scheduler is up")
        terminal.press(b"c")
        terminal.read_until(b"cancel one/1? y/n")
        terminal.press(b"n")
        terminal.read_until(b"nothing was done")
        terminal.press(b"cy")
        terminal.press(b"y")
        terminal.read_until(b"one/1 is cancelled")
        terminal.press(b"r")
        terminal.read_until(b"one/2 is queued")
        terminal.press(b"p")
        terminal.read_until(b"one is paused")
        terminal.press(b"q")
        assert terminal.end() == 0
    finally:
        terminal.close()
    assert cli.json("show", "one/1")["state"] == "reaped"


def test_a_log_is_shown_by_the_pager(cli: Cli) -> None:
    cli.run("run", "one")
    terminal = Terminal(cli, "top", PAGER="sed s/has/HAS/")
    try:
        terminal.read_until(b"one/1")
        terminal.press(b"l")
        terminal.read_until(b"HAS printed nothing")
        terminal.press(b"q")
        assert terminal.end() == 0
    finally:
        terminal.close()


def test_a_dumb_terminal_gets_one_frame(cli: Cli) -> None:
    terminal = Terminal(cli, "top")
    terminal.close()
    done = cli.run("top", TERM="dumb")
    assert done.returncode == 0
    assert "No run is open." in done.stdout
    assert "\x1b" not in done.stdout


def test_the_folder_is_watched(tmp_path: Path) -> None:
    watch = FolderWatch(str(tmp_path))
    assert watch.fd is not None
    try:
        assert select.select([watch.fd], [], [], 0)[0] == []
        (tmp_path / "journal.db-wal").write_bytes(b"x")
        assert select.select([watch.fd], [], [], WITHIN_S)[0] == [watch.fd]
        watch.drain()
        assert select.select([watch.fd], [], [], 0)[0] == []
    finally:
        watch.close()
    assert FolderWatch(str(tmp_path / "nowhere")).fd is None
