"""Journals of the simulation are behaviours of the specification; with an entry out of place they are not."""

from __future__ import annotations

from traces import check, damaged, samples


def test_a_genuine_journal_is_accepted_and_every_damaged_one_is_not(checker) -> None:
    genuine = samples()["ordinary"]
    wrong = damaged(genuine)
    found = check([genuine, *(journal for _, journal in wrong)])
    assert 0 in found.accepted
    assert [wrong[at - 1][0] for at in found.accepted if at] == []
    assert len(wrong) >= 30
