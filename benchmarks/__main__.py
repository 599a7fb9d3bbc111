"""`python -m benchmarks [NAME...]`: measure, and print each figure beside its limit and its peer."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile

from benchmarks import (  # noqa: F401 (they register)
    commits,
    downtime,
    due,
    engine_cost,
    latency,
    listing,
    memory,
    rescue,
    simulating,
    starting,
    throughput,
    trying,
    verifying,
)
from benchmarks.figures import Figure
from benchmarks.registry import REGISTRY, Benchmark, Setting
from benchmarks.rendering import as_json, environment, markdown, text
from fsm.supervise.kernel import file_system_magic

_TMPFS = 0x01021994  # statfs(2)


def _by_goal() -> list[Benchmark]:
    return sorted(REGISTRY.values(), key=lambda one: one.goals)


def _parser() -> argparse.ArgumentParser:
    listed = "\n".join(
        f"  {one.name:<12} goal {one.goals:<4} {one.about}{' (only when named)' if one.on_demand else ''}"
        for one in _by_goal()
    )
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"Measure, each figure beside its limit and a peer in the same run.\n\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which (default: all that need not be named)")
    parser.add_argument("--quick", action="store_true", help="two short rounds: to see that it works")
    parser.add_argument("--rounds", type=int, help="how many (default 7; 2 with --quick)")
    parser.add_argument("--dir", help="where to put data: a folder on the disk that is meant (default: TMPDIR)")
    parser.add_argument("--finished", type=int, default=100_000, help="of `start`: finished runs (default 100000)")
    parser.add_argument("--open", type=int, default=1_000, help="of `start`: open runs (default 1000)")
    parser.add_argument("--profile", metavar="FOLDER", help="of `throughput`, `latency`: cProfile of the scheduler")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document")
    form.add_argument("--markdown", action="store_true", help="the table for the README, with its markers")
    return parser


def _chosen(parser: argparse.ArgumentParser, names: list[str]) -> list[Benchmark]:
    unknown = [name for name in names if name not in REGISTRY]
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)} (there are: {', '.join(REGISTRY)})")
    if names:
        return [REGISTRY[name] for name in names]
    return [one for one in _by_goal() if not one.on_demand]


def main() -> int:
    """Measure; the exit code says whether something went wrong, not whether goals are met."""
    parser = _parser()
    options = parser.parse_args()
    chosen = _chosen(parser, options.names)
    folder = os.path.abspath(options.dir or tempfile.gettempdir())
    if file_system_magic(folder) == _TMPFS:
        sys.stderr.write(f"{folder} is in memory: what is durable costs nothing there (say --dir)\n")
    rounds = options.rounds or (2 if options.quick else 7)
    setting = Setting(folder, rounds, options.quick, options.profile, options.finished, options.open)
    live = not options.json and not options.markdown
    figures: list[Figure] = []
    if live:
        print(environment(rounds), flush=True)
    for one in chosen:
        for figure in one.measure(setting):
            figures.append(figure)
            if live:
                print(text(figure), flush=True)
    if options.json:
        print(as_json(figures, rounds))
    elif options.markdown:
        print(markdown(figures, rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
