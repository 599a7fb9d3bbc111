"""``cronfsm notify``: try the receivers of a job, or see what waits to be delivered."""

from __future__ import annotations

import click

from fsm.cli.context import Session
from fsm.cli.exits import Exit
from fsm.cli.group import Command
from fsm.cli.lookup import known_job
from fsm.cli.runjson import Json, instant
from fsm.cli.times import relative
from fsm.codec.events import event_json
from fsm.codec.jobs import RECEIVERS, receiver_to_data
from fsm.instants import Instant
from fsm.model.events import LifecycleEvent
from fsm.model.receivers import shown
from fsm.model.states import Reason, State
from fsm.notify import ledger
from fsm.notify.deliver import NotDelivered, deliver
from fsm.notify.lanes import Book, Message, whom
from fsm.plural import many


@click.command("notify", cls=Command, examples=["cronfsm notify", "cronfsm notify --test backup"])
@click.option("--test", "job", metavar="JOB", help="Tell each receiver of this job once, now, from here.")
@click.pass_obj
def notify_command(session: Session, job: str | None) -> int:
    """What waits to be delivered, and why it could not be yet.

    With --test JOB, each of its on_failure, on_recovery, on_end and ping is told of a run that never was (JOB/0), with
    the environment of this shell (`serve` has its own) and the job's env_file. Exit code 1 if one of them cannot be.
    """
    if job is not None:
        return _try(session, job)
    book = ledger.load(session.folder_path) or Book()
    waiting = [(key, lane) for key, lane in sorted(book.lanes.items()) if lane.waiting]
    if session.as_json:
        session.output.document(
            [
                {
                    "job": name,
                    "channel": channel,
                    "waiting": len(lane.waiting),
                    "missed": sum(message.missed for message in lane.waiting),
                    "attempts": lane.attempts,
                    "failing_since": instant(lane.since),
                    "next_at": instant(lane.next_at) if lane.attempts else None,
                    "error": lane.error,
                }
                for (name, channel), lane in waiting
            ]
        )
    elif not waiting:
        session.output.text("Nothing waits to be delivered.")
    for (name, channel), lane in waiting if not session.as_json else ():
        why = "" if lane.error is None else f"; {many(lane.attempts, 'attempt')} failed: {lane.error}"
        more = f"; next attempt {_when(session, lane.next_at)}" if lane.attempts else ""
        session.output.text(f"{name}: {lane.waiting[0].key} ({channel}): {len(lane.waiting)} waiting{why}{more}")
    return Exit.DONE


def _when(session: Session, at: Instant) -> str:
    now = session.now()
    return relative(at, now) if at > now else "now" if session.served() is not None else "once a scheduler is up"


def _try(session: Session, name: str) -> int:
    known_job(session.journal, name)
    job = session.journal.state(name).definition
    answers: list[Json] = []
    for key in RECEIVERS:
        receiver = whom(job, key)
        if job is None or receiver is None:
            continue
        error = None
        try:
            deliver(job, receiver, _message(name, key, session.now()))
        except NotDelivered as reason:
            error = str(reason)
        answers.append({"key": key, "to": receiver_to_data(shown(receiver)), "ok": error is None, "error": error})
    if session.as_json:
        session.output.document({"job": name, "receivers": answers})
    elif not answers:
        session.output.text(f"{name} tells nobody: it has none of {', '.join(RECEIVERS)}.")
    for each in answers if not session.as_json else ():
        told = "told" if each["ok"] else f"not told: {each['error']}"
        session.output.text(f"{each['key']}: {told}")
    return Exit.DONE if all(each["ok"] for each in answers) else Exit.FAILED


def _message(job: str, key: str, now: Instant) -> Message:
    """Of a failure; of a success for those who are told of one."""
    well = key in ("on_recovery", "ping")
    state, reason = (State.SUCCEEDED, Reason.COMPLETED) if well else (State.FAILED, Reason.EXIT_CODE)
    error = None if well else "this is a test (cronfsm notify --test)"
    event = LifecycleEvent(
        0,
        f"{job}/0",
        0,
        now,
        f"cron:{job}:run:0",
        "end" if well else "error",
        state,
        reason,
        started_at=now,
        ended_at=now,
        error=error,
        error_kind=None if well else "error",
        stop_reason=None if well else "error",
    )
    return Message(key, event_json(event))
