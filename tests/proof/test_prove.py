"""The driver of the proofs: whatever becomes of one, all are told, and the ledger says nothing that was not proved."""

from __future__ import annotations

from pathlib import Path

import big
import prove
import pytest
import tlc
from ledger import Ledger


def proved(name: str) -> prove.Result:
    return True, f"{name} holds", name


def breaks(name: str) -> prove.Result:
    raise AttributeError(f"{name} is not what it was")


def refuted(name: str) -> prove.Result:
    return False, f"{name} does not hold", None


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where a ledger was written; none is."""
    written: list[Path] = []
    monkeypatch.setattr(Ledger, "write", lambda self, path: written.append(path))
    monkeypatch.setattr(Ledger, "matrix_table", lambda self: [])
    monkeypatch.setattr(tlc, "java", lambda: ("java", "jar"))
    monkeypatch.setenv("PROOF_JOBS", "1")
    return written


@pytest.mark.parametrize("bad", [breaks, refuted])
def test_one_that_fails_in_whatever_way_is_told_and_keeps_no_other_from_being_told(
    bad: object, written: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prove, "tasks", lambda *, big: {bad: ["a"], proved: ["b", "c"]})
    assert prove.main([]) == 1
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert [line.partition("] ")[2].partition(":")[0] for line in lines] == [
        f"FAILED {bad.__name__} a",  # type: ignore[attr-defined]
        "proved b",
        "proved c",
    ]
    assert ("AttributeError: a is not what it was" in lines[0]) == (bad is breaks)
    assert f"failed: {bad.__name__} a; specs/proofs.md stays as it is" in err  # type: ignore[attr-defined]
    assert written == []


def test_what_holds_is_written(
    written: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prove, "tasks", lambda *, big: {proved: ["a", "b"]})
    assert prove.main([]) == 0
    assert written == [tlc.SPECS / "proofs.md"]
    assert capsys.readouterr().out.endswith("specs/proofs.md is written\n")


def test_the_longer_run_keeps_what_it_alone_has_found(written: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[tuple[object, ...]] = []
    monkeypatch.setattr(big, "keep", lambda *found: kept.append(found))
    for name in ("graph", "live", "bug"):
        monkeypatch.setattr(prove, name, proved)

    def tasks(*, big: bool) -> dict[object, list[str]]:
        return {proved: ["a", "MCBigA"] if big else ["a"]}

    monkeypatch.setattr(prove, "tasks", tasks)
    assert prove.main(["--full"]) == 0
    assert kept == [(["MCBigA"],) * 3]
    assert len(written) == 1
