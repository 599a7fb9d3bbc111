"""``cronfsm explain``: why a job ran, or did not, tick by tick."""

from __future__ import annotations

import click

from fsm.cli.context import Session
from fsm.cli.group import Command
from fsm.cli.lookup import known_job, known_run, stream_of
from fsm.cli.times import read_time
from fsm.cli.unrecorded import unrecorded
from fsm.instants import Instant
from fsm.model.stream import JobState

MOST = 100_000
"""Answers of one story."""


@click.command(
    "explain",
    cls=Command,
    examples=[
        "cronfsm explain backup",
        "cronfsm explain backup --at '2026-12-01 03:00'",
        "cronfsm explain backup --since 7d",
        "cronfsm explain backup/42",
    ],
)
@click.argument("target", metavar="JOB|RUN")
@click.option("--at", metavar="TIME", help="Only what was answered for this scheduled time.")
@click.option("--since", metavar="TIME", help="All answers since then, or in the last 2h [default: a day, 20 at most].")
@click.pass_obj
def explain_command(session: Session, target: str, at: str | None, since: str | None) -> None:
    """Why JOB ran, or did not: each scheduled time with its answer, and the entries (#) that prove it.

    A refusal names the run in the way and tells that run's life; at the end stand what is now, what comes next, and the
    command that mends it.

    A TIME is an instant, a local time ("2026-12-01 03:00" or 03:00), or a length before now (2h).
    """
    from fsm.client.explain import explain
    from fsm.client.story import Window

    if at is not None and since is not None:
        raise click.UsageError("--at and --since exclude each other: one time, or all since a time")
    job, number = target, None
    if "/" in target:
        run = known_run(session.journal, target)
        job, number = run.job, run.number
    else:
        _known(session, job)
    now = session.now()
    window = Window(number=number)
    if at is not None:
        window = Window(at=_time(at, now))
    elif since is not None:
        window = Window(since=_time(since, now), most=MOST)
    served = session.served()
    story = explain(session.journal, job, session.clock.now(), served=served is not None, window=window)
    beyond = unrecorded(session, story.holder.run if story.holder is not None else None)
    if session.as_json:
        from fsm.cli.storyjson import story_json

        session.output.document(story_json(story, beyond))
    else:
        from fsm.cli.storytext import story_text

        session.output.text(story_text(story, session.output, beyond))


def _known(session: Session, job: str) -> JobState:
    """A job that is, or was: what has been removed can be explained, too."""
    state = stream_of(session.journal, job)
    return state if state is not None else known_job(session.journal, job)


def _time(text: str, now: Instant) -> Instant:
    return read_time(text, now)
