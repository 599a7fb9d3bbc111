"""openclaw/openclaw#69889: the model says nothing, and the run is `ok`, only "not delivered".

What happened: a call failed for a used-up quota; the answer had no content, ``stopReason: "error"`` and an
``errorMessage``. The run was ``ok`` with ``delivered: false``, and its owner looked for the fault in the delivery for
five days.

Why it cannot happen here: without an answer there is no success (R-61). If the CLI says what was wrong it is
``failed(error)``, else ``failed(no_result)``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from agents_kit import agent_job, install, run_all
from scenario_kit import Stage

from fsm.agents.interpret import interpret
from fsm.agents.output import Output
from fsm.model.states import Reason, State

EMPTY = {
    "claude": [{"type": "result", "subtype": "success", "is_error": False, "result": "  ", "stop_reason": "end_turn"}],
    "codex": [{"type": "thread.started", "thread_id": "t"}, {"type": "turn.completed", "usage": {}}],
    "openclaw": [{"runId": "r", "status": "ok", "result": {"payloads": [], "meta": {"stopReason": "stop"}}}],
    "command": [{"type": "result", "status": "ok", "answer": ""}],
}


@pytest.mark.requirement("R-61")
@pytest.mark.parametrize("kind", EMPTY)
def test_an_empty_answer_is_no_result(kind: str) -> None:
    printed = "\n".join(map(json.dumps, EMPTY[kind])).encode()
    outcome = interpret(kind, Output(printed), 0, None)
    assert (outcome.reason, outcome.error) == (Reason.NO_RESULT, "its answer is empty")


@pytest.mark.requirement("R-61")
@pytest.mark.parametrize("kind", EMPTY)
@pytest.mark.parametrize("printed", [b"", b"\n\n", b"Done!\n", b'{"type": "resul', b"\xff\xfe{[", b"{" * 5000])
def test_what_is_no_result_is_no_success(kind: str, printed: bytes) -> None:
    assert interpret(kind, Output(printed), 0, None).reason is Reason.NO_RESULT


@pytest.mark.requirement("R-61")
def test_with_real_processes_it_failed_and_for_what_it_failed(stage: Stage, tmp_path: Path) -> None:
    bin_folder = install(tmp_path / "bin")
    runs = run_all(stage, [agent_job(bin_folder, "openclaw", part) for part in ("empty_with_error", "empty")])
    assert {name: (run.state, run.reason, run.error) for name, run in runs.items()} == {
        "empty-with-error": (State.FAILED, Reason.ERROR, "400 status code (no body)"),
        "empty": (State.FAILED, Reason.NO_RESULT, "its answer is empty"),
    }
