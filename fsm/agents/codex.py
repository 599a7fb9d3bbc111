"""``codex exec --json``: one event a line; it ends with ``turn.completed`` or ``turn.failed``.

Read in openai/codex, docs/exec.md and codex-rs/exec/src/exec_events.rs (0.4x to 0.10x). An ``error`` before the end may
be a reconnect that worked out, so it counts only where no turn has ended. Versions before the ``thread.*`` events wrap
theirs in ``{"id", "msg": {"type"}}``.
"""

from __future__ import annotations

from fsm.agents.outcome import Said
from fsm.agents.output import Object, Output, table, word
from fsm.model.states import ErrorClass


class _Turns:
    """What the events so far come to."""

    __slots__ = ("completed", "declined", "ended", "error", "failed", "said")

    def __init__(self) -> None:
        self.said = Said()
        self.ended = False
        self.completed = 0
        self.failed: str | None = None
        self.error: str | None = None
        self.declined: list[str] = []

    def take(self, event: Object) -> None:
        kind = word(event.get("type"))
        if kind == "thread.started":
            self.said.session_id = event.get("thread_id")
        elif kind == "turn.started":
            self.ended, self.failed = False, None
        elif kind == "turn.completed":
            self.ended, self.failed = True, None
            self.completed += 1
            self._usage(event)
        elif kind == "turn.failed":
            self.ended, self.failed = True, _message(event)
            self._usage(event)
        elif kind == "error":
            self.error = _message(event)
        elif kind == "item.completed":
            self._item(table(event.get("item")))
        elif isinstance(event.get("msg"), dict):
            self._old(table(event.get("msg")))

    def _usage(self, event: Object) -> None:
        usage = table(event.get("usage"))
        if usage:
            self.said.input_tokens, self.said.output_tokens = usage.get("input_tokens"), usage.get("output_tokens")

    def _item(self, item: Object) -> None:
        kind = word(item.get("type")) or word(item.get("item_type"))
        if kind in ("agent_message", "assistant_message"):
            self.said.answer = word(item.get("text"))
        elif item.get("status") == "declined":
            self.declined.append(word(item.get("command")) or word(item.get("tool")) or kind)

    def _old(self, msg: Object) -> None:
        kind = word(msg.get("type"))
        if kind == "session_configured":
            self.said.session_id = msg.get("session_id")
        elif kind == "agent_message":
            self.said.answer = word(msg.get("message"))
        elif kind == "task_complete":
            self.ended, self.failed = True, None
            self.completed += 1
            self.said.answer = word(msg.get("last_agent_message")) or self.said.answer
        elif kind == "error":
            self.error = _message(msg)


def read(output: Output) -> Said:
    """What the events say once the last of them is read."""
    turns = _Turns()
    for event in output.objects():
        turns.take(event)
    said = turns.said
    said.found, said.turns = turns.ended, turns.completed or None
    if turns.ended and turns.failed is not None:
        said.fail(turns.failed)
    elif not turns.ended and turns.error is not None:
        said.fail(turns.error)
    elif not turns.ended and said.answer is not None:
        said.fail("its output ends before its turn does", ErrorClass.OTHER)
    if turns.declined and not said.refused:
        said.deny(list(dict.fromkeys(turns.declined)))
    return said


def _message(event: Object) -> str:
    error = event.get("error")
    return word(event.get("message")) or word(table(error).get("message")) or word(error)
