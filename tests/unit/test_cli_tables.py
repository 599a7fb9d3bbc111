"""Plain tables: nothing cut where nobody looks, never wider than a terminal where that can be done."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fsm.cli.entrytext import _SAY
from fsm.cli.tables import Column, Look, Painted, cut, plain, table, width
from fsm.model.entries import KIND_OF

COLUMNS = [Column("JOB", floor=6), Column("STATE"), Column("TOOK", right=True)]
ROWS = [["backup-of-everything", "succeeded", "12s"], ["a", "failed", "1h 12m"]]


def test_columns_are_as_wide_as_what_is_in_them() -> None:
    assert table(COLUMNS, ROWS, Look()) == [
        "JOB                   STATE        TOOK",
        "backup-of-everything  succeeded     12s",
        "a                     failed     1h 12m",
    ]


def test_a_narrow_terminal_takes_from_the_columns_that_may_give() -> None:
    assert table(COLUMNS, ROWS, Look(room=30)) == [
        "JOB          STATE        TOOK",
        "backup-of-~  succeeded     12s",
        "a            failed     1h 12m",
    ]
    floor = table(COLUMNS, ROWS, Look(room=10))
    assert floor[1] == "backu~  succeeded     12s"  # it has its floor, and the others are never cut


def test_colour_changes_no_width() -> None:
    look = Look(paint=lambda text, colour: f"<{colour}>{text}</>")
    lines = table([Column("A"), Column("B", right=True)], [[Painted("x", "red"), Painted("1", "blue")]], look)
    assert lines == ["A  B", "<red>x</>  <blue>1</>"]
    lines = table([Column("AAAA"), Column("B")], [[Painted("x", "red"), "y"]], look)
    assert lines[1] == "<red>x</>     y"


def test_a_name_cannot_turn_the_terminal_round() -> None:
    assert plain("a\x1b[31mb\rc\n\u202e") == "a\\x1b[31mb\\rc\\n\\u202e"
    assert plain("名前 ü") == "名前 ü"
    assert table([Column("JOB")], [["a\nb"]], Look()) == ["JOB", "a\\nb"]


def test_every_kind_of_entry_has_its_sentence() -> None:
    assert set(_SAY) == set(KIND_OF)


@given(st.text(alphabet="ab名前é\u0301", max_size=20), st.integers(1, 12))
def test_a_cut_text_fits_whatever_its_script(text: str, cells: int) -> None:
    short = cut(text, cells, "…")
    assert width(short) <= cells
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))
