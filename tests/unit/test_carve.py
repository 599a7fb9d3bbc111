"""Rows read page by page: exactly those that SQLite reads, and of a damaged file all that lie in whole pages."""

from __future__ import annotations

import random
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.journal.carve import COLUMNS, carve, carve_lengths
from fsm.journal.good import read_row
from fsm.journal.pages import Pages
from fsm.journal.sqlite import SqliteJournal
from fsm.testing.damage import PAGE, header_damaged, leaf_damaged, overwrite, root_damaged
from fsm.testing.journal_base import tell_a_long_story
from fsm.testing.scribe import Scribe

Rows = list[tuple[Any, ...]]


def carved(path: Path) -> Rows:
    with open(path, "rb") as file, closing(Pages(file, f"{path}-wal")) as pages:
        return sorted(carve(pages))


def selected(path: Path) -> Rows:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    with closing(connection):
        return sorted(connection.execute(f"SELECT {', '.join(COLUMNS)} FROM entries"))


def write_much(journal: SqliteJournal, runs: int = 60) -> None:
    """Some hundred entries; bodies that fit a page, fill it to the last byte, and go over many."""
    scribe = Scribe(journal)
    tell_a_long_story(scribe)
    for number in range(runs):
        scribe.define("d", env={"LONG": "ü" * (number * 97)})
        scribe.run_through("d")
    for length in range(3_500, 4_100, 61):
        scribe.define("e", env={"LONG": "x" * length})
    scribe.define("e", env={"LONG": "y" * 100_000})


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "journal.db"
    with closing(SqliteJournal(path, node="here")) as journal:
        write_much(journal)
    return path


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(template, tmp_path / "journal.db"))


def test_every_row_of_a_whole_file_and_no_other(path: Path) -> None:
    assert carved(path) == selected(path)
    assert len(selected(path)) > 300


def test_the_length_of_every_stream(path: Path) -> None:
    """Enough of them that their table has pages above its leaves, which hold rows, too."""
    with closing(SqliteJournal(path)) as journal:
        for number in range(300):
            Scribe(journal).define(f"{number}-with-a-name-that-takes-some-room", schedule="* * * * *")
        known = {job: journal.head(job)[0] for job in journal.streams()}
    with open(path, "rb") as file, closing(Pages(file, f"{path}-wal")) as pages:
        assert carve_lengths(pages) == known


def test_what_stands_in_the_log_only_and_what_is_newer_there(path: Path) -> None:
    with closing(SqliteJournal(path)) as journal:
        for number in range(5):
            Scribe(journal).define("f", env={"LONG": "z" * (number * 4_000)})
            Scribe(journal).run_through("f")
            assert carved(path) == selected(path)
        assert Path(f"{path}-wal").stat().st_size > PAGE


def test_a_log_that_is_cut_or_damaged_counts_as_far_as_sqlite_counts_it(path: Path, tmp_path: Path) -> None:
    rng = random.Random(1)
    copy = tmp_path / "copy.db"
    with closing(SqliteJournal(path)) as journal:
        for _ in range(4):
            Scribe(journal).run_through("d")
        shutil.copy(path, copy)
        log = Path(f"{path}-wal").read_bytes()
    lengths = [rng.randrange(len(log)) for _ in range(20)]
    for damaged in [log[:length] for length in lengths] + [_flipped(log, length) for length in lengths]:
        Path(f"{copy}-wal").write_bytes(damaged)
        found = carved(copy)
        assert found == selected(copy)


def _flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]


def test_a_damaged_page_costs_the_rows_in_it_and_no_others(path: Path) -> None:
    before = carved(path)
    leaf_damaged(path)
    after = carved(path)
    assert set(after) < set(before)
    assert len(before) - len(after) < 20
    root_damaged(path)
    assert carved(path) == after, "the pages above them are not needed"
    header_damaged(path)
    assert carved(path) == after


def test_each_page_damaged_in_turn(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(SqliteJournal(path)) as journal:
        tell_a_long_story(Scribe(journal))
    before = set(carved(path))
    whole = path.read_bytes()
    lost = set()
    for place in range(0, len(whole), PAGE):
        overwrite(path, place, bytes(PAGE))
        after = {row for row in carved(path) if read_row(row)[0] is not None}
        assert after <= before, "it believes what nobody wrote"
        lost |= before - after
        overwrite(path, place, whole[place : place + PAGE])
    assert lost == before, "every row lies in some page"


def test_flipped_bits_never_make_a_row_that_proves_itself(path: Path) -> None:
    before = {row[1:] for row in carved(path)}
    whole = bytearray(path.read_bytes())
    rng = random.Random(5)
    for _ in range(30):
        damaged = bytearray(whole)
        for _ in range(40):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        # but for the id: it is not hashed, and whoever sorts the rows looks at their places in the streams
        assert {row[1:] for row in carved(path) if read_row(row)[0] is not None} <= before


@given(st.binary(max_size=3 * PAGE), st.binary(max_size=2 * PAGE))
def test_any_bytes_are_read_without_an_error(tmp_path_factory: pytest.TempPathFactory, data: bytes, log: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.db"
    path.write_bytes(data)
    Path(f"{path}-wal").write_bytes(log)
    assert not [row for row in carved(path) if read_row(row)[0] is not None]


@given(st.data())
def test_pages_of_any_bytes_under_a_true_header(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """The form of a leaf, with lengths and places that lead anywhere."""
    cells = data.draw(st.lists(st.binary(min_size=4, max_size=40), max_size=8))
    page = bytearray(random.Random(data.draw(st.integers(0, 999))).randbytes(PAGE))
    page[:8] = b"\x0d\x00\x00" + len(cells).to_bytes(2, "big") + b"\x00\x00\x00"
    for number, cell in enumerate(cells):
        place = data.draw(st.integers(100, PAGE - 1))
        page[8 + 2 * number : 10 + 2 * number] = place.to_bytes(2, "big")
        page[place : place + len(cell)] = cell[: PAGE - place]
    path = tmp_path_factory.getbasetemp() / "pages.db"
    path.write_bytes(bytes(PAGE) + bytes(page))
    assert not [row for row in carved(path) if read_row(row)[0] is not None]
