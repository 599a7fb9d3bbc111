"""Everything about one run: its verdict, its times and deadlines, its arming, its output, its entries."""

from __future__ import annotations

from fsm.cli.again import again
from fsm.cli.captured import sizes
from fsm.cli.context import Session
from fsm.cli.entrytext import entry_line
from fsm.cli.runjson import instant, run_json
from fsm.cli.times import relative, span, stamp, stamp_ms
from fsm.cli.unrecorded import unrecorded
from fsm.cli.words import CAUSE_TEXT, about_size, evidence_facts, facts_text, how, quoted, slot_phrase
from fsm.instants import Instant
from fsm.model.entries import Entry, Origin, Queued
from fsm.model.run import Run
from fsm.model.states import Cause

MOST_ENTRIES = 100
"""Entries about one run: a handful in practice."""


def show_run(session: Session, run: Run) -> None:
    """Print it."""
    entries = list(session.journal.entries(job=run.job, run=run.number, limit=MOST_ENTRIES))
    folder = session.folder.run_folder(run.job, run.number)
    total, kept = sizes(folder)
    beyond = unrecorded(session, run)
    if session.as_json:
        session.output.document(
            {
                **run_json(run),
                "version": run.version,
                "start_by": instant(run.start_by.utc),
                "run_by": instant(run.run_by.utc) if run.run_by is not None else None,
                "reap_by": instant(run.reap_by.utc) if run.reap_by is not None else None,
                "arming": _arming(run),
                "unrecorded": beyond,
                "output": {"bytes": total, "kept": kept, "folder": folder},
                "transitions": [_transition(entry) for entry in entries],
            }
        )
        return
    now = session.now()
    facts = [("Run", run.id), ("State", str(run.state) + (f" ({how(run)})" if how(run) else ""))]
    facts += [("But", beyond)] if beyond is not None else []
    facts += _facts(run, now)
    origin = _origin(entries)
    if origin is not None:
        facts.append(("Imported", f"from {origin.system}, where its id was {origin.id}"))
    facts.append(("Output", _output(run, total, kept)))
    session.output.text(facts_text(facts))
    session.output.text("\n".join(["", "Its entries in the journal:", *map(entry_line, entries)]))


def _origin(entries: list[Entry]) -> Origin | None:
    body = entries[0].body if entries else None
    return body.origin if isinstance(body, Queued) else None


def _arming(run: Run) -> dict[str, object] | None:
    arming = run.arming
    if arming is None:
        return None
    return {
        "nonce": arming.nonce,
        "boot_id": arming.boot_id,
        "pid": arming.pid,
        "pid_start": arming.pid_start,
        "in_process": arming.in_process,
        "cgroup": arming.cgroup,
    }


def _transition(entry: Entry) -> dict[str, object]:
    from fsm.codec.entries import entry_to_dict

    data = entry_to_dict(entry)
    return {key: data[key] for key in ("id", "seq", "at", "actor", "epoch", "kind", "body")}


def _facts(run: Run, now: Instant) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = []
    if run.error:
        facts.append(("Error", run.error))
    if run.exit_code is not None:
        facts.append(("Exit code", str(run.exit_code)))
    if run.signal is not None:
        facts.append(("Signal", str(run.signal)))
    facts += evidence_facts(run.agent) if run.agent is not None else []
    facts.append(("Cause", f"{run.cause}: queued {CAUSE_TEXT[run.cause]}"))
    if run.scheduled_for is not None:
        facts.append(("Scheduled", f"{stamp(run.scheduled_for)}"))
    facts.append(("Queued", f"{stamp_ms(run.queued_at)} ({relative(run.queued_at, now)})"))
    if run.started_at is not None:
        facts.append(("Started", f"{stamp_ms(run.started_at)} (after {span(run.started_at - run.queued_at)})"))
    if run.ended_at is not None:
        length = f" (after {span(run.ended_at - run.started_at)})" if run.started_at is not None else ""
        facts.append(("Ended", stamp_ms(run.ended_at) + length))
    deadline = run.deadline
    if deadline is not None:
        facts.append(("Deadline", f"{stamp(deadline.utc)} ({relative(deadline.utc, now)})"))
    elif run.run_by is not None and run.cause is not Cause.IMPORTED:
        facts.append(("It had until", stamp(run.run_by.utc)))
    if run.reap_by is not None and run.cause is not Cause.IMPORTED:
        facts.append(("Backstop", stamp(run.reap_by.utc)))
    facts += [
        ("Slot", slot_phrase(run)),
        ("Attempt", str(run.attempt) + (f", after {run.job}/{run.retry_of}" if run.retry_of is not None else "")),
        ("Definition", f"version {run.version} of {run.job}"),
        ("Session key", run.session_key),
    ]
    arming = run.arming
    if arming is not None and run.cause is not Cause.IMPORTED:
        who = "inside process" if arming.in_process else "supervisor"
        cgroup = f", cgroup {arming.cgroup}" if arming.cgroup else ""
        facts.append(("Arming", f"{arming.nonce}, {who} {arming.pid}{cgroup}"))
    return facts


def _output(run: Run, total: int, kept: int) -> str:
    if not total:
        return "none"
    part = f" (of which {about_size(kept)} are kept)" if kept != total else ""
    return f"{about_size(total)}{part}: {again(f'cronfsm logs {quoted(run.id)}')}"
