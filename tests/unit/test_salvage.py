"""Salvage: every good entry is in the new journal, as it was; every other one is set aside; nothing is dropped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fsm.engine.decide import decide
from fsm.errors import Fenced, JournalUnusable
from fsm.instants import HOUR, Instant, Moment
from fsm.journal.carve import Row
from fsm.journal.diagnosis import Remedy, diagnose
from fsm.journal.export import export_lines
from fsm.journal.good import read_row
from fsm.journal.mend import Mender, salvage_to, treat
from fsm.journal.reading import Reading, look
from fsm.journal.salvage import Salvaged, salvage
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.verify_store import verify_journal
from fsm.model.commands import Resume
from fsm.model.entries import JobPaused, JobResumed, Refused, SchedulerDown, SchedulerSettings, SchedulerUp
from fsm.model.job import SCHEDULER_STREAM
from fsm.model.states import Actor, RefusalReason
from fsm.ports import Append
from fsm.testing.damage import ENTRIES, FILE, NOTHING_LEFT, PROJECTION, Damage, emptied, newer, rows_changed
from fsm.testing.journal_base import everything, tell_a_long_story
from fsm.testing.scribe import BOOT, START, Scribe

NOW = Moment(Instant(START + 5 * HOUR), 10 * HOUR, BOOT)
BY = Mender(NOW, 4711, "0.0.0")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough of a history that a damaged file still holds much of it."""
    path = tmp_path_factory.mktemp("template") / "journal.db"
    with closing(SqliteJournal(path, node="here")) as journal:
        scribe = Scribe(journal)
        tell_a_long_story(scribe)
        scribe.define("d", env={"LONG": "x" * 9_000})
        for _ in range(30):
            scribe.run_through("d")
    return path


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(template, tmp_path / "journal.db"))


@pytest.fixture(scope="module")
def before(template: Path) -> dict[str, list[dict[str, Any]]]:
    """Every entry as it is exported, by stream."""
    with closing(SqliteJournal(template, read_only=True)) as journal:
        return {job: exported(journal, job) for job in journal.streams()}


def exported(journal: SqliteJournal, job: str | None = None) -> list[dict[str, Any]]:
    return [json.loads(line) for line in export_lines(journal, job=job)]


def without_id(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in entry.items() if key != "id"} for entry in entries]


def aside(done: Salvaged) -> list[dict[str, Any]]:
    if done.aside_path is None:
        return []
    return [json.loads(line) for line in Path(done.aside_path).read_bytes().splitlines()]


