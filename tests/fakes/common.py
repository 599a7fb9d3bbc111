"""What the fakes of agent CLIs share: misbehaviour that knows no format, and the end of a script.

A fake is called as the real CLI is, refuses a call that the real one would refuse, and prints what the real one prints.
Which part it plays is said by the environment variable FAKE.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

Part = Callable[[], int]


def out(*values: object) -> None:
    """One JSON value a line, at once."""
    for value in values:
        print(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), flush=True)


def err(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def garbage() -> int:
    """Bytes of no encoding, control sequences, and braces that open and never close."""
    sys.stdout.buffer.write(bytes(range(256)) * 8 + b'\n{"type": "resu\n\x1b[2J[[[[{"a": \n{]}\n')
    sys.stdout.buffer.flush()
    return 0


def silence() -> int:
    return 0


def deep() -> int:
    """More nesting than any parser follows."""
    out("[" * 200_000)
    return 0


def endless() -> int:
    """Prints until it is ended."""
    line = b'{"type": "noise", "text": "' + b"x" * 4000 + b'"}\n'
    while True:
        sys.stdout.buffer.write(line)


def noise() -> None:
    """Eight megabytes, on both streams by turns: more than is kept to be interpreted."""
    line = "noise " * 1000
    for _ in range(700):
        out(line)
        err(line)


def killed() -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 1


COMMON: dict[str, Part] = {
    "garbage": garbage,
    "silence": silence,
    "deep": deep,
    "endless": endless,
    "killed": killed,
}


def usage(said: str) -> NoReturn:
    err(f"error: {said}")
    sys.exit(2)


def play(parts: dict[str, Part]) -> NoReturn:
    """The part that FAKE names, and its exit code."""
    sys.exit({**COMMON, **parts}[os.environ.get("FAKE", "success")]())
