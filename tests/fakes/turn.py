"""A program for kind ``command``: it prints the result object of specs/agents.md, version 1."""

from __future__ import annotations

import os
import sys

from common import err, noise, out, play

MESSAGE = os.environ.get("CRONFSM_AGENT_MESSAGE", "nothing")


def says(code: int = 0, **fields: object):
    def part() -> int:
        err("working")
        out({"type": "progress"}, {"type": "result", "session_id": os.environ["CRONFSM_SESSION_KEY"], **fields})
        return code

    return part


def half_line() -> int:
    sys.stdout.write('{"type": "result", "status": "ok", "ans')
    return 0


def late_result() -> int:
    noise()
    return says(status="ok", answer=f"Done: {MESSAGE}")()


def failed(error_class: str | None, message: str, code: int = 1):
    return says(code, status="error", error={"class": error_class, "message": message})


play(
    {
        "success": says(
            status="ok", answer=f"Done: {MESSAGE}", turns=2, cost_usd=0.5, input_tokens=10, output_tokens=5
        ),
        "refusal": says(status="refused", error={"message": "not that"}),
        "rate_limit": failed("rate_limited", "come back later"),
        "denied": failed("permission_denied", "may not write"),
        "error_inside": failed("no such class", "the network is unreachable", code=0),
        "no_status": says(answer="who knows"),
        "empty": says(status="ok", answer="  "),
        "half_line": half_line,
        "late_result": late_result,
    }
)
