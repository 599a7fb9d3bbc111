"""The lifecycle table as pictures and text: Mermaid, SVG, and the table of the documents.

All three are made from `TABLE` alone, so they cannot drift from it; a test holds the files in `diagrams/` and `specs/`
to what these functions return. Given how often each edge was taken, a picture is coloured by that.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from fsm.lifecycle.table import TABLE, Edge
from fsm.model.states import TERMINAL, Reason, State, Trigger

Taken = Mapping[tuple[State | None, Trigger, Reason | None], int]
"""How often each edge was taken with each of its reasons; what is not there was never taken."""

_BOX_W, _BOX_H = 132, 40
_COLUMNS = {State.QUEUED: 190, State.RUNNING: 470}
_ENDS = (State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.LOST, State.REAPED)
_END_X, _TOP, _STEP = 870, 60, 104
_MIDDLE = _TOP + 2 * _STEP
_COLOURS = {
    State.QUEUED: "#dbeafe",
    State.RUNNING: "#fef3c7",
    State.SUCCEEDED: "#dcfce7",
    State.FAILED: "#fee2e2",
    State.TIMED_OUT: "#ffedd5",
    State.LOST: "#e5e7eb",
    State.REAPED: "#f3e8ff",
}
_PLAIN = "#334155"
_NOT_TAKEN = "#dc2626"
_OFTEN = ((10_000, "#14532d"), (100, "#2f9e5f"), (1, "#93c5a5"))
"""Colours by how often an edge was taken at least."""


def _colour(edge: Edge, taken: Taken | None) -> str:
    """Red where one of its reasons was never taken."""
    if taken is None:
        return _PLAIN
    times = _times(edge, taken)
    if not all(times.values()):
        return _NOT_TAKEN
    return next(colour for least, colour in _OFTEN if sum(times.values()) >= least)


def _times(edge: Edge, taken: Taken) -> dict[Reason | None, int]:
    reasons: list[Reason | None] = [*sorted(edge.reasons)] or [None]
    return {reason: taken.get((edge.source, edge.trigger, reason), 0) for reason in reasons}


def _reasons(edge: Edge, taken: Taken | None) -> list[str]:
    """The words beside an edge."""
    if taken is None:
        return [str(reason) for reason in sorted(edge.reasons)]
    return [f"{times:,}" if reason is None else f"{reason} {times:,}" for reason, times in _times(edge, taken).items()]


def mermaid() -> str:
    """A Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    direction LR"]
    for edge in TABLE:
        reasons = ", ".join(sorted(edge.reasons))
        label = f"{edge.trigger}: {reasons}" if reasons else str(edge.trigger)
        lines.append(f"    {edge.source or '[*]'} --> {edge.target}: {label}")
    lines += [f"    {state} --> [*]" for state in _ENDS]
    return "\n".join(lines) + "\n"


def mermaid_taken(taken: Taken) -> str:
    """A Mermaid flow chart (its state diagrams know no colours of edges), coloured by how often each was taken."""
    lines, styles = ["flowchart LR", "    unborn((&nbsp;))"], []
    for number, edge in enumerate(TABLE):
        label = "<br>".join([str(edge.trigger), *_reasons(edge, taken)])
        lines.append(f'    {edge.source or "unborn"} -->|"{label}"| {edge.target}')
        styles.append(f"    linkStyle {number} stroke:{_colour(edge, taken)},stroke-width:2px")
    return "\n".join([*lines, *styles]) + "\n"


def markdown() -> str:
    """The table of the documents."""
    lines = ["| trigger | from | to | reasons |", "| --- | --- | --- | --- |"]
    for edge in TABLE:
        reasons = ", ".join(f"`{reason}`" for reason in sorted(edge.reasons)) or "–"
        lines.append(f"| `{edge.trigger}` | {_code(edge.source)} | {_code(edge.target)} | {reasons} |")
    return "\n".join(lines) + "\n"


def _code(state: State | None) -> str:
    return f"`{state}`" if state is not None else "–"