@pytest.mark.parametrize("what", ENTRIES | FILE)
def test_every_good_entry_is_kept_and_every_other_set_aside(
    what: str, path: Path, before: dict[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    (ENTRIES | FILE)[what](path)
    with look(str(path)) as reading:
        found, lengths = set(reading.rows), reading.lengths
    told = diagnose(str(path), lambda: True)
    done = salvage_to(str(path), str(tmp_path / "new.db"), BY)
    assert told.remedy is Remedy.SALVAGE
    assert (told.cuts, told.aside) == (done.cuts, done.aside), "what doctor foretells is what it does"
    cut_at = {cut.job: cut.seq for cut in done.cuts}
    for job, entries in before.items():
        last = max((row[2] for row in found if row[1] == job), default=0)
        assert job in cut_at or last == len(entries), f"{job} has lost its end, and passes for whole"
        assert lengths.get(job, len(entries)) == len(entries)
    with closing(SqliteJournal(done.path, read_only=True)) as journal:
        assert list(verify_journal(journal)) == []
        kept = 0
        for job, entries in before.items():
            good = cut_at.get(job, len(entries) + 1) - 1
            assert without_id(exported(journal, job)[:good]) == without_id(entries[:good]), f"{job} is not as it was"
            assert journal.head(job)[0] >= good
            kept += good
            if good:
                _check_state(journal, job, entries[:good], cut=job in cut_at)
    assert kept == told.good
    assert kept + done.aside == len(found), "an entry was dropped in silence"
    assert len(aside(done)) == done.aside
    proven = [entry for entry in aside(done) if "why" not in entry]
    whole = {json.dumps(entry, sort_keys=True) for entries in before.values() for entry in entries}
    if what not in ("an entry moved", "hashes swapped"):
        assert {json.dumps(entry, sort_keys=True) for entry in proven} <= whole


def _check_state(journal: SqliteJournal, job: str, entries: list[dict[str, Any]], *, cut: bool) -> None:
    """What a job comes back as: as it was, or, where its stream was cut, paused, with no tick to make up for."""
    state = journal.state(job)
    if job == SCHEDULER_STREAM or state.definition is None:
        return
    if not cut:
        assert journal.head(job) == (len(entries), entries[-1]["hash"])
        return
    assert state.paused
    added = [entry.body for entry in journal.entries(job=job)][len(entries) :]
    assert added
    assert all(isinstance(body, JobPaused | Refused) for body in added)
    if state.definition.schedule is not None:
        assert state.accounted_to is not None
        assert dict(journal.due_times())[job] > NOW.utc, "a tick of the lost time would make a run"
    resumed = decide(state, Resume(), NOW, Actor.CLI).drafts
    assert not any(isinstance(draft.body, Refused) for draft in resumed)


def test_a_whole_journal_comes_out_as_it_was(template: Path, path: Path, tmp_path: Path) -> None:
    done = salvage_to(str(path), str(tmp_path / "new.db"), BY)
    assert (done.cuts, done.aside, done.aside_path, done.paused) == ((), 0, None, ())
    assert (done.new_ids_from, done.epoch) == (None, None)
    with closing(SqliteJournal(template)) as old, closing(SqliteJournal(done.path)) as new:
        assert everything(new) == everything(old)
        assert done.entries == old.last_id()


@pytest.mark.parametrize("what", PROJECTION)
def test_a_projection_is_rebuilt_in_its_place(what: str, template: Path, path: Path) -> None:
    PROJECTION[what](path)
    told = diagnose(str(path), lambda: True)
    assert told.remedy is Remedy.REBUILD
    assert told.violations
    done = treat(told, None, BY)
    assert done is not None
    assert (done.path, done.salvaged, done.kept) == (str(path), None, ())
    assert diagnose(str(path), lambda: True).remedy is Remedy.NONE
    with closing(SqliteJournal(template)) as old, closing(SqliteJournal(path)) as new:
        assert everything(new) == everything(old)


@pytest.mark.parametrize(("what", "damage"), (NOTHING_LEFT | {"newer": newer, "emptied": emptied}).items())
def test_where_nothing_helps_nothing_is_touched(what: str, damage: Damage, path: Path) -> None:
    damage(path)
    content = path.read_bytes()
    told = diagnose(str(path), lambda: True)
    assert told.remedy is (Remedy.UPGRADE if what == "newer" else Remedy.RESTORE)
    assert told.violations
    assert treat(told, None, BY) is None
    assert treat(told, str(path.parent / "new.db"), BY) is None
    assert path.read_bytes() == content
    assert [name.name for name in path.parent.iterdir()] == ["journal.db"]


# ---- epochs and ids


def test_where_the_schedulers_stream_is_cut_a_new_epoch_fences_off_all_before(path: Path, tmp_path: Path) -> None:
    with closing(SqliteJournal(path)) as journal:
        scribe = Scribe(journal, start=NOW.utc)
        scribe.write(SCHEDULER_STREAM, SchedulerSettings(3))
        old = [scribe.up() for _ in range(3)][-1]
        run = scribe.queue("c")
        scribe.write("c", JobPaused(), epoch=old)
    rows_changed("DELETE FROM entries WHERE job = '@scheduler' AND seq = 2")(path)
    done = salvage_to(str(path), str(tmp_path / "new.db"), BY)
    assert done.epoch == old + 1
    with closing(SqliteJournal(done.path)) as journal:
        assert journal.epoch() == old + 1
        bodies = [entry.body for entry in journal.entries(job=SCHEDULER_STREAM)]
        assert isinstance(bodies[0], SchedulerUp)
        assert bodies[1:] == [SchedulerUp(old + 1, 4711, BOOT, "0.0.0", 8), SchedulerDown(old + 1, "salvaged")]
        scribe = Scribe(journal, start=NOW.utc)
        with pytest.raises(Fenced):
            scribe.write("c", JobResumed(), epoch=old)
        assert scribe.up() == old + 2
        journal.rebuild()
        assert journal.epoch() == old + 2, "what is rebuilt from the entries knows it, too"
        assert list(verify_journal(journal)) == []
        assert journal.state("c").last_number == run


def test_ids_are_as_they_were_up_to_the_first_entry_that_is_left_out(path: Path, tmp_path: Path) -> None:
    with closing(SqliteJournal(path)) as journal:
        ids = {(entry.job, entry.seq): entry.id for entry in journal.entries()}
    rows_changed("UPDATE entries SET node = 'x' WHERE job = 'b' AND seq = 20")(path)
    done = salvage_to(str(path), str(tmp_path / "new.db"), BY)
    assert done.new_ids_from == ids["b", 20]
    with closing(SqliteJournal(done.path)) as journal:
        entries = list(journal.entries())
    assert [entry.id for entry in entries] == list(range(1, len(entries) + 1))
    for entry in entries:
        if entry.id < done.new_ids_from:
            assert ids[entry.job, entry.seq] == entry.id


def test_ids_that_somebody_exchanged_cost_no_entry(path: Path, tmp_path: Path) -> None:
    """They are not part of what is hashed: streams stay whole, whatever order they are found in."""
    rows_changed(
        "UPDATE entries SET id = id + 1000 WHERE job = 'a' AND seq IN (3, 9);"
        "UPDATE entries SET id = 2000 WHERE job = 'b' AND seq = 2"
    )(path)
    told = diagnose(str(path), lambda: True)
    assert told.remedy is Remedy.SALVAGE
    done = salvage_to(str(path), str(tmp_path / "new.db"), BY)
    assert (done.cuts, done.aside) == ((), 0)
    assert done.new_ids_from is not None


# ---- what pages may hold


def _rows(path: Path) -> list[Row]:
    with look(str(path)) as reading:
        return sorted(reading.rows)


def _salvaged(rows: Iterable[Row], folder: Path, lengths: dict[str, int] | None = None, whole: bool = True) -> Salvaged:
    new = folder / "from-rows.db"
    reading = Reading(rows, lengths or {}, whole)
    return salvage(reading, str(new), f"{new}.jsonl", now=NOW, pid=1, version="0")


def test_a_row_that_is_found_twice_counts_once(path: Path, tmp_path: Path) -> None:
    rows = _rows(path)
    done = _salvaged(rows + rows[10:40], tmp_path)
    assert (done.entries, done.aside) == (len(rows), 0)


@pytest.mark.parametrize("first", [False, True])
def test_of_two_that_claim_one_place_the_one_that_proves_itself_is_kept(
    first: bool, path: Path, tmp_path: Path
) -> None:
    rows = _rows(path)
    place = next(at for at, row in enumerate(rows) if row[1:3] == ("a", 7))
    rival = (rows[place][0] - 5 if first else rows[place][0], *rows[place][1:5], "elsewhere", *rows[place][6:])
    assert read_row(rival)[0] is None
    done = _salvaged([*rows, rival], tmp_path)
    assert (done.entries, done.aside, done.cuts) == (len(rows), 1, ())
    (line,) = aside(done)
    assert "was changed" in line["why"]
    assert line["node"] == "elsewhere"


def test_a_stream_without_its_first_entry_is_set_aside_as_a_whole(path: Path, tmp_path: Path) -> None:
    rows = [row for row in _rows(path) if row[1:3] != ("a", 1)]
    done = _salvaged(rows, tmp_path)
    (cut,) = done.cuts
    assert (cut.job, cut.seq, cut.why) == ("a", 1, "entry 1 is missing")
    assert cut.aside == done.aside == sum(1 for row in rows if row[1] == "a")
    assert done.paused == ()
    with closing(SqliteJournal(done.path)) as journal:
        assert "a" not in journal.streams()


def test_a_stream_that_has_lost_its_end_does_not_pass_for_whole(path: Path, tmp_path: Path) -> None:
    """Its ticks would be answered again, and with runs."""
    rows = [row for row in _rows(path) if row[1] != "a" or row[2] <= 10]
    done = _salvaged(rows, tmp_path, {"a": 27, "gone": 3})
    assert [(cut.job, cut.seq, cut.why) for cut in done.cuts] == [
        ("a", 11, "entries 11 to 27 are missing"),
        ("gone", 1, "entries 1 to 3 are missing"),
    ]
    assert done.paused == ("a",)


def test_where_nobody_knows_how_long_streams_were_none_passes_for_whole(path: Path, tmp_path: Path) -> None:
    rows = _rows(path)
    lengths = {job: max(row[2] for row in rows if row[1] == job) for job in ("a", "d", SCHEDULER_STREAM)}
    done = _salvaged(rows, tmp_path, lengths, whole=False)
    assert [cut.job for cut in done.cuts] == ["b", "c"]
    assert done.paused == ("b", "c")
    assert done.aside == 0


def test_no_good_entry_is_no_journal_and_leaves_nothing(path: Path, tmp_path: Path) -> None:
    rows = [row for row in _rows(path) if row[2] > 1]
    with pytest.raises(JournalUnusable, match="no good entry"):
        _salvaged(rows, tmp_path)
    assert sorted(name.name for name in tmp_path.iterdir()) == ["journal.db"]


def test_an_error_on_the_way_leaves_nothing(path: Path, tmp_path: Path) -> None:
    def rows() -> Iterator[Row]:
        yield from _rows(path)[:30]
        raise OSError(5, "the disk fails")

    with pytest.raises(OSError, match="the disk fails"):
        salvage(
            Reading(rows(), {}, True), str(tmp_path / "new.db"), str(tmp_path / "aside"), now=NOW, pid=1, version="0"
        )
    assert sorted(name.name for name in tmp_path.iterdir()) == ["journal.db"]


@pytest.mark.parametrize("name", ["new.db", "new.db.set-aside.jsonl"])
def test_a_file_that_is_there_is_never_overwritten(name: str, path: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(JournalUnusable, match="a file of this name"):
        salvage_to(str(path), str(tmp_path / "new.db"), BY)
    assert (tmp_path / name).read_text() == "precious"


def test_a_job_that_was_paused_before_its_cut_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(SqliteJournal(path)) as journal:
        scribe = Scribe(journal)
        scribe.define("a", schedule="* * * * *")
        scribe.pause("a")
        scribe.refuse("a", RefusalReason.PAUSED)
        scribe.resume("a")
    rows_changed("UPDATE entries SET node = 'x' WHERE seq = 4")(path)
    done = salvage_to(str(path), str(tmp_path / "new.db"), BY)
    assert done.paused == ("a",)
    with closing(SqliteJournal(done.path)) as journal:
        assert journal.state("a").paused
        assert journal.head("a")[0] == 3, "nothing had to be added"


def test_what_was_salvaged_is_a_journal_like_every_other(path: Path, tmp_path: Path) -> None:
    ENTRIES["an entry removed"](path)
    done = salvage_to(str(path), str(tmp_path / "new.db"), BY)
    with closing(SqliteJournal(done.path)) as journal:
        scribe = Scribe(journal, start=NOW.utc)
        epoch = scribe.up()
        assert epoch == 3
        state = journal.state("a")
        journal.append([Append(state, (scribe.draft("a", scribe.queued("a"), state.last_number + 1),))], epoch=epoch)
        scribe.run_through("d")
        assert journal.unsound() == []
        assert list(verify_journal(journal)) == []
