"""One question for all kinds: this was printed, thus it ended; what does it mean?

The same input gives the same outcome, and every input gives one: what no reader understands is an outcome too.
"""

from __future__ import annotations

from collections.abc import Callable

from fsm.agents import claude, codex, command, openclaw
from fsm.agents.outcome import Outcome, Said, conclude
from fsm.agents.output import Output
from fsm.model.states import ErrorClass, Reason, Trigger

_READERS: dict[str, Callable[[Output], Said]] = {
    "claude": claude.read,
    "codex": codex.read,
    "openclaw": openclaw.read,
    "command": command.read,
}


def interpret(kind: str, output: Output, exit_code: int | None, signal: int | None) -> Outcome:
    """The outcome of an agent CLI of that kind which ended by itself. Raises nothing."""
    try:
        return conclude(_READERS[kind](output), output, exit_code, signal)
    except Exception as error:  # a mistake here must not cost a run its end
        why = f"its output could not be interpreted: {type(error).__name__}"
        if signal is not None:
            return Outcome(Trigger.FAIL, Reason.SIGNAL, {}, why)
        return Outcome(Trigger.FAIL, Reason.ERROR, {}, why, ErrorClass.OTHER)


def evidence(kind: str, output: Output) -> dict[str, object]:
    """What the output says so far, for a run that is ended from outside: a timeout, a stop. Raises nothing."""
    try:
        return _READERS[kind](output).evidence()
    except Exception:
        return {}
