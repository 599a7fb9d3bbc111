"""A fake of ``codex exec --json``.

Follows openai/codex: docs/exec.md and codex-rs/exec/src/exec_events.rs (0.40 to 0.101): ``thread.started``,
``turn.started``, ``item.*``, ``turn.completed``, ``turn.failed``, ``error``; and the events before that (0.2x), which
are wrapped in ``msg``.
"""

from __future__ import annotations

import argparse
import json
import sys

from common import err, noise, out, play, usage

THREAD = "0199a213-81c0-7800-8aa1-bbab2a035a53"


def called() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="codex")
    if sys.argv[1:2] != ["exec"]:
        usage("this fake knows exec only")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("-m", "--model")
    parser.add_argument("-s", "--sandbox")
    parser.add_argument("--skip-git-repo-check", action="store_true")
    parser.add_argument("prompt", nargs="?")
    return parser.parse_args(sys.argv[2:])


CALL = called()
if not CALL.json or CALL.prompt is None:
    usage("the following required arguments were not provided: <PROMPT>")

STARTED = {"type": "thread.started", "thread_id": THREAD}
TURN = {"type": "turn.started"}
COMPLETED = {
    "type": "turn.completed",
    "usage": {"input_tokens": 24763, "cached_input_tokens": 24448, "output_tokens": 122},
}


def item(kind: str, **fields: object) -> dict[str, object]:
    return {"type": "item.completed", "item": {"id": "item_1", "type": kind, **fields}}


def answer(text: str | None = None) -> dict[str, object]:
    return item("agent_message", text=f"Done: {CALL.prompt}" if text is None else text)


def failed(message: str) -> dict[str, object]:
    return {"type": "turn.failed", "error": {"message": message}}


def error(message: str) -> dict[str, object]:
    return {"type": "error", "message": message}


def ran(command: str, status: str, code: int | None) -> dict[str, object]:
    return item("command_execution", command=command, aggregated_output="", exit_code=code, status=status)


def says(*events: object, code: int = 0):
    def part() -> int:
        err("Reading prompt from arguments...")
        out(STARTED, TURN, *events)
        return code

    return part


def half_line() -> int:
    out(STARTED, TURN)
    print(json.dumps(answer())[:60], end="", flush=True)
    return 0


def late_result() -> int:
    out(STARTED, TURN)
    noise()
    out(answer(), COMPLETED)
    return 0


def old_events() -> int:
    out(
        {"id": "0", "msg": {"type": "session_configured", "session_id": THREAD, "model": "gpt-5"}},
        {"id": "0", "msg": {"type": "agent_message", "message": "thinking aloud"}},
        {"id": "0", "msg": {"type": "task_complete", "last_agent_message": f"Done: {CALL.prompt}"}},
    )
    return 0


LIMIT = "You've hit your usage limit. Upgrade to Pro or try again in 3 hours 12 minutes."
RECONNECT = error("Reconnecting... 1/5")
GONE = "stream disconnected before completion: error sending request for url (https://chatgpt.com/backend-api/codex)"
FLAGGED = "Invalid prompt: your prompt was flagged as potentially violating our usage policy."

play(
    {
        "success": says(answer("a first thought"), ran("ls", "completed", 0), answer(), COMPLETED),
        "refusal": says(error(FLAGGED), failed(FLAGGED), code=1),
        "rate_limit": says(error(LIMIT), failed(LIMIT), code=1),
        "denied": says(ran("rm -rf build", "declined", None), answer("I was not allowed to."), COMPLETED),
        "error_inside": says(failed("unexpected status 401 Unauthorized: Missing bearer"), code=0),
        "overloaded": says(failed("exceeded retry limit, last status: 503 Service Unavailable"), code=1),
        "network": says(RECONNECT, error(GONE), failed(GONE), code=1),
        "reconnected": says(RECONNECT, RECONNECT, answer(), COMPLETED),
        "only_an_error": says(error("Quota exceeded. Check your plan and billing details."), code=1),
        "failed_command": says(ran("false", "failed", 1), answer(), COMPLETED),
        "no_answer": says(ran("ls", "completed", 0), COMPLETED),
        "unfinished": says(answer("Let me look.")),
        "half_line": half_line,
        "late_result": late_result,
        "old_events": old_events,
    }
)
