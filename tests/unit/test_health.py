"""What a scheduler asks of a journal before it begins: it sees what it is about to believe, at a cost that no history
changes."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from fsm.errors import JournalUnusable
from fsm.journal.health import MAX_RUNS, NEWEST, require_sound
from fsm.journal.missing import require_not_lost
from fsm.journal.sqlite import SqliteJournal
from fsm.model.states import State
from fsm.testing.damage import Damage, rows_changed, rules_dropped
from fsm.testing.journal_base import tell_a_long_story
from fsm.testing.scribe import Scribe


def unsound(path: Path) -> list[str]:
    with closing(SqliteJournal(path, read_only=True)) as journal:
        return journal.unsound()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history that is longer than what is looked at, and runs in every state that is live."""
    path = tmp_path_factory.mktemp("template") / "journal.db"
    with closing(SqliteJournal(path, node="here")) as journal:
        scribe = Scribe(journal)
        tell_a_long_story(scribe)
        scribe.define("old")
        scribe.run_through("old")
        for _ in range(NEWEST):
            scribe.refuse("c")
    return path


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(template, tmp_path / "journal.db"))


def test_a_good_journal_is_sound_at_every_length(tmp_path: Path) -> None:
    with closing(SqliteJournal(tmp_path / "journal.db")) as journal:
        assert journal.unsound() == []
        scribe = Scribe(journal)
        tell_a_long_story(scribe)
        assert journal.unsound() == []
        for number, state in enumerate((None, *State)):
            scribe.define(f"in-{number}")
            if state is not None:
                scribe.bring(f"in-{number}", state)
            assert journal.unsound() == []


ENDS_OF_B = "(SELECT max(seq) FROM entries WHERE job = 'b')"

SEEN: dict[str, tuple[Damage, str]] = {
    "the newest entry changed": (
        rows_changed("UPDATE entries SET node = 'elsewhere' WHERE id = (SELECT max(id) FROM entries)"),
        "was changed",
    ),
    "a new entry unreadable": (
        rows_changed("UPDATE entries SET body = '{}' WHERE id = (SELECT max(id) - 3 FROM entries)"),
        "cannot be read",
    ),
    "a new entry removed": (
        rows_changed("DELETE FROM entries WHERE id = (SELECT max(id) - 1 FROM entries)"),
        "is missing",
    ),
    "the newest entry removed": (
        rows_changed("DELETE FROM entries WHERE id = (SELECT max(id) FROM entries)"),
        "the projection knows another",
    ),
    "the last entry of a busy stream removed, far back": (
        rows_changed(f"DELETE FROM entries WHERE job = 'b' AND seq = {ENDS_OF_B}"),
        "of b is missing: it was its last one",
    ),
    "the last entry of a busy stream exchanged": (
        rows_changed(f"UPDATE entries SET hash = '{'0' * 64}' WHERE job = 'b' AND seq = {ENDS_OF_B}"),
        "of b is not the one that the projection knows",
    ),
    "the projection of a busy stream behind": (
        rows_changed(
            "UPDATE jobs SET seq = seq - 1, last_hash = (SELECT prev_hash FROM entries WHERE job = 'b' AND seq = "
            f"{ENDS_OF_B}) WHERE job = 'b'"
        ),
        "of b is unknown to the projection",
    ),
    "a run that is open, closed": (
        rows_changed("UPDATE runs SET state = 'lost', reason = 'vanished', ended_at = 1 WHERE state = 'running'"),
        "run b/7 is not as its entries tell (state, reason, ended_at)",
    ),
    "a deadline moved": (rows_changed("UPDATE runs SET run_by_utc = 0 WHERE state = 'running'"), "(run_by)"),
    "another arming": (rows_changed("UPDATE runs SET arming_nonce = 'mine' WHERE state = 'running'"), "(arming)"),
    "a slot freed": (rows_changed("UPDATE jobs SET slot = NULL WHERE job = 'b'"), "(slot)"),
    "a start changed": (
        rows_changed("UPDATE entries SET body = json_set(body, '$.arming.nonce', 'mine') WHERE job = 'b' AND seq = 33"),
        "run b/7 is not as its entries tell (arming)",
    ),
    "an epoch taken back": (rows_changed("UPDATE meta SET epoch = 0"), "epoch"),
    "rules dropped": (rules_dropped, "the trigger entries_legal is missing"),
}


@pytest.mark.parametrize("what", SEEN)
def test_what_it_is_about_to_believe_is_looked_at(what: str, path: Path) -> None:
    damage, sentence = SEEN[what]
    if what == "an epoch taken back":
        with closing(SqliteJournal(path)) as journal:
            Scribe(journal).up()  # the newest epoch is that of an old entry otherwise
    damage(path)
    found = unsound(path)
    assert any(sentence in text for text in found), found
    with pytest.raises(JournalUnusable, match="cronfsm doctor") as refused:
        require_sound(str(path), found)
    assert str(refused.value).count("\n") == 0
    assert found[0] in str(refused.value)


def test_history_is_not_looked_at(path: Path) -> None:
    """That is `verify`. What it costs would grow with it."""
    rows_changed("UPDATE entries SET node = 'elsewhere' WHERE job = 'a' AND seq = 4")(path)
    assert unsound(path) == []


def _steps(path: Path) -> int:
    """How much work SQLite does for the look, in thousands of instructions of its machine."""
    with closing(SqliteJournal(path)) as journal:
        steps = 0

        def count() -> bool:
            nonlocal steps
            steps += 1
            return False

        journal._store.connection.set_progress_handler(count, 100)
        assert journal.unsound() == []
        return steps


def test_its_cost_does_not_grow_with_the_history(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(SqliteJournal(path)) as journal:
        scribe = Scribe(journal)
        for number in range(10):
            scribe.define(f"job-{number}")
            scribe.bring(f"job-{number}", State.RUNNING)
        scribe.define("a")
        for _ in range(NEWEST):
            scribe.refuse("a")
    before = _steps(path)
    with closing(SqliteJournal(path)) as journal:
        scribe = Scribe(journal)
        for _ in range(700):
            scribe.run_through("a")
        for number in range(300):
            scribe.define(f"idle-{number}")
        for _ in range(NEWEST):
            scribe.refuse("a")
    assert _steps(path) <= before * 1.2


def test_its_cost_is_bounded_however_much_is_open(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(SqliteJournal(path)) as journal:
        scribe = Scribe(journal)
        for number in range(MAX_RUNS):
            scribe.define(f"job-{number}")
            scribe.bring(f"job-{number}", State.RUNNING)
        before = _steps(path)
        for number in range(MAX_RUNS, 4 * MAX_RUNS):
            scribe.define(f"job-{number}")
            scribe.bring(f"job-{number}", State.RUNNING)
    assert _steps(path) <= before * 2, "the ends of busy streams are looked at, all of them; their runs are not"


# ---- a journal that is gone


def test_no_journal_and_nothing_of_one_is_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    require_not_lost(str(path), lambda: False)
    path.touch()
    require_not_lost(str(path), lambda: False)


@pytest.mark.parametrize("there", [False, True], ids=["missing", "empty"])
def test_a_journal_that_is_gone_is_not_made_anew(there: bool, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    if there:
        path.touch()
    with pytest.raises(JournalUnusable, match="folders of its runs are there"):
        require_not_lost(str(path), lambda: True)
    Path(f"{path}-wal").write_bytes(b"x")
    with pytest.raises(JournalUnusable, match="write-ahead log is there"):
        require_not_lost(str(path), lambda: False)
    assert path.exists() is there
    path.write_bytes(b"something")
    require_not_lost(str(path), lambda: True)
