"""Replays test vectors against the shipped engine: `decide`, then an append to the journal, hashes included.

`python tests/conformance/replayer.py [VECTOR.json …]` shows where a vector and the engine differ; with `--rewrite` it
writes what the engine says into the vectors, to be read and understood before it is committed. Tests never do.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from difference import first_difference

from fsm.codec.entries import entry_to_dict, read_body
from fsm.codec.jobs import job_from_dict
from fsm.codec.scalars import Unreadable, read_instant
from fsm.codec.shapes import shape
from fsm.engine.decide import decide
from fsm.errors import IllegalEntry, IllegalTransition, UnknownJob, UnknownRun
from fsm.instants import Instant, Moment, format_instant
from fsm.journal.memory import MemoryJournal
from fsm.journal.sealing import state_before
from fsm.model import commands
from fsm.model.entries import Checkpoint, Draft, Ended, Refused
from fsm.model.job import Job
from fsm.model.run import Arming
from fsm.model.states import Actor, Evidence, Kind, Reason
from fsm.model.stream import FOLD, JobState
from fsm.ports import Append

Json = dict[str, Any]  # values of JSON, as they stand in a vector

FOLDER = Path(__file__).parents[2] / "specs" / "vectors"
FIRST_BOOT = ("boot-1", 3_600_000_000)
TOLD = ("effects", "refusal", "deferred", "illegal", "entries")
PLAIN: dict[str, Callable[[], commands.Command]] = {
    "pause": commands.Pause,
    "resume": commands.Resume,
    "remove": commands.Remove,
    "try_again": commands.TryAgain,
}
EFFECTS: dict[type[commands.Effect], str] = {commands.Go: "go", commands.StopFirst: "stop_first"}


def vectors() -> Iterator[Path]:
    """The files of the vectors, by name."""
    yield from sorted(FOLDER.glob("*.json"))


def load(path: Path) -> Json:
    """One vector."""
    data: Json = json.loads(path.read_text(encoding="utf-8"))
    return data


def command_of(told: Json, deferred: commands.Deferred | None) -> commands.Command:
    """The command that a step of a vector names; specs/vectors/README.md lists them all."""
    told = dict(told)
    match told.pop("command"):
        case "put":
            return commands.Put(job_from_dict(told.pop("job")), **told)
        case "take_numbers":
            return commands.TakeNumbers(**told)
        case "ticks":
            return commands.Ticks(deferred, **told)
        case "request":
            env = tuple((each["name"], each["text"]) for each in told.pop("env", []))
            return commands.Request(env=env, **told)
        case "start":
            return commands.Start(told["number"], shape(Arming).read(dict(told["arming"])))
        case "judge":
            return commands.Judge(told["number"], shape(Ended).read(dict(told["verdict"])))
        case "stop":
            return commands.Stop(told["number"], Reason(told["reason"]), told.get("stopped", False))
        case "release":
            at: Instant | None = read_instant(told.pop("emptied_at")) if "emptied_at" in told else None
            return commands.Release(evidence=Evidence(told.pop("evidence")), emptied_at=at, **told)
        case "fail_start":
            return commands.FailStart(**told)
        case "queue_timeout":
            return commands.QueueTimeout(**told)
        case word:
            return PLAIN[word]()


class Replay:
    """One vector, step by step, on a journal of its own."""

    def __init__(self, vector: Json) -> None:
        self.vector, self.journal = vector, MemoryJournal(node="vector")
        self.now = Moment(Instant(0), 0, "")
        self.deferred: commands.Deferred | None = None

    def steps(self) -> Iterator[tuple[Json, Json]]:
        """Each step, and what the engine makes of it (the keys in `TOLD`)."""
        for index, step in enumerate(self.vector["steps"]):
            self._tell(step, first=index == 0)
            actor = Actor(step.get("actor", "scheduler"))
            try:
                if "append" in step["do"]:
                    told = self._append(step, actor)
                elif step["do"]["command"] == "checkpoint":
                    told = self._checkpoint(actor)
                else:
                    told = self._command(step["do"], actor)
            except (IllegalEntry, IllegalTransition, UnknownJob, UnknownRun, Unreadable) as error:
                told = {"illegal": illegal_word(error), "entries": []}
            yield step, told

    def _tell(self, step: Json, *, first: bool) -> None:
        utc = read_instant(step["at"])
        if "boot" in step:
            self.now = Moment(utc, step["boot"]["us"], step["boot"]["id"])
        elif first:
            self.now = Moment(utc, FIRST_BOOT[1], FIRST_BOOT[0])
        else:
            self.now = Moment(utc, self.now.boot + utc - self.now.utc, self.now.boot_id)

    def _command(self, told: Json, actor: Actor) -> Json:
        state = self.journal.state(self.vector["name"])
        command = command_of(told, self.deferred)
        decision = decide(state, command, self.now, actor, self._definition(state, told))
        made: Json = {}
        if decision.effects:
            made["effects"] = [EFFECTS[type(effect)] for effect in decision.effects]
        if decision.refusal is not None:
            made["refusal"] = json.loads(json.dumps(shape(Refused).write(decision.refusal)))
        if decision.deferred is not None:
            until = format_instant(decision.deferred.until)
            made["deferred"] = {"reason": str(decision.deferred.reason), "until": until}
        made["entries"] = self._store(state, decision.drafts)
        if isinstance(command, commands.Ticks):
            self.deferred = decision.deferred
        return made

    def _definition(self, state: JobState, told: Json) -> Job | None:
        """A run keeps the definition that it was queued with (R-56)."""
        run = state.run(told["number"]) if "number" in told else None
        return None if run is None else self.journal.definition(state.job, run.version)

    def _append(self, step: Json, actor: Actor) -> Json:
        state = self.journal.state(self.vector["name"])
        drafts: list[Draft] = []
        for each in step["do"]["append"]:
            number = None if each["run"] is None else int(each["run"].rpartition("/")[2])
            body, source = read_body(Kind(each["kind"]), each["body"])
            draft = Draft(state.job, self.now.utc, actor, number, body)
            if not drafts and state_before(state, draft) is not source:
                raise IllegalEntry(state.job, state.seq + 1, f"the run is not {source}", "lifecycle")
            drafts.append(draft)
        return {"entries": self._store(state, tuple(drafts))}

    def _checkpoint(self, actor: Actor) -> Json:
        state = self.journal.state(self.vector["name"])
        length, last_hash = self.journal.head(state.job)
        draft = Draft(state.job, self.now.utc, actor, None, Checkpoint(length, last_hash, state, FOLD))
        return {"entries": self._store(state, (draft,))}

    def _store(self, state: JobState, drafts: tuple[Draft, ...]) -> list[Json]:
        if not drafts:
            return []
        [appended] = self.journal.append([Append(state, drafts)])
        whole = [entry_to_dict(entry) for entry in appended.entries]
        return [{key: entry[key] for key in ("kind", "run", "body", "hash")} for entry in whole]


def illegal_word(error: Exception) -> str:
    """What a vector says of a step that is refused: the rule an entry breaks, or what is wrong with the command."""
    if isinstance(error, IllegalEntry):
        return error.requirement
    if isinstance(error, UnknownJob):
        return "unknown_job"
    if isinstance(error, UnknownRun):
        return "unknown_run"
    return "format" if isinstance(error, Unreadable) else "transition"


def differences(vector: Json) -> list[str]:
    """Where the engine says something else than the vector; empty where they agree."""
    found = []
    for index, (step, told) in enumerate(Replay(vector).steps(), 1):
        want = {key: step[key] for key in TOLD if key in step}
        where = f"step {index} ({step['do'].get('command', 'append')} at {step['at'][11:19]})"
        if (difference := first_difference(want, told, where)) is not None:
            found.append(difference)
    return found


def rewrite(path: Path) -> None:
    """Write what the engine says into the vector, for review."""
    vector = load(path)
    vector["steps"] = [
        {**{key: value for key, value in step.items() if key not in TOLD}, **told}
        for step, told in Replay(vector).steps()
    ]
    path.write_text(written(vector), encoding="utf-8")


def written(vector: Json) -> str:
    """The text of a vector's file: what belongs together on a line, an entry on each."""
    head = [f" {_text(key)}: {_text(value)}" for key, value in vector.items() if key != "steps"]
    steps = ",\n".join(_step(step) for step in vector["steps"])
    return "{\n" + ",\n".join([*head, f' "steps": [\n{steps}\n ]']) + "\n}\n"


def _step(step: Json) -> str:
    lines = [f'"at": {_text(step["at"])}, "do": {_text(step["do"])}']
    lines += [f"{_text(key)}: {_text(value)}" for key, value in step.items() if key not in ("at", "do", "entries")]
    entries = ",\n".join(f"    {_text(entry)}" for entry in step["entries"])
    lines.append(f'"entries": [\n{entries}\n   ]' if entries else '"entries": []')
    return "  {" + ",\n   ".join(lines) + "}"


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def main() -> int:
    """Compare, or rewrite."""
    parser = argparse.ArgumentParser(description="Replay the test vectors against the engine.")
    parser.add_argument("vectors", nargs="*", type=Path, help="files; without any, all of specs/vectors")
    parser.add_argument("--rewrite", action="store_true", help="write what the engine says into the vectors")
    asked = parser.parse_args()
    paths = asked.vectors or list(vectors())
    wrong = 0
    for path in paths:
        if asked.rewrite:
            rewrite(path)  # then compared all the same: what it wrote must be what it reads
        for each in differences(load(path)):
            wrong += 1
            print(f"{path.name}: {each}")
    print(f"{len(paths)} vectors, {wrong} steps differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
