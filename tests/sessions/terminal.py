"""A command on a terminal of a given size, which a script sits in front of: ``terminal.py 80x24 COMMAND…`` reads lines
``see TEXT`` (wait until the screen shows it), ``press KEY`` and ``show`` (print the screen), then waits for the end.

The screen is what a terminal would show (pyte emulates one), not what was written to it.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

import pyte

WITHIN_S = float(os.environ.get("CRONFSM_TEST_WITHIN_S", "30"))
KEYS = {"ctrl-c": b"\x03", "enter": b"\r", "esc": b"\x1b", "space": b" "}


class Terminal:
    """The command, and what its screen shows."""

    def __init__(self, columns: int, lines: int, command: list[str]) -> None:
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.environ.setdefault("TERM", "xterm")
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            os.execvp(command[0], command)
        self._give_up = 0.0

    def see(self, text: str) -> None:
        """Wait until the screen shows it."""
        self._give_up = time.monotonic() + WITHIN_S
        while text not in "\n".join(self.screen.display):
            if not self._read():
                raise SystemExit(f"it ended, and never showed {text!r}:\n{self.shown()}")
            if time.monotonic() > self._give_up:
                os.kill(self.pid, signal.SIGKILL)
                raise SystemExit(f"it never showed {text!r}:\n{self.shown()}")

    def press(self, key: str) -> None:
        os.write(self._fd, KEYS.get(key, key.encode()))

    def shown(self) -> str:
        """The screen without what is empty at its end."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip("\n")

    def end(self) -> int:
        """Its exit code, once it has ended."""
        self._give_up = time.monotonic() + WITHIN_S
        while self._read():
            if time.monotonic() > self._give_up:
                os.kill(self.pid, signal.SIGKILL)
                raise SystemExit(f"it does not end:\n{self.shown()}")
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self) -> bool:
        """Take in what it wrote meanwhile; False once nothing comes any more."""
        if not select.select([self._fd], [], [], 0.1)[0]:
            return True
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # so a terminal says that nobody holds its other end
            return False
        self._stream.feed(data)
        return bool(data)


def main() -> int:
    columns, _, lines = sys.argv[1].partition("x")
    terminal = Terminal(int(columns), int(lines), sys.argv[2:])
    for line in sys.stdin:
        word, _, rest = line.rstrip("\n").partition(" ")
        if word == "see":
            terminal.see(rest)
        elif word == "press":
            terminal.press(rest)
        elif word == "show":
            print(f"{'-' * terminal.screen.columns}\n{terminal.shown()}\n\n{'-' * terminal.screen.columns}", flush=True)
        else:
            raise SystemExit(f"see, press or show, and not: {line}")
    return terminal.end()


if __name__ == "__main__":
    sys.exit(main())
