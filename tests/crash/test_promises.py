"""A full run in which too little was tried is told from one in which all was well."""

from __future__ import annotations

from promises import CUTS, KILLS, PROMISED, Table


def test_what_was_tried_often_enough_is_not_short() -> None:
    table = Table((what, number, None) for what, number in PROMISED.items())
    assert table.short(complete=True) == []
    assert not [line for line in table.lines(full=True) if "TOO FEW" in line]


def test_what_is_short_is_named_with_its_figures() -> None:
    table = Table([(KILLS, 200, None), (KILLS, 99, None), (CUTS, 9, 10)])
    assert table.short(complete=False) == [f"{KILLS}: 299 of 300", f"{CUTS}: 9 of 10"]
    lines = [" ".join(line.split()) for line in table.lines(full=True)]
    assert lines == ["counted tried promised", f"{KILLS} 299 300 TOO FEW", f"{CUTS} 9 10 TOO FEW"]


def test_what_nobody_counted_is_short_where_everything_was_asked_for() -> None:
    assert len(Table([]).short(complete=True)) == len(PROMISED)
    assert Table([]).short(complete=False) == []
    assert Table([]).lines(full=True) == []
