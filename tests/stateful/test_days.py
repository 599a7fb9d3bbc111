"""Simulated days, in small: the driver of `make days` at work, and that it can fail."""

from __future__ import annotations

from pathlib import Path

import pytest
import run_days
from days import LEAST_FAULTS, LEAST_RUNS, Day, one_day
from mutants import MUTANTS
from tally import NOT_TAKEN, Tally, edge_name

from fsm.lifecycle.table import triples
from fsm.testing.interruptions import windows

DAYS = 12
"""As many as take some three seconds; `make days` lives ten thousand."""

FIRST = 20_000_000
"""Seeds that `make days` does not come to."""


@pytest.mark.requirement("R-3")
@pytest.mark.requirement("R-12")
@pytest.mark.requirement("R-14")
@pytest.mark.requirement("R-27")
def test_days_full_of_faults_break_no_law_and_come_to_rest(record_property: pytest.RecordProperty) -> None:
    total, failures = run_days.some_days(range(FIRST, FIRST + DAYS))
    assert not failures
    assert total.days == DAYS
    assert total.fewest_runs >= LEAST_RUNS
    assert total.fewest_faults >= LEAST_FAULTS
    assert total.runs >= DAYS * total.fewest_runs
    tables = total.tables()
    figures = ", ".join(
        f"{sum(count > 0 for count in rows.values())} of {len(rows)} {table}" for table, rows in tables.items()
    )
    record_property(
        "proof",
        f"{total.days} simulated days, {total.runs} runs, {sum(total.faults.values())} faults, "
        f"{figures} met, no law broken (all of it, a hundred times each: make days)",
    )


def test_a_seed_says_it_all() -> None:
    first, second = Day(FIRST), Day(FIRST)
    first.live()
    second.live()
    assert list(first.sim.store.entries()) == list(second.sim.store.entries())
    assert first.tally() == second.tally()


@pytest.mark.parametrize("name", ["a verdict that frees the slot", "no epoch", "a job disabled without an answer"])
def test_a_day_with_a_bug_in_it_is_named_by_its_seed(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [(mutate, laws)] = [found for title, found in MUTANTS.items() if title.startswith(name)]
    mutate(monkeypatch)
    for seed in range(FIRST, FIRST + DAYS):
        if run_days.main(["--seed", str(seed)]) == 1:
            break
    said = capsys.readouterr().out
    assert any(f"{law}: " in said for law in laws), f"noticed, but not by {laws}: {said}"


def test_the_driver_fails_where_something_is_met_too_seldom(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = one_day(FIRST)
    monkeypatch.setattr(run_days, "in_processes", lambda seeds, jobs: iter([(found, [])]))
    file = tmp_path / "days.json"
    assert run_days.main(["--days", "1", "--least", "1", "--write", str(file)]) == 1
    said = capsys.readouterr().out
    assert "met fewer than 1 times: edges: " in said
    assert not file.exists()
    assert run_days.main(["--days", "1", "--least", "0", "--write", str(file)]) == 0
    assert file.exists()


def test_the_driver_fails_where_a_law_was_broken_and_names_the_seed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        run_days, "in_processes", lambda seeds, jobs: iter([(Tally(), [(7, "AssertionError: broken")])])
    )
    assert run_days.main(["--days", "1", "--least", "0"]) == 1
    assert "--seed 7" in capsys.readouterr().out


def test_all_that_there_is_to_meet_is_counted() -> None:
    tables = Tally().tables()
    assert set(tables["edges"]) == {edge_name(edge) for edge in triples()} - {edge_name(edge) for edge in NOT_TAKEN}
    assert set(tables["crash windows of a scheduler"]) == set(windows())
    assert len(Tally().under(1)) == sum(len(rows) for rows in tables.values())
