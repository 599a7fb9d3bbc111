"""A fake of ``claude -p --output-format json``.

Follows, for CLI 2.1: code.claude.com/docs/en/headless and the SDK reference (SDKResultMessage); for the denied tool
anthropics/claude-code#76867; for a limit that is called a success #37009 and the text of #59637; for the unfinished
turn #74761; for the empty answer #38769; the policy's text as in "API Error: … violate our Usage Policy".
"""

from __future__ import annotations

import argparse
import json
import uuid

from common import err, noise, out, play, usage

WITH_VALUE = ("--model", "--output-format", "--session-id", "--max-turns", "--permission-mode")


def called() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="claude")
    parser.add_argument("-p", "--print", action="store_true")
    parser.add_argument("--output-format", default="text")
    parser.add_argument("--session-id")
    parser.add_argument("--model", default="sonnet")
    parser.add_argument("--max-turns")
    parser.add_argument("--permission-mode")
    parser.add_argument("--allowedTools", nargs="+", default=[])  # takes words up to the next option, as the real one
    parser.add_argument("prompt", nargs="?")
    return parser.parse_args()


CALL = called()
if not CALL.print or CALL.output_format != "json":
    usage("this fake speaks print mode and JSON only")
if CALL.prompt is None:
    usage("Input must be provided either through stdin or as a prompt argument when using --print")
try:
    SESSION = str(uuid.UUID(CALL.session_id))
except (ValueError, TypeError):
    usage("Invalid session ID. Must be a valid UUID.")


def result(**changes: object) -> dict[str, object]:
    return {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "duration_ms": 2371,
        "duration_api_ms": 2210,
        "num_turns": 3,
        "result": f"Done: {CALL.prompt}",
        "stop_reason": "end_turn",
        "session_id": SESSION,
        "total_cost_usd": 0.0123456,
        "usage": {
            "input_tokens": 812,
            "cache_read_input_tokens": 9000,
            "output_tokens": 74,
            "service_tier": "standard",
        },
        "modelUsage": {"claude-sonnet": {"inputTokens": 812, "outputTokens": 74, "costUSD": 0.0123456}},
        "permission_denials": [],
        "uuid": "7f1d6c8e-54cf-4e0f-9c0e-6f6b0a6f2a11",
        **changes,
    }


def says(code: int = 0, **changes: object):
    def part() -> int:
        out(result(**changes))
        return code

    return part


def half_line() -> int:
    print(json.dumps(result())[:150], end="", flush=True)
    return 0


def late_result() -> int:
    noise()
    out(result())
    return 0


def verbose_list() -> int:
    out([{"type": "system", "subtype": "init", "session_id": SESSION}, {"type": "assistant"}, result()])
    return 0


def surrogates() -> int:
    text = json.dumps(result(result="HERE", stop_reason="HERE"))
    out(text.replace("HERE", r"a\ud800b\u0000c\u001b[2J" + "é" * 3000))
    return 0


def not_logged_in() -> int:
    err("Invalid API key · Please run /login")
    return 1


LIMIT = "You've hit your limit · resets 2:10pm (Europe/Berlin)"
POLICY = (
    "API Error: Claude Code is unable to respond to this request, which appears to violate our Usage Policy "
    "(https://www.anthropic.com/legal/aup). Please double press esc to edit your last message."
)
DENIED = [
    {
        "tool_name": "Write",
        "tool_use_id": "toolu_01",
        "tool_input": {"file_path": "/tmp/probe.txt", "content": "hello"},
    },
    {"tool_name": "Bash", "tool_use_id": "toolu_02", "tool_input": {"command": "echo hello > probe.txt"}},
    {
        "tool_name": "Write",
        "tool_use_id": "toolu_03",
        "tool_input": {"file_path": "/tmp/probe.txt", "content": "hello"},
    },
]

play(
    {
        "success": says(),
        "refusal": says(result="I can't help with that.", stop_reason="refusal"),
        "policy": says(1, result=POLICY, is_error=True),
        "rate_limit": says(result=LIMIT, is_error=True, stop_reason="stop_sequence"),
        "rate_limit_exit_1": says(1, result=LIMIT, is_error=True),
        "limit_as_answer": says(result="Claude AI usage limit reached|1753077600"),
        "overloaded": says(1, result="API Error: Repeated 529 Overloaded errors", is_error=True, api_error_status=529),
        "http_400": says(result="API Error: 400 status code (no body)", is_error=True, api_error_status=400),
        "denied": says(result="Both Write and Bash were denied.", permission_denials=DENIED),
        "max_turns": says(1, subtype="error_max_turns", result=None, is_error=True, num_turns=20),
        "during": says(
            1, subtype="error_during_execution", result=None, is_error=True, errors=["fetch failed: ECONNRESET"]
        ),
        "empty": says(result=""),
        "unfinished": says(result="I'll run the tests now.", stop_reason="tool_use"),
        "answer_then_exit_7": says(7),
        "half_line": half_line,
        "late_result": late_result,
        "list": verbose_list,
        "surrogates": surrogates,
        "not_logged_in": not_logged_in,
    }
)
