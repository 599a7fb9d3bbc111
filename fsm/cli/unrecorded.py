"""What has happened to a run that nobody was there to write down: told, not written, for readers change nothing."""

from __future__ import annotations

from fsm.cli.context import Session
from fsm.cli.words import signal_name
from fsm.errors import CronfsmError
from fsm.model.entries import Ended
from fsm.model.facts import Execution
from fsm.model.run import Run
from fsm.model.states import Reason, State

_WRITTEN = "the next scheduler writes it down"


def unrecorded(session: Session, run: Run | None) -> str | None:
    """A sentence about a running run whose supervisor is gone or has judged while no scheduler is up; else None."""
    if run is None or run.state is not State.RUNNING or run.arming is None or session.served() is not None:
        return None
    try:
        examination = session.launcher.examine(Execution(run.job, run.number, run.arming))
    except (OSError, CronfsmError):
        return None  # it is told as the journal has it
    examination.close()
    finding = examination.finding
    report = finding.report
    if report is not None and report.verdict is not None:
        return f"its supervisor reports that it is over ({_verdict(report.verdict)}); {_WRITTEN}"
    if finding.alive:
        return None
    if finding.unreadable:
        return "its supervisor is gone, and the report it left cannot be read; the next scheduler says so"
    return "its supervisor is gone and left no result; the next scheduler ends what is left of it, and says so"


def _verdict(verdict: Ended) -> str:
    if verdict.reason is Reason.EXIT_CODE and verdict.exit_code is not None:
        return f"exit {verdict.exit_code}"
    if verdict.reason is Reason.SIGNAL and verdict.signal is not None:
        return signal_name(verdict.signal)
    if verdict.reason is Reason.ERROR and verdict.error_class is not None:
        return f"{verdict.reason}: {verdict.error_class}"
    return str(verdict.reason)
