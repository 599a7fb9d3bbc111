"""The one function that every text of an agent's output passes before it is evidence.

What a model wrote may hold anything: halves of surrogate pairs, which no UTF-8 can hold, escape sequences that would
repaint a terminal, megabytes. Whatever else must never reach the journal (secrets) belongs here too.
"""

from __future__ import annotations

MAX_ANSWER_BYTES = 2048  # enough to know an answer by; all of it is in the captured output
MAX_ERROR_BYTES = 300  # what the verdict part of a report has room for
MAX_WORD_BYTES = 200  # ids, reasons, names of tools

_CONTROLS = dict.fromkeys((*range(32), *range(127, 160), 8232, 8233), " ")
_CONTROLS_BUT_LINES = {code: to for code, to in _CONTROLS.items() if chr(code) not in "\t\n"}


def clean(text: object, most_bytes: int, *, lines: bool = False) -> str | None:
    """`text` without control characters and lone surrogates, cut to so many bytes of UTF-8; None where nothing is left.

    With `lines`, tabs and line breaks stay. What is no text is nothing.
    """
    if not isinstance(text, str):
        return None
    text = text[: most_bytes + 1]  # a character is one byte at least
    text = text.translate(_CONTROLS_BUT_LINES if lines else _CONTROLS).strip()
    encoded = text.encode("utf-8", "replace")
    if len(encoded) > most_bytes:
        encoded = encoded[: most_bytes - 3] + "…".encode()
    return encoded.decode("utf-8", "ignore") or None


def count(value: object) -> int | None:
    """A count as the journal can hold it; None for anything else."""
    if type(value) is float and value == value and abs(value) < 1 << 53 and value == int(value):
        value = int(value)
    return value if type(value) is int and 0 <= value < 1 << 53 else None


def micro_usd(value: object) -> int | None:
    """US dollars as millionths; None for anything that is no sum of money."""
    if type(value) not in (int, float) or not isinstance(value, int | float):
        return None
    return round(value * 1_000_000) if 0 <= value < 1_000_000 else None  # NaN and infinity fail it, too
