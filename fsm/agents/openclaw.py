"""``openclaw agent --json``: one object over many lines, logs before it; ``--local`` prints what is else its `result`.

Read in docs.openclaw.ai/cli/agent (2026.6) and in openclaw/openclaw #26343 (an HTTP error recorded as ok), #69889
(empty content with an error message), #67172 (a denial told in prose; the markers are its host's own, not a model's
words), #112670 (a tool that failed and was recovered from is no failed run), #110946 (`status` "ok" in the middle of
the work), #133004 (the envelope of a failure). Some versions print the object on standard error
(multica-ai/multica#715, 2026.4).
"""

from __future__ import annotations

from collections.abc import Iterable

from fsm.agents.outcome import Said
from fsm.agents.output import Object, Output, listed, table, word
from fsm.model.states import ErrorClass

_WELL = ("", "ok", "success", "completed", "done")
_DENIED = ("SYSTEM_RUN_DENIED", "approval cannot safely bind", "exec denied:")
_UNFINISHED = ("toolUse", "tool_use", "tool_calls")
_NO_BODY = "status code (no body)"
_DECLINED = ("refusal", "content_filter", "content-filter", "policy")


def read(output: Output) -> Said:
    """What the last result in the output says."""
    said = _last(output.objects())
    return said if said.found else _last(Output(output.errors).objects())


def _last(values: Iterable[Object]) -> Said:
    said = Said()
    for value in values:
        body = table(value.get("result")) or value
        if "payloads" in body or "meta" in body or ("status" in value and "runId" in value):
            said = _read(value, body)
        elif value.get("ok") is False and "error" in value:
            said = Said()
            said.found = True
            said.fail(_words(table(value.get("error"))) or word(value.get("error")))
    return said


def _read(whole: Object, body: Object) -> Said:
    said = Said()
    said.found = True
    meta = table(body.get("meta"))
    agent, completion = table(meta.get("agentMeta")), table(meta.get("completion"))
    usage = table(agent.get("usage")) or table(meta.get("usage"))
    said.session_id = agent.get("sessionId") or meta.get("sessionId")
    said.stop_reason = meta.get("stopReason") or completion.get("stopReason") or completion.get("finishReason")
    said.input_tokens = usage.get("input", usage.get("inputTokens"))
    said.output_tokens = usage.get("output", usage.get("outputTokens"))
    payloads = [table(payload) for payload in listed(body.get("payloads"))]
    said.answer = "\n".join(word(p.get("text")) for p in payloads if p.get("isError") is not True and p.get("text"))
    _judge(said, whole, meta, payloads)
    return said


def _judge(said: Said, whole: Object, meta: Object, payloads: list[Object]) -> None:
    status, error = word(whole.get("status")), table(meta.get("error"))
    completion = table(meta.get("completion"))
    last = payloads[-1] if payloads else {}
    if completion.get("refusal") or said.stop_reason in _DECLINED or word(error.get("kind")) in _DECLINED:
        said.refused = True
        said.failed = word(completion.get("refusal")) or word(error.get("message")) or None
    elif error or word(meta.get("errorMessage")) or said.stop_reason == "error":
        said.fail(_words(error) or word(meta.get("errorMessage")) or word(last.get("text")) or "stopReason error")
    elif meta.get("timeoutPhase") or status == "timeout":
        said.fail(f"it gave up on its own ({word(meta.get('timeoutPhase')) or 'timeout'})", ErrorClass.OTHER)
    elif meta.get("aborted") is True:
        said.fail("it was aborted from inside", ErrorClass.OTHER)
    elif status not in _WELL:
        said.fail(word(whole.get("error")) or word(last.get("text")) or f'it ended with status "{status}"')
    elif said.stop_reason in _UNFINISHED:
        said.fail("it stopped in the middle of its work: its last message asks for a tool", ErrorClass.OTHER)
    elif last.get("isError") is True:
        said.fail(word(last.get("text")))
    elif (said.answer or "").strip().endswith(_NO_BODY):
        said.fail(said.answer or "")
    else:
        denied = next((mark for mark in _DENIED if mark in (said.answer or "")), None)
        if denied is not None:
            said.deny([denied.rstrip(":")])


def _words(error: Object) -> str:
    return ": ".join(filter(None, (word(error.get("kind")) or word(error.get("code")), word(error.get("message")))))
