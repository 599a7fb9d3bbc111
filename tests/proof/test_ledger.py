"""The ledger says what the README promises, and the specification's table is the code's."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import big
import bounds
import pytest
import tlc
from kernel_liveness import promises
from kernel_properties import LAWS
from ledger import CLAIMS, DAYS, days_section, rewrite_days
from matrix import ROWS, SLOW, STEPS
from tally import Tally
from tlavalues import parse

from fsm.lifecycle.table import by_input, triples

PROOFS = tlc.SPECS / "proofs.md"
README = tlc.SPECS.parent / "README.md"


def test_every_promise_of_the_readme_is_in_the_ledger() -> None:
    text = README.read_text()
    table = text[text.index("| promise | by |") :].split("\n\n")[0].splitlines()[2:]
    promised = [line.split("|")[1].strip() for line in table]
    assert promised == list(CLAIMS)
    written = PROOFS.read_text()
    assert [claim for claim in CLAIMS if f"| {claim} |" not in written] == []


def test_the_ledger_names_properties_that_there_are() -> None:
    known = {*LAWS, *promises(1, 1), *STEPS}
    stated = {word for text, _ in CLAIMS.values() for word in re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", text)}
    assert stated <= known
    assert len(stated) >= 15


def test_the_ledger_was_written_with_these_bounds_and_bugs() -> None:
    written = PROOFS.read_text()
    shown = bounds.names() + bounds.names(live=True) + bounds.names(retries=True)
    assert [name for name in shown if name not in written] == []
    assert [row.bug for row in ROWS if row.bug not in SLOW and f"| {row.bug} |" not in written] == []


def test_the_ledger_has_the_days_that_were_lived(tmp_path: Path) -> None:
    """All ten thousand, and everything met a hundred times at least."""
    kept = json.loads(DAYS.read_text())
    assert days_section(kept) in PROOFS.read_text()
    assert kept["days"] >= 10_000
    assert (kept["fewest runs of a day"] >= 50, kept["fewest faults of a day"] >= 10) == (True, True)
    tables = kept["tables"]
    assert min(min(counts.values()) for counts in tables.values()) >= 100
    assert tables.keys() == Tally().tables().keys()
    for table, counts in Tally().tables().items():
        assert set(counts) <= set(tables[table]), "the days were lived by another version: make days"
    copy = tmp_path / "proofs.md"
    copy.write_text(PROOFS.read_text())
    rewrite_days(copy, kept)
    assert copy.read_text() == PROOFS.read_text()


def test_the_big_bounds_were_checked_for_this_specification() -> None:
    found = big.kept()
    assert found["specification"] == big.digest(), "run `make proof FULL=1`"
    shown = {one["name"] for one in found["graphs"] + found["live"]}
    assert shown == {path.stem for path in tlc.SPECS.glob("MCBig*.cfg")}
    assert {one["bug"] for one in found["bugs"]} == SLOW
    assert big.section() in PROOFS.read_text()


@pytest.mark.requirement("R-1")
@pytest.mark.requirement("R-2")
def test_the_table_of_the_specification_is_that_of_the_code(checker, tmp_path) -> None:
    shutil.copy(tlc.SPECS / "RunLifecycle.tla", tmp_path)
    module = "---- MODULE MCTable ----\nEXTENDS RunLifecycle, TLC\nASSUME PrintT(<<Table>>)\n====\n"
    (tmp_path / "MCTable.tla").write_text(module)
    printed: list[str] = []
    limits = {**bounds.of("MCQuiet")._asdict(), "Bug": "none"}
    tlc.run("MCTable", tlc.configuration(limits), folder=tmp_path, say=printed.append, listen="")
    found = re.search(r"<<\s*\{.*\}\s*>>", "".join(printed), re.DOTALL)
    assert found is not None, printed
    value = parse(" ".join(found[0].split()))
    assert isinstance(value, tuple)
    edges = by_input()
    assert value[0] == {
        (str(state or "none"), str(trigger), str(reason or ""), str(edges[state, trigger].target))
        for state, trigger, reason in triples()
    }
