"""The part of the journal contract about reading: jobs, runs, due times, entries, and the projection rebuilt."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from fsm.engine.due import wanted_at
from fsm.errors import BadValue, UnknownJob
from fsm.model.agent import AgentEvidence
from fsm.model.entries import JobPut
from fsm.model.job import Job
from fsm.model.states import Cause, Reason, RefusalReason, SlotState, State
from fsm.model.stream import JobState
from fsm.ports import Append, Journal, RunQuery
from fsm.testing.journal_base import END_STATES, JournalTests, everything, tell_a_long_story
from fsm.testing.scribe import START, Scribe


class QuestionTests(JournalTests):
    """What a journal answers."""

    # ---- questions

    def test_jobs_and_their_names(self, scribe: Scribe, journal: Journal) -> None:
        for job in ("b", "ä", "a", "B"):
            scribe.define(job, schedule="* * * * *")
        last = scribe.run_through("b", State.FAILED)
        scribe.queue("b")
        scribe.remove("a")
        scribe.up()
        assert journal.job_names() == ["B", "b", "ä"]
        assert journal.streams() == ["@scheduler", "B", "a", "b", "ä"]
        summaries = journal.jobs()
        assert [summary.state for summary in summaries] == [journal.state(job) for job in ("B", "b", "ä")]
        assert [summary.last_run for summary in summaries] == [None, last, None]
        assert [summary.next_due for summary in summaries] == [wanted_at(summary.state) for summary in summaries]

    def test_due_times_are_those_of_enabled_jobs(self, scribe: Scribe, journal: Journal) -> None:
        scribe.define("later", schedule="0 3 * * *")
        scribe.define("soon", schedule="* * * * *")
        scribe.define("off", schedule="* * * * *", enabled=False)
        scribe.define("manual")
        scribe.define("gone", schedule="* * * * *")
        scribe.remove("gone")
        wanted = {job: wanted_at(journal.state(job)) for job in ("soon", "later")}
        assert list(journal.due_times()) == list(wanted.items())
        assert list(journal.due_times(["later", "off", "gone", "nobody", "soon"])) == [
            ("later", wanted["later"]),
            ("soon", wanted["soon"]),
        ]

    def test_the_due_time_moves_on_with_each_answer_and_each_edit(self, scribe: Scribe, journal: Journal) -> None:
        def due() -> object:
            found = dict(journal.due_times()).get("a")
            assert found == wanted_at(journal.state("a"))
            return found

        seen: set[object] = {None}
        scribe.define("a", schedule="* * * * *")
        seen.add(due())
        scribe.refuse("a")
        seen.add(due())
        tick = due()
        scribe.queue("a", cause=Cause.SCHEDULE, scheduled_for=tick)
        seen.add(due())
        scribe.define("a", schedule="0 3 * * *")
        seen.add(due())
        assert len(seen) == 5
        moved = due()
        scribe.pause("a")
        scribe.refuse("a", RefusalReason.ALREADY_QUEUED, cause=Cause.MANUAL)
        assert due() == moved
        scribe.define("a", schedule="0 3 * * *", enabled=False)
        assert due() is None

    def test_busy_is_who_has_an_open_run_or_a_held_slot(self, scribe: Scribe, journal: Journal) -> None:
        for job in ("idle", "queued", "running", "held", "removed"):
            scribe.define(job)
        scribe.run_through("idle")
        scribe.bring("queued", State.QUEUED)
        scribe.bring("running", State.RUNNING)
        held = scribe.bring("held", State.TIMED_OUT)
        scribe.bring("removed", State.RUNNING)
        scribe.remove("removed")
        assert journal.busy_jobs() == ["held", "queued", "removed", "running"]
        scribe.release("held", held)
        assert journal.busy_jobs() == ["queued", "removed", "running"]

    def test_a_run_tells_its_whole_story(self, scribe: Scribe, journal: Journal) -> None:
        scribe.define("a", retry={"attempts": 2, "backoff": "0s"})
        first = scribe.run_through("a", State.FAILED)
        number = scribe.queue("a", cause=Cause.RETRY, attempt=2, retry_of=first.number)
        arming = scribe.start("a", number)
        running = journal.run("a", number)
        assert running is not None
        assert (running.state, running.arming, running.slot) == (State.RUNNING, arming, SlotState.HELD)
        said = AgentEvidence(None, "session", "stop", 1, 2, 3, 4, ("Bash",), "half of it\nis done")
        scribe.end("a", number, State.TIMED_OUT, error="too long", agent=said)
        late = scribe.release("a", number, exit_code=None, signal=9)
        run = journal.run("a", number)
        assert run == journal.runs(RunQuery("a"))[0]
        assert run == attrs.evolve(
            running,
            state=State.TIMED_OUT,
            reason=Reason.RUN_TIMEOUT,
            ended_at=run.ended_at,
            error="too long",
            agent=said,
            signal=9,  # known only from the release, and kept beside the verdict
            slot=SlotState.FREE,
        )
        assert late.seq == 9

    def test_runs_are_filtered_and_come_newest_first(self, scribe: Scribe, journal: Journal) -> None:
        for job in ("a", "b"):
            scribe.define(job)
        ended = [scribe.run_through(job, state) for state in (*END_STATES, State.FAILED) for job in ("a", "b")]
        scribe.queue("a")
        open_runs = journal.runs(RunQuery(states=frozenset({State.QUEUED, State.RUNNING})))
        everybody = [*open_runs, *reversed(ended)]
        assert journal.runs(RunQuery()) == everybody
        asked = [RunQuery(), RunQuery("a"), RunQuery("a", frozenset()), RunQuery("nobody")]
        asked += [RunQuery(job, frozenset({state})) for job in ("a", "b", None) for state in State]
        asked += [RunQuery(job, frozenset({State.FAILED, State.QUEUED, State.LOST})) for job in ("a", None)]
        asked += [attrs.evolve(query, since=ended[5].queued_at) for query in asked]
        asked += [attrs.evolve(query, limit=limit) for query in asked for limit in (0, 1, 3, 100)]
        for query in asked:
            fit = [
                run
                for run in everybody
                if query.job in (None, run.job)
                and (query.states is None or run.state in query.states)
                and (query.since is None or run.queued_at >= query.since)
            ]
            assert journal.runs(query) == fit[: query.limit], query

    def test_runs_of_several_jobs_queued_at_once_have_an_order(self, scribe: Scribe, journal: Journal) -> None:
        drafts = {job: scribe.draft(job, JobPut(Job(job), 1, "test", scribe.now().utc)) for job in ("a", "b", "c")}
        states = [result.state for result in journal.append([Append(JobState(j), (d,)) for j, d in drafts.items()])]
        now = scribe.draft("a", scribe.queued("a"), 1)
        journal.append([Append(state, (attrs.evolve(now, job=state.job),)) for state in states])
        assert [run.job for run in journal.runs(RunQuery())] == ["c", "b", "a"]
        assert [run.job for run in journal.runs(RunQuery(states=frozenset({State.QUEUED})))] == ["c", "b", "a"]

    def test_definitions_are_kept_by_version(self, scribe: Scribe, journal: Journal) -> None:
        keys: dict[str, Any] = {
            "schedule": "0 3 * * *",
            "command": ["restic", "backup", "/home"],
            "timezone": "Europe/Berlin",
            "timeout": "30m",
            "env": {"B": "2", "A": "ä=1"},
            "cwd": "/home",
            "output_limit": "1MB",
        }
        keys |= {"overlap": "replace", "queue_limit": 3, "catch_up_limit": 20}
        keys["retry"] = {"attempts": 4, "backoff": "1m", "factor": 1.5, "jitter": "5s", "on": ["timed_out", "refused"]}
        keys["breaker"] = {"failures": 3, "cooldown": "1h"}
        scribe.write("a", JobPut(Job("a", **keys), 1, "test", START))
        scribe.write("a", JobPut(Job("a", shell="true | false", enabled=False), 2, "test", START))
        scribe.remove("a")
        scribe.write("a", JobPut(Job("a", catch_up="skip"), 3, "test", START))
        assert journal.definition("a", 1) == Job("a", **keys)
        assert journal.definition("a", 2) == Job("a", shell="true | false", enabled=False)
        assert journal.definition("a", 3) == journal.state("a").definition == Job("a", catch_up="skip")
        for version in (0, 4):
            with pytest.raises(UnknownJob):
                journal.definition("a", version)

    def test_entries_are_found_by_stream_run_and_place(self, scribe: Scribe, journal: Journal) -> None:
        tell_a_long_story(scribe)
        every = list(journal.entries())
        pairs = sorted({(entry.job, entry.run) for entry in every if entry.run is not None})
        keys: list[tuple[str | None, int | None]] = [(None, None), ("nobody", None), ("nobody", 1), ("a", 999)]
        keys += [(job, None) for job in journal.streams()] + [(job, run) for job, run in pairs]
        for job, run in keys:
            fit = [e for e in every if job in (None, e.job) and (run is None or e.run == run)]
            for after in (0, 1, 17, len(every) - 1, len(every), len(every) + 5):
                for limit in (None, 0, 1, 4):
                    rest = [entry for entry in fit if entry.id > after]
                    found = list(journal.entries(job=job, run=run, after_id=after, limit=limit))
                    back = list(journal.entries(job=job, run=run, after_id=after, limit=limit, newest_first=True))
                    assert found == rest[:limit], (job, run, after, limit)
                    assert back == rest[::-1][:limit], (job, run, after, limit)

    def test_the_entries_of_a_run_need_its_job(self, journal: Journal) -> None:
        with pytest.raises(BadValue):
            list(journal.entries(run=1))

    def test_one_may_append_while_reading(self, scribe: Scribe, journal: Journal) -> None:
        scribe.define("a")
        reading = journal.entries()
        assert next(reading).seq == 1
        number = scribe.queue("a")
        assert [entry.run for entry in reading] in ([], [number])
        assert [entry.run for entry in journal.entries(after_id=1)] == [number]

    # ---- the projection

    def test_rebuilding_changes_nothing(self, scribe: Scribe, journal: Journal) -> None:
        tell_a_long_story(scribe)
        before = everything(journal)
        journal.rebuild()
        assert everything(journal) == before
        scribe.run_through("a")  # and one can go on

    def test_rebuilding_an_empty_journal(self, journal: Journal) -> None:
        journal.rebuild()
        assert journal.streams() == []

    def test_closing_twice_is_harmless(self, journal: Journal) -> None:
        journal.close()
        journal.close()
