"""The story of a job as JSON."""

from __future__ import annotations

from fsm.cli.runjson import Json, blocker_json, instant, run_json
from fsm.cli.storyends import mends, next_text, now_text
from fsm.client.admission import Waits
from fsm.client.reigns import Outage
from fsm.client.story import Answer, Changed, Denied, Life, Pending, Ran, Story


def story_json(story: Story, unrecorded: str | None = None) -> Json:
    """All that ``explain`` knows. `unrecorded`: what is known of the running run beyond the journal."""
    job = story.job
    return {
        "job": story.state.job,
        "schedule": job.schedule if job is not None else None,
        "timezone": job.timezone if job is not None else None,
        "paused": story.state.paused,
        "scheduler_up": story.reign is not None,
        "earlier": story.earlier,
        "answers": [_answer(answer, story.state.job) for answer in story.answers],
        "pending": None if story.pending is None else _pending(story.pending),
        "now": now_text(story, unrecorded),
        "unrecorded": unrecorded,
        "waits": None if story.waits is None else _waits(story.waits),
        "next": next_text(story),
        "next_due": instant(story.next_due),
        "mend": [{"command": mend.command, "why": mend.why} for mend in mends(story)],
    }


def _waits(waits: Waits) -> Json:
    return {"group": waits.group, "max_running": waits.most, "running": list(waits.holders), "others": waits.others}


def _answer(answer: Answer, job: str) -> Json:
    if isinstance(answer, Ran):
        return {
            "answer": "run",
            "entry": answer.entry,
            "at": instant(answer.at),
            "cause": answer.cause,
            "scheduled_for": instant(answer.tick),
            **_life(answer.life),
        }
    if isinstance(answer, Denied):
        return _denied(answer, job)
    assert isinstance(answer, Changed)  # there is no fourth kind
    return {
        "answer": answer.what,
        "entry": answer.entry,
        "at": instant(answer.at),
        "actor": answer.actor,
        "version": answer.version,
        "source": answer.source,
    }


def _denied(answer: Denied, job: str) -> Json:
    body = answer.body
    return {
        "answer": "refused",
        "entry": answer.entry,
        "at": instant(answer.at),
        "cause": body.cause,
        "reason": body.reason,
        "count": body.count,
        "first": instant(body.first),
        "last": instant(body.last),
        "blocked_by": blocker_json(job, body),
        "blocker": None if answer.blocker is None else _life(answer.blocker),
        "outage": None if answer.outage is None else _outage(answer.outage),
    }


def _life(life: Life) -> Json:
    steps = [
        {"what": step.what, "at": instant(step.at), "recorded_at": instant(step.recorded), "entry": step.entry}
        for step in life.steps
    ]
    return {"run": run_json(life.run), "steps": steps}


def _outage(outage: Outage) -> Json:
    before, after = outage.before, outage.after
    return {
        "last_sign_at": instant(before.last) if before is not None else None,
        "last_sign_entry": before.last_entry if before is not None else None,
        "ended": before.ended if before is not None else None,
        "up_again_at": instant(after.up) if after is not None else None,
        "up_again_entry": after.up_entry if after is not None else None,
    }


def _pending(pending: Pending) -> Json:
    return {
        "count": pending.count,
        "first": instant(pending.first),
        "last": instant(pending.last),
        "same_as": pending.same_as,
        "outage": None if pending.outage is None else _outage(pending.outage),
        "young": pending.young,
    }
