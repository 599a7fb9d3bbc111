"""``make revert-check``: take each stored fix out of a copy of the product, and demand that its test fails.

    python tests/revert/check.py [WORD…] [--jobs N]

A WORD picks the reverts whose name, test, report or requirement has it, ``evidence`` those of the rules of evidence,
``safety`` those that violate a safety requirement.
First every named test has to pass on an untouched copy. Then each revert is applied to a copy of its own, its test run
there, and the copy thrown away. The test has to fail by an assertion: a revert that breaks an import, or hangs, proves
nothing. Exit code 1 where one survives, does not apply, or fails for another reason.
"""

from __future__ import annotations

import argparse
import compileall
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from reverts import EVIDENCE, ROOT, Revert, load
from safety import every

COPIED = ("fsm", "tests", "specs", "diagrams", "examples", "pyproject.toml", "README.md")
WITHIN_S = 240.0  # a scenario takes seconds; one whose wait never ends gives up after 30
ASSERTIONS = ("AssertionError", "assert ", "Failed: DID NOT RAISE")


@dataclass(frozen=True)
class Outcome:
    """What came of one run of one test. `fine`: that was to be shown."""

    fine: bool
    word: str
    said: str
    took_s: float


def copy_tree(into: Path) -> None:
    """The product and its tests as they are now, compiled so that an edit is noticed whatever its time stamp."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, into / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        elif source.exists():
            shutil.copy2(source, into / name)
    compileall.compile_dir(into / "fsm", quiet=1, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)


def run_tests(tree: Path, nodes: Sequence[str]) -> tuple[int | None, list[str], list[str], str]:
    """Exit code (None: it hung), messages of failures, messages of errors, and the end of what pytest printed."""
    report = tree / "report.xml"
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", "-x", "-q"]
    # The working folder comes first on the path of ``python -m``, so that this copy is what is imported.
    environment = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(tree),
        "CRONFSM_TEST_WITHIN_S": "20",  # most of these wait for what does not come; untouched, all pass within it
    }
    try:
        done = subprocess.run(
            [*command, f"--junitxml={report}", f"--basetemp={tree / 'tmp'}", *nodes],
            cwd=tree,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=WITHIN_S * max(1, len(nodes) / 4),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, [], [], "it did not come to its end"
    failures, errors = _messages(report, "failure"), _messages(report, "error")
    return done.returncode, failures, errors, (done.stdout + done.stderr)[-2_000:]


def _messages(report: Path, kind: str) -> list[str]:
    if not report.exists():
        return []
    found = ElementTree.parse(report).getroot().iter(kind)
    return [str(each.get("message") or each.text or "") for each in found]


def check(revert: Revert | None, nodes: Sequence[str]) -> Outcome:
    """Run tests on a fresh copy with the revert (they have to fail) or with none (they have to pass)."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cronfsm-revert-", ignore_cleanup_errors=True) as folder:
        tree = Path(folder)
        copy_tree(tree)
        if revert is not None:
            try:
                revert.apply(tree)
            except ValueError as error:
                return Outcome(False, "NO LONGER APPLIES", str(error), time.monotonic() - began)
        code, failures, errors, printed = run_tests(tree, nodes)
    took_s = time.monotonic() - began
    if revert is None:
        first = next(iter(failures + errors), printed)
        return Outcome(code == 0, "passes" if code == 0 else "FAILS UNTOUCHED", "" if code == 0 else first, took_s)
    word, said = _judge(code, failures, errors, printed)
    return Outcome(word == "caught", word, said, took_s)


def _judge(code: int | None, failures: Sequence[str], errors: Sequence[str], printed: str) -> tuple[str, str]:
    if code is None:
        return "HANGS", printed
    if code == 0:
        return "SURVIVES", "its test passes all the same"
    if code != 1 or errors or not failures:
        return "BREAKS", next(iter(errors), printed)
    if not failures[0].startswith(ASSERTIONS):
        return "NO ASSERTION", failures[0]
    return "caught", failures[0]


def _line(text: str, width: int = 100) -> str:
    words = " ".join(text.split())
    return words if len(words) <= width else words[: width - 1] + "…"


def picked(words: Sequence[str]) -> list[Revert]:
    """The reverts that have one of the words; all where there is none."""
    reverts = load()
    if not words:
        return reverts
    return [each for each in reverts if any(_has(each, word) for word in words)]


def _has(revert: Revert, word: str) -> bool:
    exact = {str(revert.report), *revert.requirement, "evidence" if revert.rule else ""}
    if word == "safety":
        return not exact.isdisjoint(every())
    return word in exact or word in revert.name or word in revert.test


def print_rules(outcomes: Sequence[tuple[Revert, Outcome]]) -> None:
    """The rules of evidence that were taken out: how, by which test that was noticed, and what came of it."""
    for rule in EVIDENCE:
        taken = [(revert, outcome) for revert, outcome in outcomes if revert.rule == rule]
        if taken:
            print(f"\n{rule}")
        for revert, outcome in taken:
            print(f"  taken out: {revert.name} ({', '.join(sorted({edit.file for edit in revert.edits}))})")
            print(f"  test:      {revert.test.partition('::')[2]}: {outcome.word}")


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="how many at once (2)")
    options = parser.parse_args()
    reverts = picked(options.words)
    if not reverts:
        print("no revert has any of these words")
        return 2
    tests = sorted({revert.test for revert in reverts})
    shares = [share for share in (tests[n :: options.jobs] for n in range(options.jobs)) if share]
    with ThreadPoolExecutor(options.jobs) as pool:
        untouched = list(pool.map(lambda share: check(None, share), shares))
        for outcome in untouched:
            if not outcome.fine:
                print(f"a named test fails although nothing was taken out:\n{outcome.said}")
                return 1
        print(f"{len(tests)} tests pass on the untouched tree, {max(each.took_s for each in untouched):.0f} s")
        bad = 0
        table: list[tuple[Revert, Outcome]] = []
        for revert, outcome in zip(reverts, pool.map(lambda each: check(each, [each.test]), reverts), strict=True):
            bad += not outcome.fine
            about = f"#{revert.report}" if revert.report else ""
            where = f"{about} {' '.join(revert.requirement)}".strip()
            print(f"{outcome.word:<17} {outcome.took_s:5.1f} s  {where:<20}  {revert.name}", flush=True)
            print(f"{'':<17} {'':7}  {'':<20}  {_line(outcome.said)}", flush=True)
            table.append((revert, outcome))
    print_rules(table)
    print(f"{len(reverts) - bad} of {len(reverts)} reverts are caught by the test that is named for them")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
