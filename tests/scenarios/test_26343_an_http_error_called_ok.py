"""openclaw/openclaw#26343: the provider answers 400 or 403, and the run is `ok`.

What happened: a model call failed with an HTTP error; the agent's payload said ``isError: true``, ``400 status code (no
body)``, and its process ended well. The run was recorded as ``ok``, ``consecutiveErrors`` stayed 0, and only the debug
log knew. #43604 lost three nights of backups that way.

Why it cannot happen here: an agent's exit code and its status word are not believed alone. What its result says decides
(R-61), and the class of the error is in the entry, so that a policy can back off by it (R-62).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from agents_kit import agent_job, install, run_all
from scenario_kit import Stage

from fsm.agents.interpret import interpret
from fsm.agents.output import Output
from fsm.model.states import ErrorClass, Reason, State


@pytest.mark.requirement("R-61")
@pytest.mark.parametrize(
    ("said", "error_class"),
    [
        ("400 status code (no body)", ErrorClass.OTHER),
        ("403 PERMISSION_DENIED: Generative Language API is disabled", ErrorClass.PERMISSION_DENIED),
        ("401 Unauthorized", ErrorClass.AUTH),
        ("HTTP 429: quota exhausted", ErrorClass.RATE_LIMITED),
        ("503 Service Unavailable", ErrorClass.OVERLOADED),
    ],
)
def test_an_error_payload_is_a_failed_run_of_its_class(said: str, error_class: ErrorClass) -> None:
    payloads = [{"text": said, "isError": True}]
    output = json.dumps({"runId": "r", "status": "ok", "result": {"payloads": payloads, "meta": {}}})
    outcome = interpret("openclaw", Output(output.encode()), 0, None)
    assert (outcome.reason, outcome.error_class, outcome.error) == (Reason.ERROR, error_class, said)


@pytest.mark.requirement("R-61")
@pytest.mark.requirement("R-62")
def test_with_real_processes_the_run_is_failed_and_says_why(stage: Stage, tmp_path: Path) -> None:
    """With and without the flag: older builds leave it out."""
    bin_folder = install(tmp_path / "bin")
    jobs = [agent_job(bin_folder, "openclaw", part) for part in ("http_error", "http_error_as_text")]
    for run in run_all(stage, jobs).values():
        assert (run.state, run.reason, run.exit_code) == (State.FAILED, Reason.ERROR, 0)
        assert run.error == "400 status code (no body)"
        assert run.error_class is ErrorClass.OTHER
        assert stage.run("explain", run.job).stdout.count("400 status code (no body)") == 1
