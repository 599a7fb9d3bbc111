"""A jobs file out of jobs that came from elsewhere, for a person to read before anything is served from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import tomli_w

Described = tuple[str, Mapping[str, object], Sequence[str]]
"""A job's name, its keys, and remarks that go above it."""


def jobs_toml(jobs: Iterable[Described], head: Sequence[str] = ()) -> str:
    """The file's text; remarks and `head` become comments."""
    parts = ["".join(_comment(line) for line in head)] if head else []
    for name, keys, remarks in jobs:
        parts.append("".join(_comment(line) for line in remarks) + tomli_w.dumps({"jobs": {name: dict(keys)}}))
    return "\n".join(parts)


def _comment(text: str) -> str:
    line = "".join(c if c.isprintable() else " " for c in text)
    return f"# {line}\n" if line else "#\n"
