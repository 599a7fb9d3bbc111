"""From what a CLI said and how it exited to one outcome. One rule for all of them; the formats differ, not this.

Neither an exit code nor a flag alone is believed: CLIs exit with 0 after errors, and say "success" about a rate limit.
What counts, in this order: a signal; a refusal; an error; no result; the exit code; then, and only then, success.
"""

from __future__ import annotations

from fsm.agents.classes import by_text, declined
from fsm.agents.cleaning import MAX_ANSWER_BYTES, MAX_ERROR_BYTES, MAX_WORD_BYTES, clean, count, micro_usd
from fsm.agents.output import Output
from fsm.model.states import ErrorClass, Reason, Trigger

_MOST_DENIED = 16  # tools that are named; more say no more


class Said:
    """What the output says, in the words that all formats have in common.

    `found`: there was a result. `failed`: it says that it failed, and why (an empty text: no word why).
    """

    __slots__ = (
        "answer",
        "cost_usd",
        "denied",
        "error_class",
        "failed",
        "found",
        "input_tokens",
        "output_tokens",
        "refused",
        "session_id",
        "stop_reason",
        "turns",
    )

    def __init__(self) -> None:
        self.found = self.refused = False
        self.failed: str | None = None
        self.error_class: ErrorClass | None = None
        self.denied: list[str] = []
        self.answer: str | None = None
        self.session_id: object = None  # these come as they are in the output; `evidence` takes what can be taken
        self.stop_reason: object = None
        self.turns: object = None
        self.input_tokens: object = None
        self.output_tokens: object = None
        self.cost_usd: object = None

    def fail(self, why: str, error_class: ErrorClass | None = None) -> None:
        """It failed; the class is by its words unless it is known better. What was declined was refused."""
        self.failed = why
        if error_class is None and declined(why):
            self.refused = True
        self.error_class = error_class if error_class is not None else by_text(why)

    def deny(self, tools: list[str]) -> None:
        """It was not given what it needed for the work, whatever it says of the outcome."""
        self.denied = tools
        if self.failed is None:
            self.fail(f"it was denied {', '.join(tools[:_MOST_DENIED])}", ErrorClass.PERMISSION_DENIED)

    def evidence(self) -> dict[str, object]:
        """As it is reported: cleaned, cut, what is unknown left out."""
        denied = [name for tool in self.denied[:_MOST_DENIED] if (name := clean(tool, MAX_WORD_BYTES))]
        known: dict[str, object] = {
            "session_id": clean(self.session_id, MAX_WORD_BYTES),
            "stop_reason": clean(self.stop_reason, MAX_WORD_BYTES),
            "turns": count(self.turns),
            "input_tokens": count(self.input_tokens),
            "output_tokens": count(self.output_tokens),
            "cost_micro_usd": micro_usd(self.cost_usd),
            "denied": denied or None,
            "answer": clean(self.answer, MAX_ANSWER_BYTES, lines=True),
        }
        return {name: value for name, value in known.items() if value is not None}


class Outcome:
    """The verdict and what it stands on. `error` is a sentence for people, None where all is well."""

    __slots__ = ("error", "error_class", "evidence", "reason", "trigger")

    def __init__(
        self,
        trigger: Trigger,
        reason: Reason,
        evidence: dict[str, object],
        error: str | None = None,
        error_class: ErrorClass | None = None,
    ) -> None:
        self.trigger, self.reason, self.evidence = trigger, reason, evidence
        self.error = clean(error, MAX_ERROR_BYTES)
        self.error_class = error_class


def conclude(said: Said, output: Output, exit_code: int | None, signal: int | None) -> Outcome:
    """The outcome of a CLI that ended by itself, with that exit code or from that signal."""
    evidence = said.evidence()
    if signal is not None:
        return Outcome(Trigger.FAIL, Reason.SIGNAL, evidence)
    if said.refused:
        return Outcome(Trigger.FAIL, Reason.REFUSED, evidence, said.failed or said.answer or "the work was declined")
    if said.failed is not None:
        why = said.failed.strip() or "it failed, and does not say why"
        return _error(evidence, why, said.error_class or ErrorClass.OTHER)
    if not (said.answer or "").strip():
        return _without_answer(said, output, exit_code, evidence)
    if exit_code != 0:
        return _error(evidence, f"it gave an answer, and then exited with {exit_code}", ErrorClass.OTHER)
    return Outcome(Trigger.SUCCEED, Reason.COMPLETED, evidence)


def _error(evidence: dict[str, object], why: str, error_class: ErrorClass) -> Outcome:
    return Outcome(Trigger.FAIL, Reason.ERROR, evidence, why, error_class)


def _without_answer(said: Said, output: Output, exit_code: int | None, evidence: dict[str, object]) -> Outcome:
    if exit_code != 0:
        words = output.last_words
        if declined(words):
            return Outcome(Trigger.FAIL, Reason.REFUSED, evidence, _last_line(words))
        return _error(evidence, _last_line(words) or f"it exited with {exit_code} without a word", by_text(words))
    why = "its answer is empty" if said.found else "it exited with 0, and nothing in its output is a result"
    return Outcome(Trigger.FAIL, Reason.NO_RESULT, evidence, why)


def _last_line(words: str) -> str:
    return words.rpartition("\n")[2].strip()
