"""A fake of ``openclaw agent --message … --json --session-key …``.

Follows docs.openclaw.ai/cli/agent (2026.6) for the call, and for the object {runId, status, summary, result: {payloads,
meta}}: openclaw/openclaw #26343 (HTTP errors, 2026.2), #69889 (empty content and an error message, 2026.3), #67172 (a
denial told in prose, 2026.4), #112670 (a tool that failed and was recovered from, 2026.7), #110946 (ok, and not done,
2026.7), #133004 (the envelope of a failure), multica-ai/multica#715 (the object on standard error). Pretty-printed,
after lines of its log; older builds exit with 0 whatever happened.
"""

from __future__ import annotations

import argparse
import json

from common import err, noise, out, play, usage


def called() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="openclaw", allow_abbrev=False)
    parser.add_argument("command", choices=["agent"])
    parser.add_argument("-m", "--message")
    parser.add_argument("--session-key")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--local", action="store_true")
    parser.add_argument("--agent")
    parser.add_argument("--model")
    return parser.parse_args()


CALL = called()
if not CALL.json or CALL.message is None or CALL.session_key is None:
    usage("required option '-m, --message <text>' not specified")


def show(value: object) -> None:
    out(json.dumps(value, indent=2, ensure_ascii=False))


def whole(status: str, payloads: list[object], **meta: object) -> dict[str, object]:
    return {
        "runId": "6d1f0a5e-2a3c-4f4e-9d2a-0a8f5f9a7c10",
        "status": status,
        "summary": "completed" if status == "ok" else "failed",
        "result": {
            "payloads": payloads,
            "meta": {
                "durationMs": 4211,
                "aborted": False,
                "agentMeta": {
                    "sessionId": f"session of {CALL.session_key}",
                    "provider": "anthropic",
                    "model": CALL.model or "sonnet",
                    "usage": {"input": 1200, "output": 88, "total": 1288},
                },
                **meta,
            },
        },
    }


def text(words: str, **more: object) -> dict[str, object]:
    return {"text": words, "mediaUrl": None, **more}


def says(status: str, *payloads: object, code: int = 0, **meta: object):
    def part() -> int:
        err("[agent] run started")
        out("[plugins] 3 loaded {in 12ms}")
        show(whole(status, list(payloads), **meta))
        return code

    return part


def half_line() -> int:
    print(json.dumps(whole("ok", [text("Done")]), indent=2)[:200], end="", flush=True)
    return 0


def late_result() -> int:
    noise()
    show(whole("ok", [text(f"Done: {CALL.message}")], stopReason="stop"))
    return 0


def local() -> int:
    show(whole("ok", [text(f"Done: {CALL.message}")], stopReason="stop")["result"])
    return 0


def on_stderr() -> int:
    err(json.dumps(whole("ok", [text(f"Done: {CALL.message}")], stopReason="stop")["result"], indent=2))
    return 0


def envelope() -> int:
    show({"ok": False, "error": {"code": "UNAVAILABLE", "message": "connect ECONNREFUSED"}, "runId": "gateway-run-1"})
    return 1


def gateway_down() -> int:
    err("Gateway agent failed: connect ECONNREFUSED 127.0.0.1:18789")
    return 1


DONE = text(f"Done: {CALL.message}")
NO_BODY = "400 status code (no body)"

play(
    {
        "success": says("ok", DONE, stopReason="stop"),
        "refusal": says(
            "ok",
            text("I can't assist with that."),
            stopReason="stop",
            completion={"finishReason": "stop", "stopReason": "stop", "refusal": "I can't assist with that."},
        ),
        "declined": says("error", stopReason="refusal"),
        "rate_limit": says(
            "error", code=1, error={"kind": "rate_limit", "message": "429 Too Many Requests: retry in 60s"}
        ),
        "denied": says("ok", text("SYSTEM_RUN_DENIED: approval cannot safely bind this command"), stopReason="stop"),
        "http_error": says("ok", text(NO_BODY, isError=True), stopReason="stop"),
        "http_error_as_text": says("ok", text(NO_BODY), stopReason="stop"),
        "empty_with_error": says("ok", stopReason="error", errorMessage=NO_BODY),
        "empty": says("ok", stopReason="stop"),
        "auth": says("error", code=1, error={"kind": "auth", "message": "HTTP 401: Invalid API key"}),
        "recovered": says("ok", text("read: no such file", isError=True), DONE, stopReason="stop"),
        "own_timeout": says("timeout", timeoutPhase="model-call-started", aborted=True),
        "aborted": says("ok", text("half"), aborted=True),
        "accepted": says("accepted"),
        "half_line": half_line,
        "late_result": late_result,
        "local": local,
        "gateway_down": gateway_down,
        "on_stderr": on_stderr,
        "envelope": envelope,
        "unfinished": says("ok", text("Let me look."), stopReason="toolUse"),
    }
)
