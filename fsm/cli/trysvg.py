"""The picture of a rehearsal as SVG, and a page of HTML with picture and tables: one file each, nothing is fetched."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from fsm.cli.tables import Cell, Column, Painted, plain
from fsm.cli.trysum import HourSum
from fsm.cli.trytext import Row

_CELL, _ROW, _LEFT, _TOP = 26, 22, 96, 54  # px
_SHADES = ("#eef1f4", "#cfe3f3", "#9cc7e6", "#62a3d3", "#2f7ab8", "#13507f")
_REFUSED, _WAITED = "#c62828", "#ef8f00"
_FONT = "font-family:system-ui,sans-serif;font-size:11px;fill:#24292f"

Table = tuple[str, Sequence[Column], Sequence[Sequence[Cell]]]
"""A heading, columns and rows."""


def _text(text: str) -> str:
    """Fit for XML, whatever names hold."""
    return escape(plain(text), quote=True)


def svg(title: str, rows: Sequence[Row]) -> str:
    """Hours from left to right, days downwards; the darker, the more runs at once."""
    most = max((hour.peak for row in rows for hour in row.hours if hour is not None), default=0)
    wide, high = _LEFT + 24 * _CELL + 16, _TOP + len(rows) * _ROW + 44
    size = f'width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{_text(title)}</title>",
        f'<rect width="{wide}" height="{high}" fill="#ffffff"/>',
        f'<text x="8" y="20" style="{_FONT};font-weight:bold">{_text(title)}</text>',
    ]
    parts += [
        f'<text x="{_LEFT + hour * _CELL + 2}" y="{_TOP - 6}" style="{_FONT}">{hour}</text>' for hour in range(0, 24, 2)
    ]
    for number, row in enumerate(rows):
        y = _TOP + number * _ROW
        parts.append(f'<text x="8" y="{y + 15}" style="{_FONT}">{_text(row.label)}</text>')
        parts += [
            _cell(_LEFT + hour * _CELL, y, f"{row.label}, {hour:02}:00", one, most)
            for hour, one in enumerate(row.hours)
            if one is not None
        ]
    y = _TOP + len(rows) * _ROW + 24
    legend = "figure: runs at once at most; red frame: a tick refused; orange frame: a run waited for a place"
    parts += [f'<text x="8" y="{y}" style="{_FONT}">{legend}</text>', "</svg>", ""]
    return "\n".join(parts)


def _cell(x: int, y: int, when: str, hour: HourSum, most: int) -> str:
    shade = 0 if not hour.peak else 1 + (hour.peak - 1) * (len(_SHADES) - 2) // max(most - 1, len(_SHADES) - 2)
    frame = _REFUSED if hour.refused else _WAITED if hour.waited else "none"
    told = f"{when}: {hour.peak} at once, {hour.starts} started"
    told += ", ticks refused" if hour.refused else ""
    told += ", runs waited" if hour.waited else ""
    ink = "#ffffff" if shade >= 4 else "#24292f"
    figure = str(hour.peak) if hour.peak else ""
    return (
        f'<g><title>{_text(told)}</title><rect x="{x}" y="{y}" width="{_CELL - 3}" height="{_ROW - 3}" rx="2" '
        f'fill="{_SHADES[shade]}" stroke="{frame}" stroke-width="1.5"/>'
        f'<text x="{x + 4}" y="{y + 14}" style="{_FONT};fill:{ink}">{figure}</text></g>'
    )


_STYLE = (
    "body{font:14px system-ui,sans-serif;margin:2em;color:#24292f}table{border-collapse:collapse;margin:1em 0}"
    "td,th{padding:.2em .8em;border-bottom:1px solid #d0d7de;text-align:left}td.r,th.r{text-align:right}"
)


def page(title: str, sentences: Sequence[str], rows: Sequence[Row], tables: Sequence[Table]) -> str:
    """One HTML document."""
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{_text(title)}</h1>",
        *(f"<p>{_text(line)}</p>" for line in sentences),
        svg(title, rows),
    ]
    for heading, columns, lines in tables:
        parts.append(f"<h2>{_text(heading)}</h2><table>")
        parts.append(_line("th", columns, [column.title for column in columns]))
        parts += [_line("td", columns, line) for line in lines]
        parts.append("</table>")
    return "\n".join([*parts, "</body></html>", ""])


def _line(tag: str, columns: Sequence[Column], cells: Sequence[Cell]) -> str:
    shown = [_box(tag, column, cell) for column, cell in zip(columns, cells, strict=True)]
    return f"<tr>{''.join(shown)}</tr>"


def _box(tag: str, column: Column, cell: Cell) -> str:
    place = ' class="r"' if column.right else ""
    return f"<{tag}{place}>{_text(cell.text if isinstance(cell, Painted) else cell)}</{tag}>"
