"""Figures as text for a person, as the table of the README, and as JSON."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable

from benchmarks.figures import Beside, Figure, Sample, Wanted

BEGIN, END = "<!-- benchmarks -->", "<!-- end of benchmarks -->"


def number(value: float) -> str:
    """Three digits that count."""
    if value >= 1000:
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _span(sample: Sample) -> str:
    return f" ({number(sample.lowest)}–{number(sample.highest)})" if len(sample.values) > 1 else ""


def _full(sample: Sample) -> str:
    return f"{number(sample.median)} {sample.unit}".strip() + _span(sample)


def _verdict(wanted: Wanted | None, sample: Sample) -> str:
    if wanted is None:
        return ""
    return f"{wanted}: {'met' if wanted.met_by(sample) else 'MISSED'}"


def text(figure: Figure) -> str:
    """A few lines."""
    verdict = _verdict(figure.wanted, figure.sample)
    lines = [f"goal {figure.goal}  {figure.what}: {_full(figure.sample)}" + (f"  [{verdict}]" if verdict else "")]
    for beside in figure.beside:
        ratio = figure.sample.over(beside.sample)
        verdict = _verdict(beside.wanted, ratio)
        line = f"          {beside.name}: {_full(beside.sample)}, ratio {_full(ratio)}"
        lines.append(line + (f"  [{verdict}]" if verdict else ""))
    if figure.note:
        lines.append(f"          {figure.note}")
    return "\n".join(lines)


def environment(rounds: int) -> str:
    """Where it was measured, in a sentence."""
    return (
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {os.cpu_count()} cores; "
        f"medians of {rounds} rounds, smallest and largest in brackets; limit and peer in turns, in the same run."
    )


def markdown(figures: Iterable[Figure], rounds: int) -> str:
    """The table of the README, with the markers around it."""
    rows = [
        "| goal | figure | measured | beside it, in the same run | ratio | wanted |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for figure in figures:
        rows += _rows(figure)
    return "\n".join([BEGIN, environment(rounds), "", *rows, END])


def _rows(figure: Figure) -> list[str]:
    what, measured = f"{figure.goal} | {figure.what}", _full(figure.sample)
    own = _mark(figure.wanted, figure.sample)
    if not figure.beside:
        return [f"| {what} | {measured} | – | – | {own} |"]
    rows = []
    for place, beside in enumerate(figure.beside):
        ratio = figure.sample.over(beside.sample)
        wanted = "; ".join(text for text in ("" if place else own, _mark(beside.wanted, ratio, "ratio ")) if text)
        left = f"{what} | {measured}" if not place else " | | "
        rows.append(f"| {left} | {beside.name}: {_full(beside.sample)} | {_full(ratio)} | {wanted or '–'} |")
    return rows


def _mark(wanted: Wanted | None, sample: Sample, of: str = "") -> str:
    if wanted is None:
        return ""
    return f"{of}{wanted} {'✓' if wanted.met_by(sample) else '✗'}"


def as_json(figures: Iterable[Figure], rounds: int) -> str:
    """One document."""
    document = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": os.cpu_count(),
        "rounds": rounds,
        "command": sys.argv[1:],
        "figures": [_figure(figure) for figure in figures],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _figure(figure: Figure) -> dict[str, object]:
    return {
        "goal": figure.goal,
        "what": figure.what,
        **_sample(figure.sample),
        "wanted": None if figure.wanted is None else str(figure.wanted),
        "met": figure.met,
        "beside": [_beside(figure, beside) for beside in figure.beside],
        "note": figure.note,
    }


def _beside(figure: Figure, beside: Beside) -> dict[str, object]:
    ratio = figure.sample.over(beside.sample)
    return {
        "name": beside.name,
        **_sample(beside.sample),
        "ratio": _sample(ratio),
        "wanted": None if beside.wanted is None else str(beside.wanted),
        "met": None if beside.wanted is None else beside.wanted.met_by(ratio),
    }


def _sample(sample: Sample) -> dict[str, object]:
    return {
        "median": sample.median,
        "lowest": sample.lowest,
        "highest": sample.highest,
        "unit": sample.unit,
        "values": sample.values,
    }
