"""Which edges of the lifecycle the tests take, and how often: counted wherever a journal seals a transition.

A run of the whole suite fails where an edge, or a reason of one, was taken by no test. With ``--edges FILE`` the counts
are written down; ``make diagrams`` colours a picture by them. Processes that tests start are not counted.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fsm.journal import sealing
from fsm.lifecycle.table import by_input, triples
from fsm.model.entries import Ended, Queued, Started
from fsm.model.states import Trigger

Triple = tuple[str | None, str, str | None]
"""State before, trigger, reason."""

TAKEN: Counter[Triple] = Counter()
"""By this process; in the one that hands out the tests, by all of them in the end."""


def known() -> list[Triple]:
    """Every edge with each of its reasons, in the order of the table."""
    return [(source and str(source), str(trigger), reason and str(reason)) for source, trigger, reason in triples()]


def count(draft: Any, source: Any) -> None:
    """Note the transition that a draft is, if it is one."""
    body = draft.body
    if isinstance(body, Ended):
        TAKEN[source and str(source), str(body.trigger), str(body.reason)] += 1
    elif isinstance(body, Queued | Started):
        TAKEN[source and str(source), str(Trigger.START if isinstance(body, Started) else Trigger.QUEUE), None] += 1


def untaken(counts: Counter[Triple]) -> list[Triple]:
    """Edges that no test took."""
    return [triple for triple in known() if not counts[triple]]


def written(counts: Counter[Triple]) -> str:
    """The counts as JSON, an edge with one of its reasons a line. What mutants took beside the table is left out."""
    targets = {
        (source and str(source), str(trigger)): str(edge.target) for (source, trigger), edge in by_input().items()
    }
    lines = [
        json.dumps(
            {"from": source, "trigger": trigger, "reason": reason, "to": targets[source, trigger],
             "taken": counts[source, trigger, reason]}
        )
        for source, trigger, reason in known()
    ]  # fmt: skip
    return "[\n" + ",\n".join(lines) + "\n]\n"


class Edges:
    """The plugin."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.worker = hasattr(config, "workerinput")
        self.seal = sealing.seal

        def counted(draft: Any, source: Any, *rest: Any) -> tuple[str, str]:
            count(draft, source)
            return self.seal(draft, source, *rest)

        sealing.seal = counted  # type: ignore[assignment]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        """A worker of pytest-xdist is done: what it took is ours."""
        for source, trigger, reason, times in getattr(node, "workeroutput", {}).get("edges", []):
            TAKEN[source, trigger, reason] += times

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """A worker hands its counts on; whoever hands out the tests judges them."""
        if self.worker:
            self.config.workeroutput["edges"] = [[*triple, times] for triple, times in TAKEN.items()]  # type: ignore[attr-defined]
            return
        file = self.config.getoption("--edges")
        if file is not None:
            Path(file).write_text(written(TAKEN), encoding="utf-8")
        if exitstatus == pytest.ExitCode.OK and self.whole() and untaken(TAKEN):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def whole(self) -> bool:
        """Whether this is a run of all tests."""
        option = self.config.option
        narrowed = option.keyword or option.markexpr or getattr(option, "deselect", None) or option.collectonly
        return self.config.args_source is pytest.Config.ArgsSource.TESTPATHS and not narrowed

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say it."""
        if self.whole():
            missing = untaken(TAKEN)
            terminalreporter.write_line(
                f"edges of the lifecycle: {len(known()) - len(missing)} of {len(known())} taken"
            )
            for source, trigger, reason in missing:
                terminalreporter.write_line(f"no test took {source} --{trigger}({reason})-->", red=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--edges FILE``."""
    parser.addoption("--edges", metavar="FILE", default=None, help="write down how often each edge was taken")


def pytest_configure(config: pytest.Config) -> None:
    """Count from now on."""
    config.pluginmanager.register(Edges(config), "edges-of-the-lifecycle")
