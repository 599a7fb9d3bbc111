"""Every fault that can be put into a simulated machine while it runs."""

from __future__ import annotations

from collections.abc import Callable

from fsm.instants import parse_duration
from fsm.testing.disk import Torn
from fsm.testing.host import Host
from fsm.testing.supervisor import SupervisorProcess
from fsm.testing.world import Step


class FaultyHost(Host):
    """A machine on which disks fill up, messages get lost, and supervisors are killed."""

    def lag(self, step: Step, by: str | int) -> None:
        """From now on this kind of step takes that long."""
        self.world.lags[step] = parse_duration(by)
        self._calm_since = self.world.t

    def fail_appends(self, count: int) -> None:
        """The scheduler's next `count` appends fail: the disk has no room for them."""
        self.disk.failing = count

    def fill_disk(self, duration: str | int) -> None:
        """The disk is full for that long, for the scheduler's appends."""
        self.disk.full_until = self.world.t + parse_duration(duration)

    def tear_append(self, how: Torn, *, of_client: bool = False) -> None:
        """The scheduler's next append fails, or a client's, and nobody knows whether it is there."""
        self.disk.tear(how, of_client=of_client)

    def second_scheduler(self) -> None:
        """Another scheduler begins while this one is up: the lock that keeps it out was bypassed. Both go on, until
        the first finds out."""
        self.world.note("a second scheduler begins beside the first")
        self._begin()

    def lose_hints(self, count: int) -> None:
        """The next `count` pokes get lost; the journal and the files still say it all."""
        self.world.hints_to_lose = count

    def calm(self) -> None:
        """No step is slow, the disk has room, no hint gets lost, nobody is about to die. What is stopped stays so."""
        self.world.lags.clear()
        self.disk.calm()
        self.lose_hints(0)
        for life in self._lives:
            life.interruptions.clear()

    def end_faults(self) -> None:
        """As `calm`; and whoever was stopped goes on, and what can be neither found nor ended ends by itself."""
        self.calm()
        self.continue_scheduler()
        for supervisor in list(self.world.everyone()):
            if supervisor.mute:
                supervisor.set_mute(False)
            if supervisor.tree is not None:
                supervisor.tree.end_hidden()

    def kill_supervisor(self, job: str, *, whole_tree: bool = False) -> bool:
        """KILL the job's supervisor; its command dies with it, what that left behind only with `whole_tree`.

        False where there is none.
        """
        return self._to_supervisor(job, lambda one: one.die(whole_tree=whole_tree))

    def mute_supervisor(self, job: str, *, holding_mailbox: bool = False) -> bool:
        """SIGSTOP the job's supervisor, perhaps just while it has its mailbox open. False where there is none."""
        return self._to_supervisor(job, lambda one: one.set_mute(True, holding_mailbox=holding_mailbox))

    def unmute_supervisor(self, job: str) -> bool:
        """SIGCONT. False where there is none."""
        return self._to_supervisor(job, lambda one: one.set_mute(False))

    def host_stop(self, job: str) -> bool:
        """TERM to the job's supervisor, as when the machine shuts down. False where there is none."""
        return self._to_supervisor(job, lambda one: one.terminate())

    def damage_report(self, job: str) -> bool:
        """The report of the job's supervisor becomes unreadable. False where there is none."""

        def damage(supervisor: SupervisorProcess) -> None:
            supervisor.unreadable = True
            self.world.note(f"{supervisor.run_id}: its report is damaged")

        return self._to_supervisor(job, damage)

    def _to_supervisor(self, job: str, act: Callable[[SupervisorProcess], None]) -> bool:
        living = [one for one in self.world.of_job(job) if one.alive]
        if living:
            act(living[-1])
        return bool(living)
