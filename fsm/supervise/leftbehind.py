"""What lies in the data folder, whether or not the journal knows of it."""

from __future__ import annotations

from collections.abc import Mapping

from fsm.model.facts import Execution
from fsm.model.run import Arming
from fsm.supervise.armingfile import HEADER, SIZE, Unreadable
from fsm.supervise.folder import DataFolder


def highest_numbers(folder: DataFolder) -> Mapping[str, int]:
    """For every job with a folder of a run: the highest number among them. Costs a listing of each job's folder."""
    numbers = {job: folder.run_numbers(job) for job in folder.job_folders()}
    return {job: found[-1] for job, found in numbers.items() if found}


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


def _arming(nonce: str, header: Mapping[str, object] | None) -> Arming | None:
    if header is None:
        return None
    pid, start, boot_id, cgroup = (header.get(key) for key in ("pid", "pid_start", "boot_id", "cgroup"))
    if not isinstance(pid, int) or not isinstance(start, int) or not isinstance(boot_id, str):
        return None
    return Arming(nonce, boot_id, pid, start, cgroup=cgroup if isinstance(cgroup, str) else None)
