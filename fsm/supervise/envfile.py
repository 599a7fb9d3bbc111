"""A job's `env_file`: variables that are read when a run is armed, and are written down nowhere.

Lines of NAME=TEXT. Blank lines and lines that begin with # are passed over, and so is ``export `` in front of a name.
Text goes to the end of the line, without the blanks around it; a pair of quotes around all of it is taken off. Nothing
is expanded, and no line goes on in the next: what stands there is what the command gets.
"""

from __future__ import annotations

import os
import stat

MAX_BYTES = 1 << 20  # what Linux takes as a whole environment is twice that


def read_env_file(path: str) -> list[tuple[str, str]]:
    """The variables in the order of the file. Raises ValueError with a sentence that names the line, never its text."""
    try:
        with open(path, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError(f"env_file {path}: it is not a regular file")
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"env_file {path}: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise ValueError(f"env_file {path}: it is larger than {MAX_BYTES >> 20} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"env_file {path}, line {where}: this is not text in UTF-8") from None
    pairs = []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            pair = _pair(line)
        except ValueError as error:
            raise ValueError(f"env_file {path}, line {number}: {error}") from None
        if pair is not None:
            pairs.append(pair)
    return pairs


def _pair(line: str) -> tuple[str, str] | None:
    line = line.strip()
    if not line or line.startswith("#"):
        return None
    name, equals, text = line.removeprefix("export ").partition("=")
    name, text = name.strip(), text.strip()
    if not equals or not name or any(c.isspace() for c in name):
        raise ValueError("it is not NAME=TEXT")
    if "\0" in line:
        raise ValueError("there is a NUL character in it")
    if name.startswith("CRONFSM_"):
        raise ValueError("names that start with CRONFSM_ are set by cronfsm itself")
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    return name, text
