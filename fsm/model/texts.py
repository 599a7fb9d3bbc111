"""Texts that come from outside: the words of an operating system, an exception, a supervisor that has died since."""

from __future__ import annotations


def storable(text: str | None) -> str | None:
    r"""`text` as UTF-8 can hold it: what it cannot hold (half of a surrogate pair, which is how Python hands on a file
    name's bytes that are no UTF-8) stands as its escape.

    >>> storable("no such program: caf\udce9")
    'no such program: caf\\udce9'
    """
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()
