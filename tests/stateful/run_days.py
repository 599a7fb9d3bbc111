"""``make days``: ten thousand simulated days of a scheduler, and what they met, counted.

    run_days.py [--days N] [--first SEED] [--seed SEED] [--least N] [--jobs N] [--write FILE]

Each day is a seed of its own, so that days run in as many processes as there are processors, and one that failed can be
repeated alone (``--seed``). Ends with 1 where a law was broken, or where some edge of the lifecycle, crash window or
torn append was met fewer than `--least` times.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from days import LEAST_FAULTS, LEAST_RUNS, one_day
from tally import Tally

AT_ONCE = 25
"""Days that a process lives between two lines of progress: some seconds."""

DAYS, LEAST = 10_000, 100

MOST_TRACE = 200
"""Lines of the trace of a day that failed."""

Failure = tuple[int, str]


def some_days(seeds: Sequence[int]) -> tuple[Tally, list[Failure]]:
    """Live these days one after the other; what they met, and which of them broke what."""
    total, failures = Tally(), []
    for seed in seeds:
        try:
            total.add(one_day(seed))
        except Exception as broken:  # whatever it is, the seed is to be named
            failures.append((seed, f"{type(broken).__name__}: {broken}"))
    return total, failures


def in_processes(seeds: range, jobs: int) -> Iterator[tuple[Tally, list[Failure]]]:
    """All of them, in the order in which they come to their end."""
    pieces = [seeds[at : at + AT_ONCE] for at in range(0, len(seeds), AT_ONCE)]
    with ProcessPoolExecutor(jobs) as pool:
        for done in as_completed([pool.submit(some_days, piece) for piece in pieces]):
            yield done.result()


def live(seeds: range, jobs: int) -> tuple[Tally, list[Failure]]:
    """All of them, with a line of progress now and then."""
    total, failures, began, said = Tally(), [], time.monotonic(), 0.0
    for found, broken in in_processes(seeds, jobs):
        total.add(found)
        failures += broken
        done, took = total.days + len(failures), time.monotonic() - began
        if took - said >= 10 or done == len(seeds):
            said, left = took, took / done * (len(seeds) - done)
            faults = sum(total.faults.values())
            print(
                f"[{took:5.0f} s, {left:5.0f} s left] {done:,} of {len(seeds):,} days, {total.runs:,} runs, "
                f"{faults:,} faults, {len(failures)} days with a violation",
                flush=True,
            )
        for seed, what in broken:
            print(f"seed {seed}: {what.splitlines()[0]} (repeat it: run_days.py --seed {seed})", flush=True)
    return total, failures


def main(arguments: list[str]) -> int:
    """The exit code: 1 where a law was broken or something was met too seldom."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="live this day alone, and show its trace if a law is broken")
    parser.add_argument("--least", type=int, help=f"how often each must be met ({LEAST}, or in proportion to the days)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--write", type=Path, help="write the counts to this file, as JSON")
    wanted = parser.parse_args(arguments)
    if wanted.seed is not None:
        total, failures = some_days([wanted.seed])
        print("\n".join([*failures[0][1].splitlines()[:MOST_TRACE]] if failures else total.text()))
        return 1 if failures else 0
    least = LEAST * wanted.days // DAYS if wanted.least is None else wanted.least
    total, failures = live(range(wanted.first, wanted.first + wanted.days), wanted.jobs)
    print("\n".join(total.text()))
    seldom = total.under(least)
    print(f"met fewer than {least} times: " + ("; ".join(seldom) or "nothing"))
    print(f"days with a violation: {', '.join(str(seed) for seed, _ in failures) or 'none'}")
    poor = total.days and (total.fewest_runs < LEAST_RUNS or total.fewest_faults < LEAST_FAULTS)
    if seldom or failures or poor:
        return 1
    if wanted.write is not None:
        wanted.write.write_text(json.dumps(total.kept(), indent=1) + "\n")
        print(f"{wanted.write} is written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
