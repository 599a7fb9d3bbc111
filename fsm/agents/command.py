"""Any program that prints the result object of specs/agents.md, on a line or over several; the last one counts."""

from __future__ import annotations

from fsm.agents.outcome import Said
from fsm.agents.output import Object, Output, table, word
from fsm.model.states import ErrorClass

_CLASSES = {str(error_class): error_class for error_class in ErrorClass}


def read(output: Output) -> Said:
    """What the last result in the output says."""
    said = Said()
    for value in output.objects():
        if value.get("type") == "result":
            said = _read(value)
    return said


def _read(result: Object) -> Said:
    said = Said()
    said.found = True
    for key in ("session_id", "stop_reason", "turns", "input_tokens", "output_tokens", "cost_usd"):
        setattr(said, key, result.get(key))
    said.answer = word(result.get("answer"))
    error, status = result.get("error"), result.get("status")
    message = word(error) or word(table(error).get("message"))
    if status == "refused":
        said.refused, said.failed = True, message or None
    elif status != "ok":
        said.fail(message or f"status {status!r}", _CLASSES.get(word(table(error).get("class"))))
    return said
