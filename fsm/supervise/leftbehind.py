"""What lies in the data folder, and what lives of it, whether or not the journal knows of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from fsm.model.facts import Execution
from fsm.model.run import Arming
from fsm.supervise.armingfile import HEADER, SIZE, Unreadable
from fsm.supervise.folder import DataFolder
from fsm.supervise.processes import all_pids
from fsm.supervise.survivors import environment

_RUN_ID = re.compile(rb"(?:^|\0)CRONFSM_RUN_ID=([^\0]*)/([0-9]{1,18})(?:\0|$)")


def numbers_above(folder: DataFolder, above: Mapping[str, int]) -> Mapping[str, Sequence[int]]:
    """For every job: the numbers that have a folder and are above the one given (0 for a job that is not among them).

    Costs a listing of each job's folder. Jobs without any are left out.
    """
    found = {}
    for job in folder.job_folders():
        numbers = [number for number in folder.run_numbers(job) if number > above.get(job, 0)]
        if numbers:
            found[job] = numbers
    return found


def armings_of(folder: DataFolder, job: str, number: int) -> list[Execution]:
    """Every arming with a file in the run's folder whose header can be read.

    One whose header cannot be read never said that it was armed, or is damaged; then nothing is known that its
    processes could be found by, and the slot lock, which they inherit, is what is left.
    """
    found = []
    for nonce in folder.armings(job, number):
        try:
            with open(folder.arming_file(job, number, nonce), "rb") as file:
                header = HEADER.unpack(file.read(SIZE))
        except (OSError, ValueError, Unreadable):
            continue
        arming = _arming(nonce, header)
        if arming is not None:
            found.append(Execution(job, number, arming))
    return found


def living(folder: DataFolder) -> list[Execution]:
    """Every execution that a living process belongs to by the cookie in its environment, and that has its file.

    So what is alive is found however much lies in the folder, and whatever number the journal counts from.
    """
    cookie = re.compile(rb"(?:^|\0)CRONFSM_RUN_TOKEN=" + re.escape(folder.token("").encode()) + rb"([^\0]*)")
    nonces: dict[tuple[str, int], set[str]] = {}
    for pid in all_pids():
        environ = environment(pid) or b""
        token, run = cookie.search(environ), _RUN_ID.search(environ)
        if token is not None and run is not None:
            key = run[1].decode("utf-8", "replace"), int(run[2])
            nonces.setdefault(key, set()).add(token[1].decode("utf-8", "replace"))
    return [
        execution
        for (job, number), wanted in nonces.items()
        for execution in armings_of(folder, job, number)
        if execution.arming.nonce in wanted
    ]


def _arming(nonce: str, header: Mapping[str, object] | None) -> Arming | None:
    if header is None:
        return None
    pid, start, boot_id, cgroup = (header.get(key) for key in ("pid", "pid_start", "boot_id", "cgroup"))
    if not isinstance(pid, int) or not isinstance(start, int) or not isinstance(boot_id, str):
        return None
    return Arming(nonce, boot_id, pid, start, cgroup=cgroup if isinstance(cgroup, str) else None)