def svg(taken: Taken | None = None) -> str:
    """An SVG picture. With `taken`, edges are darker the more often they were taken, red where a reason never was."""
    height = _TOP + 4 * _STEP + _BOX_H + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1010 {height}" font-family="sans-serif">',
        "<title>The lifecycle of a run</title>",
        f'<rect width="1010" height="{height}" fill="white"/>',
        '<defs><marker id="tip" markerWidth="9" markerHeight="8" refX="8" refY="4" orient="auto">'
        '<path d="M0,0 L9,4 L0,8 z" fill="#334155"/></marker></defs>',
        f'<circle cx="40" cy="{_MIDDLE + _BOX_H // 2}" r="9" fill="#334155"/>',
    ]
    parts += [_arrow(edge, taken) for edge in TABLE]
    parts += [_box(state) for state in State]
    if taken is not None:
        parts += _key(height)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _key(height: int) -> list[str]:
    """What the colours mean."""
    words = [
        ("once and more" if least == 1 else f"{least:,} times and more", colour) for least, colour in reversed(_OFTEN)
    ]
    return [
        f'<text x="20" y="{height - 90 + 20 * row}" font-size="12" fill="{colour}">━ {text}</text>'
        for row, (text, colour) in enumerate([("never, or not for each reason", _NOT_TAKEN), *words])
    ]


def _place(state: State | None) -> tuple[int, int]:
    """Centre of a state's box."""
    if state is None:
        return 40, _MIDDLE + _BOX_H // 2
    if state in TERMINAL:
        return _END_X + _BOX_W // 2, _TOP + _ENDS.index(state) * _STEP + _BOX_H // 2
    return _COLUMNS[state], _MIDDLE + _BOX_H // 2


def _box(state: State) -> str:
    x, y = _place(state)
    left, top = x - _BOX_W // 2, y - _BOX_H // 2
    double = (
        f'<rect x="{left + 3}" y="{top + 3}" width="{_BOX_W - 6}" height="{_BOX_H - 6}" rx="6" fill="none" '
        'stroke="#334155"/>'
        if state in TERMINAL
        else ""
    )
    return (
        f'<rect x="{left}" y="{top}" width="{_BOX_W}" height="{_BOX_H}" rx="8" fill="{_COLOURS[state]}" '
        f'stroke="#334155"/>{double}'
        f'<text x="{x}" y="{y + 5}" text-anchor="middle" font-size="15">{state}</text>'
    )


def _arrow(edge: Edge, taken: Taken | None) -> str:
    colour = _colour(edge, taken)
    (x1, y1), (x2, y2) = _place(edge.source), _place(edge.target)
    start = x1 + (9 if edge.source is None else _BOX_W // 2)
    end = x2 - _BOX_W // 2 - 2
    if edge.source is State.QUEUED and edge.target in TERMINAL:
        # past the running state: above it for the upper ends, below it for the lower ones
        up = _ENDS.index(edge.target) < 2
        rail = _TOP - 26 + _ENDS.index(edge.target) * 6 if up else _TOP + 4 * _STEP + _BOX_H + 8
        rail -= 0 if up else (4 - _ENDS.index(edge.target)) * 14
        first = y1 - _BOX_H // 2 if up else y1 + _BOX_H // 2
        path = f"M{x1},{first} C{x1},{rail} {x1 + 60},{rail} {x1 + 160},{rail} L{end - 190},{rail} "
        path += f"C{end - 70},{rail} {end - 60},{y2 + (-8 if up else 8)} {end},{y2 + (-8 if up else 8)}"
        label_x, label_y = x1 + 250, rail - 5
    else:
        path = f"M{start},{y1} C{(start + end) // 2},{y1} {(start + end) // 2},{y2} {end},{y2}"
        label_x, label_y = (start + end) // 2, (y1 + y2) // 2 - 6
        if edge.source is State.RUNNING:
            label_x, label_y = end - 40, y2 - 6
    reasons = escape(", ".join(_reasons(edge, taken)))
    words = [(str(edge.trigger), label_y)]
    if taken is not None:  # a rail has room beside the word, all others below the line
        times = f"{sum(_times(edge, taken).values()):,}"
        words = [(f"{edge.trigger} {times}", label_y)] if label_y != y2 - 6 else [*words, (times, label_y + 19)]
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.4" marker-end="url(#tip)">'
        f"<title>{edge.trigger}: {reasons}</title></path>"
    ) + "".join(
        f'<text x="{label_x}" y="{y}" text-anchor="middle" font-size="12" fill="{colour}">{word}</text>'
        for word, y in words
    )
