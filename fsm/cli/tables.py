"""Plain tables: columns of text, as wide as they need to be, narrowed only where a terminal has no room for them.

Its own few lines and not rich's, because importing those takes longer than everything else that ``cronfsm list``
does. Where nobody looks (a pipe, a file), nothing is ever cut off.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from attrs import frozen

_GAP = "  "
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@frozen(slots=True)
class Column:
    """A heading; `floor` is the least width it may be narrowed to on a terminal (None: it is never narrowed)."""

    title: str
    floor: int | None = None
    right: bool = False


@frozen(slots=True)
class Painted:
    """A cell in a colour (a name that `click.style` knows)."""

    text: str
    colour: str


Cell = str | Painted
Paint = Callable[[str, str], str]
"""Puts a text into a colour, or leaves it as it is."""


@frozen(slots=True)
class Look:
    """What the output can take: how many cells a line has (None: no limit), what marks a cut, how to paint."""

    room: int | None = None
    mark: str = "~"
    paint: Paint = lambda text, _: text


def width(text: str) -> int:
    """Cells of a terminal that the text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def padded(text: str, cells: int) -> str:
    """The text with spaces behind it, up to so many cells."""
    return text + " " * (cells - width(text))


def plain(text: str) -> str:
    """The text without anything that could move a cursor or turn a line round: such characters are written out."""
    return _CONTROL.sub(lambda match: repr(match[0])[1:-1], text)


def cut(text: str, cells: int, mark: str = "~") -> str:
    """The text in at most so many cells; what is cut off is shown by `mark`, one cell wide."""
    if width(text) <= cells:
        return text
    kept, room = "", cells - 1
    for char in text:
        room -= width(char)
        if room < 0:
            break
        kept += char
    return kept + mark


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], look: Look) -> list[str]:
    """The lines of a table, headings first."""
    texts = [[plain(cell if isinstance(cell, str) else cell.text) for cell in row] for row in rows]
    titles = [column.title for column in columns]
    widths = [max(map(width, cells)) for cells in zip(titles, *texts, strict=True)]
    if look.room is not None:
        widths = _narrowed(columns, widths, look.room)
    colours: list[Sequence[str | None]] = [
        [None if isinstance(cell, str) else cell.colour for cell in row] for row in rows
    ]
    lines = [_line(columns, titles, [None] * len(titles), widths, look)]
    lines += [_line(columns, row, paints, widths, look) for row, paints in zip(texts, colours, strict=True)]
    return lines


def _narrowed(columns: Sequence[Column], widths: Sequence[int], room: int) -> list[int]:
    """Take from the widest column that may give, one cell after the other."""
    narrow = list(widths)
    over = sum(narrow) + len(_GAP) * (len(narrow) - 1) - room
    for _ in range(max(over, 0)):
        giving = [
            place
            for place, column in enumerate(columns)
            if column.floor is not None and narrow[place] > max(column.floor, width(column.title))
        ]
        if not giving:
            break
        narrow[max(giving, key=lambda place: narrow[place])] -= 1
    return narrow


def _line(
    columns: Sequence[Column], row: Sequence[str], paints: Sequence[str | None], widths: Sequence[int], look: Look
) -> str:
    cells = []
    for column, text, colour, wide in zip(columns, row, paints, widths, strict=True):
        shown = cut(text, wide, look.mark)
        pad = " " * (wide - width(shown))
        painted = look.paint(shown, colour) if colour else shown
        cells.append(pad + painted if column.right else painted + pad)
    return _GAP.join(cells).rstrip()
