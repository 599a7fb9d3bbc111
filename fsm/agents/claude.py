"""``claude -p --output-format json``: one object with ``type: "result"``, or (verbose) a list that ends with it.

Read in the headless and SDK documentation (code.claude.com/docs/en/headless, the SDK reference's SDKResultMessage, CLI
2.1) and in anthropics/claude-code#76867 (denied tools: exit 0, `is_error` false), #74761 (exit 0 in the middle of the
work, `stop_reason` "tool_use"), #38769 (an empty `result` with exit 0).
"""

from __future__ import annotations

import json

from fsm.agents.classes import by_status
from fsm.agents.outcome import Said
from fsm.agents.output import Object, Output, listed, table, word
from fsm.model.states import ErrorClass

_SUBTYPES = {"error_max_turns": ErrorClass.MAX_TURNS}

_SAID_BY_THE_CLI = ("API Error:", "Claude AI usage limit reached", "You've hit your ", "Invalid API key")
"""How answers begin that no model gave: older versions call them a success."""

_LONGEST_SENTENCE = 1000  # of those; an answer that quotes one is longer


def read(output: Output) -> Said:
    """What the last result in the output says."""
    said = Said()
    for value in output.objects():
        if value.get("type") == "result":
            said = _read_result(value)
        elif said.session_id is None:  # stream-json, or a list: known even where no result came
            said.session_id = value.get("session_id")
    return said


def _read_result(result: Object) -> Said:
    said = Said()
    said.found = True
    said.session_id, said.stop_reason = result.get("session_id"), result.get("stop_reason")
    said.turns, said.cost_usd = result.get("num_turns"), result.get("total_cost_usd")
    usage = table(result.get("usage"))
    said.input_tokens, said.output_tokens = usage.get("input_tokens"), usage.get("output_tokens")
    said.answer = word(result.get("result")) or _structured(result.get("structured_output"))
    _judge(said, result)
    return said


def _judge(said: Said, result: Object) -> None:
    subtype = word(result.get("subtype"))
    errors = [word(error) for error in listed(result.get("errors"))]
    if said.stop_reason == "refusal":
        said.refused = True
    elif result.get("is_error") is True or subtype not in ("", "success"):
        why = said.answer or "; ".join(filter(None, errors)) or subtype
        said.fail(why, _SUBTYPES.get(subtype) or by_status(result.get("api_error_status")))
    elif said.answer is not None and _by_the_cli(said.answer):
        said.fail(said.answer)
    elif said.stop_reason == "tool_use" and result.get("structured_output") is None:
        said.fail("it stopped in the middle of its work: its last message asks for a tool", ErrorClass.OTHER)
    denials = [table(denial) for denial in listed(result.get("permission_denials"))]
    if denials and not said.refused:
        said.deny(list(dict.fromkeys(word(denial.get("tool_name")) or "a tool" for denial in denials)))


def _by_the_cli(answer: str) -> bool:
    return len(answer) <= _LONGEST_SENTENCE and answer.startswith(_SAID_BY_THE_CLI)


def _structured(value: object) -> str | None:
    return None if value is None else json.dumps(value)
