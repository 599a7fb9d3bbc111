"""A generated OpenClaw state folder, of the shape of openclaw/openclaw#61633 by default: for tests and measurements.

The shape follows ``src/config/sessions/types.ts``, ``src/cron/types.ts`` and ``docs/automation/cron-jobs.md`` of
openclaw/openclaw as of spring 2026. Written row by row, so that making a large one takes no memory either.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from attrs import frozen

HOUR_MS = 3_600_000


@frozen(slots=True)
class StoreShape:
    """How large, and of what: the rows that run by job, the others that ended, the user's own sessions, bytes in
    all."""

    running: tuple[int, ...] = (2_016, 2_085, 0, 0, 0)
    ended: tuple[int, ...] = (1_100, 500, 400, 300, 123)
    own: int = 10
    size: int = 185_000_000
    now_ms: int = 1_775_480_000_000  # 2026-04-06
    seed: int = 61_633

    @property
    def rows(self) -> int:
        """Entries of sessions.json: run rows, a base row for each job, and the user's own."""
        return sum(self.running) + sum(self.ended) + len(self.running) + self.own


def uuid(chance: random.Random) -> str:
    """A version 4 UUID that follows from the seed."""
    return str(UUID(int=chance.getrandbits(128), version=4))


def write_store(folder: Path, shape: StoreShape | None = None) -> Path:
    """Write agents/main/sessions/sessions.json, cron/jobs.json and cron/runs below `folder`; returns the first."""
    shape = shape or StoreShape()
    chance = random.Random(shape.seed)
    jobs = [uuid(chance) for _ in shape.running]
    _write_cron(folder / "cron", jobs, shape)
    path = folder / "agents" / "main" / "sessions" / "sessions.json"
    path.parent.mkdir(parents=True)
    snapshot = _snapshot(chance, max(shape.size // shape.rows - 1_000, 60))
    with path.open("w", encoding="utf-8") as file:
        for number, (key, row) in enumerate(_rows(jobs, shape, chance)):
            file.write("{\n  " if number == 0 else ",\n  ")
            file.write(
                f"{json.dumps(key)}: "
                + json.dumps({**row, **snapshot}, indent=2, ensure_ascii=False).replace("\n", "\n  ")
            )
        file.write("\n}")
    return path


def _write_cron(folder: Path, jobs: list[str], shape: StoreShape) -> None:
    (folder / "runs").mkdir(parents=True)
    listed = []
    for number, job in enumerate(jobs):
        state = {
            "nextRunAtMs": shape.now_ms + HOUR_MS,
            "lastRunAtMs": shape.now_ms - 2 * HOUR_MS,
            "lastRunStatus": "ok",
        }
        if shape.running[number]:
            state["runningAtMs"] = shape.now_ms - 3 * HOUR_MS
        listed.append(
            {
                "id": job,
                "name": f"Brief {number}",
                "enabled": True,
                "createdAtMs": shape.now_ms - 900 * HOUR_MS,
                "updatedAtMs": shape.now_ms - 2 * HOUR_MS,
                "schedule": {"kind": "cron", "expr": "*/25 * * * *", "tz": "Asia/Shanghai"},
                "sessionTarget": "isolated",
                "wakeMode": "now",
                "payload": {"kind": "agentTurn", "message": f"Summarise number {number}.", "timeoutSeconds": 600},
                "delivery": {"mode": "announce", "channel": "telegram", "to": "42"},
                "state": state,
            }
        )
    (folder / "jobs.json").write_text(json.dumps({"version": 1, "jobs": listed}, indent=2) + "\n", encoding="utf-8")
    for job in jobs:
        lines = [_run_line(job, shape.now_ms - (number + 2) * HOUR_MS, number) for number in reversed(range(20))]
        (folder / "runs" / f"{job}.jsonl").write_text("".join(lines), encoding="utf-8")


def _run_line(job: str, at_ms: int, number: int) -> str:
    line: dict[str, Any] = {"ts": at_ms + 90_000, "jobId": job, "action": "finished", "status": "ok"}
    if number % 5 == 4:
        line |= {"status": "error", "error": "cron: job execution timed out"}
    line |= {"sessionKey": f"agent:main:cron:{job}:run:{number}", "runAtMs": at_ms, "durationMs": 90_000}
    return json.dumps(line, separators=(",", ":")) + "\n"


def _snapshot(chance: random.Random, size: int) -> dict[str, Any]:
    """What makes a row large: the skills as they were, mostly one long text."""
    words = ["skill", "läuft", "read", 'a "quoted" word', "C:\\temp", "{brace}", "[list]", "0123", "path/to", "\n"]
    text = " ".join(chance.choice(words) for _ in range(size // 7))
    skills = [
        {"name": f"skill-{n}", "description": text[:200], "filePath": f"/srv/skills/{n}/SKILL.md", "source": "bundled"}
        for n in range(min(22, size // 600))
    ]
    prompt = text[: max(size - 400 * len(skills), 20)]
    return {"skillsSnapshot": {"prompt": prompt, "skills": [], "resolvedSkills": skills, "version": 0}}


def _rows(jobs: list[str], shape: StoreShape, chance: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    for number in range(shape.own):
        key = "agent:main:main" if number == 0 else f"agent:main:telegram:direct:{number}"
        yield (
            key,
            {"sessionId": uuid(chance), "updatedAt": shape.now_ms - number, "status": "running", "label": "Läufe"},
        )
    for job, running, ended in zip(jobs, shape.running, shape.ended, strict=True):
        yield f"agent:main:cron:{job}", {"sessionId": uuid(chance), "updatedAt": shape.now_ms, "status": "running"}
        for number in range(running + ended):
            at = shape.now_ms - 3 * HOUR_MS - 700 * (running + ended - number)
            row: dict[str, Any] = {
                "sessionId": uuid(chance),
                "updatedAt": at + 650,
                "systemSent": True,
                "startedAt": at,
            }
            row |= {"status": "running"} if number < running else {"status": "done", "endedAt": at + 650}
            yield f"agent:main:cron:{job}:run:{row['sessionId']}", row
