"""openclaw/openclaw#67172: the agent was denied its tool, says so in prose, and the run is `ok`.

What happened: the approval layer refused the command; no payload had ``isError``, and the summary told of
``SYSTEM_RUN_DENIED``. The run was green, and nothing had been done. The same of another CLI is
anthropics/claude-code#76867 (a denied tool: exit 0, ``is_error: false``, ``subtype: "success"``).

Why it cannot happen here: a denied tool makes the run ``failed(error)`` of class ``permission_denied``, which names the
tools (R-61, R-62). Markers in prose are those of the host alone: an answer *about* a denial is an answer.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from agents_kit import agent_job, install, run_all
from scenario_kit import Stage

from fsm.agents.interpret import interpret
from fsm.agents.output import Output
from fsm.model.states import ErrorClass, Reason, Trigger


def openclaw(text: str) -> Output:
    result = {"runId": "r", "status": "ok", "result": {"payloads": [{"text": text}], "meta": {"stopReason": "stop"}}}
    return Output(json.dumps(result, indent=2).encode())


@pytest.mark.requirement("R-61")
@pytest.mark.parametrize(
    "text",
    [
        "The backup could not run: SYSTEM_RUN_DENIED",
        "approval cannot safely bind this interpreter/runtime command",
        "exec denied: Cron runs cannot wait for interactive exec approval",
    ],
)
def test_the_host_s_own_markers_are_a_denial(text: str) -> None:
    outcome = interpret("openclaw", openclaw(text), 0, None)
    assert (outcome.reason, outcome.error_class) == (Reason.ERROR, ErrorClass.PERMISSION_DENIED)


def test_an_answer_that_tells_of_a_denial_is_an_answer() -> None:
    outcome = interpret(
        "openclaw", openclaw("Two loan requests were denied today; permission was refused once."), 0, None
    )
    assert outcome.trigger is Trigger.SUCCEED


@pytest.mark.requirement("R-62")
def test_with_real_processes_the_denied_tools_are_named(stage: Stage, tmp_path: Path) -> None:
    bin_folder = install(tmp_path / "bin")
    kinds = {"claude": ("Write", "Bash"), "codex": ("rm -rf build",), "openclaw": ("SYSTEM_RUN_DENIED",)}
    runs = run_all(stage, [agent_job(bin_folder, kind, "denied", name=kind) for kind in kinds])
    for kind, tools in kinds.items():
        run = runs[kind]
        assert (run.reason, run.exit_code, run.error_class) == (Reason.ERROR, 0, ErrorClass.PERMISSION_DENIED)
        assert run.agent is not None
        assert run.agent.denied == tools
        assert f"it was denied {', '.join(tools)}" in stage.ok("explain", kind)
