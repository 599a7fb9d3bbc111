"""Outputs to outcomes, without a process: bounds, odd input, and the command lines."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.agents.classes import by_text, declined
from fsm.agents.cleaning import MAX_ANSWER_BYTES, MAX_ERROR_BYTES, clean, count, micro_usd
from fsm.agents.commandline import command_line, environment
from fsm.agents.interpret import evidence, interpret
from fsm.agents.output import ERRORS_BYTES, HEAD_BYTES, TAIL_BYTES, Output, Printed
from fsm.codec.jobsfile import read_jobs
from fsm.codec.stored_jobs import evidence_from_text, evidence_to_text, job_from_text, job_to_text
from fsm.errors import BadValue
from fsm.lifecycle.table import by_input
from fsm.model.agent import MAX_MESSAGE_BYTES, Agent, AgentEvidence, AgentKind
from fsm.model.job import Job
from fsm.model.states import ErrorClass, Reason, State, Trigger
from fsm.supervise.armingfile import AGENT, agent_part

KINDS = [str(kind) for kind in AgentKind]
WORDS = (
    *("type", "result", "subtype", "is_error", "status", "error", "message", "payloads", "meta", "text", "isError"),
    *("item", "item.completed", "agent_message", "turn.completed", "turn.failed", "thread.started", "thread_id"),
    *("permission_denials", "tool_name", "stop_reason", "refusal", "usage", "input_tokens", "runId", "answer", "ok"),
    *(
        "session_id",
        "num_turns",
        "total_cost_usd",
        "completion",
        "stopReason",
        "errors",
        "success",
        "denied",
        "declined",
    ),
)
KEYS = st.sampled_from(WORDS) | st.text(max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=20,
)
OUTPUTS = st.lists(VALUES, max_size=5).map(lambda lines: "\n".join(map(json.dumps, lines)).encode()) | st.binary(
    max_size=200
)


@given(st.sampled_from(KINDS), OUTPUTS, st.integers(0, 255), st.none() | st.integers(1, 64))
def test_whatever_is_printed_is_one_outcome(kind: str, printed: bytes, code: int, signal: int | None) -> None:
    """A legal end of a running run, the same each time, whose evidence any report and any journal can hold."""
    exit_code = None if signal is not None else code
    outcome, again = (interpret(kind, Output(printed), exit_code, signal) for _ in range(2))
    assert (outcome.trigger, outcome.reason, outcome.error, outcome.error_class, outcome.evidence) == (
        again.trigger,
        again.reason,
        again.error,
        again.error_class,
        again.evidence,
    )
    assert outcome.reason in by_input()[State.RUNNING, outcome.trigger].reasons
    if outcome.trigger is Trigger.SUCCEED:
        assert exit_code == 0
        assert outcome.evidence["answer"]
    assert (outcome.error_class is not None) == (outcome.reason is Reason.ERROR)
    assert evidence(kind, Output(printed)) == outcome.evidence
    body = AGENT.unpack(b"\0" * AGENT.offset + agent_part(outcome.evidence))
    assert body == outcome.evidence
    for text in (outcome.error, *outcome.evidence.values()):
        if isinstance(text, str):
            text.encode()  # no lone surrogate is left
            assert not any(ord(c) < 32 and c not in "\n\t" for c in text)


@given(st.text(st.characters() | st.sampled_from("\ud800\udfff\0\x1b\x9b\n")), st.integers(10, 50))
def test_what_is_clean_fits_and_can_be_written(text: str, most: int) -> None:
    for lines in (True, False):
        cleaned = clean(text, most, lines=lines)
        if cleaned is not None:
            assert 0 < len(cleaned.encode()) <= most
            assert lines or "\n" not in cleaned


def test_what_is_no_count_is_none() -> None:
    assert [count(n) for n in (3, 3.0, -1, True, 2.5, float("nan"), float("inf"), "3", 1 << 60, None)] == [
        *(3, 3),
        *[None] * 8,
    ]
    assert [micro_usd(n) for n in (0.5, 1, 0, -1, float("nan"), 1e300, True, "1")] == [
        500_000,
        1_000_000,
        0,
        *[None] * 5,
    ]


def test_the_fullest_evidence_fits_a_report() -> None:
    full = {
        "session_id": '"' * 200,
        "stop_reason": '"' * 200,
        "turns": (1 << 53) - 1,
        "denied": ['"' * 200] * 16,
        "answer": '"' * MAX_ANSWER_BYTES,
    }
    assert AGENT.unpack(b"\0" * AGENT.offset + agent_part(full)) == full


@pytest.mark.parametrize("kind", KINDS)
def test_a_dump_of_any_size_is_kept_within_bounds(kind: str) -> None:
    printed = Printed()
    block = b'{"type": "noise"}\n' * 3000
    for _ in range(100):
        printed.out(block)
        printed.err(block)
    output = printed.output()
    assert (len(output.head), len(output.tail), output.total) == (HEAD_BYTES, TAIL_BYTES, 100 * len(block))
    assert len(output.errors) == ERRORS_BYTES
    assert interpret(kind, output, 0, None).reason is Reason.NO_RESULT


def test_the_head_of_a_long_output_still_tells_the_session() -> None:
    printed = Printed()
    printed.out(b'{"type":"thread.started","thread_id":"t-1"}\n')
    for _ in range(50):
        printed.out(b"x" * 65_536)
    printed.out(b'\n{"type":"item.completed","item":{"type":"agent_message","text":"hi"}}\n{"type":"turn.completed"}\n')
    outcome = interpret("codex", printed.output(), 0, None)
    assert (outcome.reason, outcome.evidence["session_id"]) == (Reason.COMPLETED, "t-1")


def test_secrets_are_masked_before_anything_is_read() -> None:
    secret = 'k-"1\\2'
    answer = {"type": "result", "status": "error", "error": f"Invalid API key {secret}", "answer": f"{secret} {secret}"}
    output = Output(json.dumps(answer).encode(), errors=secret.encode()).without([secret.encode()])
    outcome = interpret("command", output, 1, None)
    assert (outcome.error, outcome.evidence["answer"]) == ("Invalid API key ********", "******** ********")
    assert outcome.error_class is ErrorClass.AUTH
    assert output.errors == b"********"


@pytest.mark.parametrize(
    ("text", "error_class"),
    [
        ("You've hit your session limit · resets 3am", ErrorClass.RATE_LIMITED),
        ("HTTP 429", ErrorClass.RATE_LIMITED),
        ("port 42900 is in use", ErrorClass.OTHER),
        ('API Error: 529 {"type":"error","error":{"type":"overloaded_error"}}', ErrorClass.OVERLOADED),
        ("Please run /login", ErrorClass.AUTH),
        ("connect ECONNREFUSED 127.0.0.1:18789", ErrorClass.NETWORK),
        ("Reached maximum number of turns (3)", ErrorClass.MAX_TURNS),
        ("", ErrorClass.OTHER),
    ],
)
def test_an_error_has_the_class_of_its_words(text: str, error_class: ErrorClass) -> None:
    assert by_text(text) is error_class
    assert not declined(text)


def test_a_long_error_is_cut() -> None:
    outcome = interpret("command", Output(json.dumps({"type": "result", "error": "é" * 9000}).encode()), 1, None)
    assert outcome.error is not None
    assert len(outcome.error.encode()) <= MAX_ERROR_BYTES


def test_the_example_is_a_jobs_file_with_every_kind() -> None:
    text = (Path(__file__).parent.parent.parent / "examples" / "agents.toml").read_bytes()
    assert {job.agent.kind for job in read_jobs(text).jobs if job.agent is not None} == set(AgentKind)


# ---- command lines


def test_the_command_lines() -> None:
    claude = command_line(
        Agent("claude", message="-- hi", model="opus", args=["--allowedTools", "Read"]), "cron:a:run:1", "n"
    )
    session = claude[claude.index("--session-id") + 1]
    assert claude == (
        *("claude", "-p", "--output-format", "json", "--session-id", session, "--model", "opus"),
        *("--allowedTools", "Read", "--", "-- hi"),
    )
    assert uuid.UUID(session)
    own = command_line(Agent("claude", message="hi", args=["--resume=abc"]), "k", "n")
    assert "--session-id" not in own
    assert command_line(Agent("codex", message="hi", program="/opt/codex"), "k", "n") == (
        *("/opt/codex", "exec", "--json", "--", "hi"),
    )
    assert command_line(Agent("openclaw", message="-hi", model="m"), "cron:a:run:1", "n") == (
        *("openclaw", "agent", "--json", "--session-key", "cron:a:run:1", "--model", "m", "--message", "-hi"),
    )
    agent = Agent("command", program="turn", args=["-x"], message="hi", model="m")
    assert command_line(agent, "k", "n") == ("turn", "-x")
    assert environment(agent) == (("CRONFSM_AGENT_MESSAGE", "hi"), ("CRONFSM_AGENT_MODEL", "m"))
    assert environment(Agent("codex", message="hi")) == ()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"kind": "gpt"}, '"gpt" is not one of: claude, codex, openclaw, command'),
        ({"kind": "claude"}, "says not what claude is to do"),
        ({"kind": "command"}, "needs the program"),
        ({"kind": "codex", "message": "é" * MAX_MESSAGE_BYTES}, "longer than 100,000 bytes"),
        ({"kind": "codex", "message": "a\0b"}, "is not a text for message"),
        ({"kind": "codex", "message": "x", "args": "-s"}, "is not a list of words"),
        ({"kind": "codex", "message": "x", "args": [1]}, "a list of texts"),
        ({"kind": "claude", "message": "x", "args": ["--output-format", "text"]}, "may not hold --output-format"),
        ({"kind": "openclaw", "message": "x", "args": ["--session-key=k"]}, "may not hold --session-key"),
        ({"message": "x"}, "needs its kind"),
        ({"kind": "codex", "mesage": "x"}, 'has no key "mesage"'),
        ("claude", "is not a table"),
    ],
)
def test_an_agent_that_cannot_be(keys: object, said: str) -> None:
    with pytest.raises(BadValue, match="^.*" + said.replace("(", r"\(")):
        Job("a", agent=keys)


def test_an_agent_and_its_evidence_are_stored_and_come_back() -> None:
    job = Job("a", agent={"kind": "claude", "message": "hi", "model": "m", "program": "/c", "args": ["--x"]})
    assert job_from_text(job_to_text(job)) == job
    for known in (
        AgentEvidence(),
        AgentEvidence(ErrorClass.AUTH, "s", "stop", 1, 2, 3, 4, ("Bash", "Write"), "answer\nof two lines"),
    ):
        assert evidence_from_text(evidence_to_text(known)) == known
    assert evidence_from_text(evidence_to_text(None)) is None
