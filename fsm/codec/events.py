"""A lifecycle event as JSON: what `events --json` prints, and what receivers get."""

from __future__ import annotations

from fsm.instants import Instant, format_instant
from fsm.model.events import LifecycleEvent

Json = dict[str, object]


def event_json(event: LifecycleEvent) -> Json:
    """An event as it is published; `errorKind` and `stopReason` have the spelling that gateways wait for."""
    return {
        "id": event.id,
        "run_id": event.run_id,
        "seq": event.seq,
        "stream": "lifecycle",
        "ts": _instant(event.ts),
        "session_key": event.session_key,
        "data": {
            "phase": event.phase,
            "started_at": _instant(event.started_at),
            "ended_at": _instant(event.ended_at),
            "error": event.error,
            "errorKind": event.error_kind,
            "stopReason": event.stop_reason,
            "state": event.state,
            "reason": event.reason,
        },
    }


def _instant(at: Instant | None) -> str | None:
    return None if at is None else format_instant(at)
