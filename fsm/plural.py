"""Numbers of things in words: ``1 run``, ``2,000 entries``."""

from __future__ import annotations

__all__ = ["many"]


def many(count: int, what: str, several: str | None = None) -> str:
    """So many of `what`; `several` is its plural where that is more than an ``s``."""
    return f"1 {what}" if count == 1 else f"{count:,} {several or what + 's'}"
