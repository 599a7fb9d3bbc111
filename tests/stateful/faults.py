"""The faults of a simulated day. Each says what it was called if it met somebody, and None if it came to nothing."""

from __future__ import annotations

from collections.abc import Callable

from acts import Actor
from crashes import crash_in_a_window

from fsm.testing import Step, Torn, child, hang, ignore_term, succeed

Fault = Callable[[Actor], "str | None"]


def down_for_a_while(actor: Actor) -> str | None:
    """No scheduler for minutes."""
    if not actor.sim.up:
        return None
    actor.sim.crash()
    actor.sim.advance(actor.random.choice(["10s", "3m", "16m"]))
    actor.bring_back()
    return "no scheduler for a while"


def kill_a_supervisor(actor: Actor) -> str | None:
    name, whole = actor.job(), actor.random.random() < 0.5
    behaviour = actor.random.choice([hang(), ignore_term(), hang(detached=True), hang(leaves=(child("3m"),))])
    if not actor.executing(name, behaviour) or not actor.sim.kill_supervisor(name, whole_tree=whole):
        return None
    actor.sim.advance("1s")
    return "a supervisor is killed" + (" with its tree" if whole else "")


def mute_a_supervisor(actor: Actor) -> str | None:
    name, mailbox = actor.job(), actor.random.random() < 0.3
    if not actor.executing(name, hang()) or not actor.sim.mute_supervisor(name, holding_mailbox=mailbox):
        return None
    actor.sim.advance(actor.random.choice(["1s", "1m", "9m"]))
    if actor.random.random() < 0.5:
        actor.sim.unmute_supervisor(name)
    return "a supervisor is stopped" + (" with its mailbox open" if mailbox else "")


def stop_the_host(actor: Actor) -> str | None:
    name = actor.job()
    if not actor.executing(name, hang()) or not actor.sim.host_stop(name):
        return None
    actor.sim.advance("5s")
    return "a supervisor is told that the host stops"


def damage_a_report(actor: Actor) -> str | None:
    name = actor.job()
    if not actor.executing(name, hang()) or not actor.sim.damage_report(name):
        return None
    actor.sim.kill_supervisor(name, whole_tree=True)
    actor.sim.advance("10s")
    return "a report is damaged"


def jump(actor: Actor) -> str | None:
    actor.sim.jump_clock(actor.random.choice(["1s", "-1s", "61s", "-61s", "1h", "-1h"]))
    return "the wall clock jumps"


def reboot(actor: Actor) -> str | None:
    name = actor.job()
    actor.executing(name, hang())
    actor.sim.reboot(actor.random.choice(["10s", "10m"]), jump=actor.random.choice([0, 0, "61s", "-61s"]))
    return "the machine is started anew"


def fill_the_disk(actor: Actor) -> str | None:
    actor.sim.fill_disk(actor.random.choice(["5s", "90s", "6m"]))
    actor.request(actor.job())
    actor.sim.advance("7m")
    return "the disk is full"


def fail_appends(actor: Actor) -> str | None:
    actor.sim.fail_appends(actor.random.choice([1, 3]))
    actor.request(actor.job())
    actor.sim.advance("1m")
    return "appends find no room"


def tear(actor: Actor) -> str | None:
    """An append of the scheduler, for some part of a run's life; sometimes it dies a moment later."""
    actor.bring_back()
    before = sum(actor.sim.disk.torn.values())
    name = actor.job()
    actor.request(name, succeed("5s"))
    if actor.random.random() < 0.7:
        actor.sim.advance(actor.random.choice(["0s", "1s", "3s"]))
    actor.sim.tear_append(actor.random.choice(list(Torn)))
    actor.sim.advance(actor.random.choice(["500ms", "1m"]))
    if actor.random.random() < 0.3:
        actor.sim.crash()
    else:
        actor.sim.advance("15m")
    return "an append of the scheduler is torn" if sum(actor.sim.disk.torn.values()) > before else None


def tear_a_clients(actor: Actor) -> str | None:
    before = sum(actor.sim.disk.client_torn.values())
    actor.sim.tear_append(actor.random.choice(list(Torn)), of_client=True)
    name = actor.job()
    if not actor.request(name, hang()):
        actor.request(name, hang())  # people ask again
    actor.sim.advance("1s")
    if actor.random.random() < 0.5:
        actor.cancel(name)
    return "an append of a client is torn" if sum(actor.sim.disk.client_torn.values()) > before else None


def lose_hints(actor: Actor) -> str | None:
    name = actor.job()
    actor.sim.lose_hints(actor.random.randint(1, 4))
    actor.request(name)
    actor.sim.advance("2m")
    return "hints get lost"


def second_scheduler(actor: Actor) -> str | None:
    """Beside one that is up, right in one of its turns or between two."""
    actor.bring_back()
    actor.request(actor.job())
    if actor.random.random() < 0.7:
        actor.sim.interrupt(actor.random.randint(1, 12), actor.sim.second_scheduler)
    else:
        actor.sim.second_scheduler()
    actor.sim.advance("2m")
    return "a second scheduler begins beside the first"


def takeover(actor: Actor) -> str | None:
    """SIGSTOP in the middle of a turn; another begins; the old one goes on where it was."""
    sim = actor.sim
    meanwhile = actor.random.choice(["0s", "5s", "2m"])

    def stopped() -> None:
        sim.stop_scheduler()
        sim.restart()
        sim.advance(meanwhile)
        sim.continue_scheduler()

    actor.bring_back()
    actor.request(actor.job())
    sim.interrupt(actor.random.randint(1, 12), stopped)
    sim.advance("3m")
    return "a scheduler is stopped, replaced and continued"


def kill_a_client(actor: Actor) -> str | None:
    """In the middle of a cancel."""
    before = sum(actor.sim.client_crashes.values())
    if not actor.executing("plain", hang()):
        return None
    runs = actor.sim.store.state("plain").open_runs
    if runs:
        actor.attempt(lambda: actor.sim.cancel(runs[0].id, dies_at=actor.random.randint(1, 6)))
    return "a client is killed" if sum(actor.sim.client_crashes.values()) > before else None


def report_late(actor: Actor) -> str | None:
    """A supervisor that was given up says afterwards that its command had succeeded."""
    name = actor.job()
    if not actor.executing(name, hang()) or actor.sim.let_end_unheard(name) is None:
        return None
    actor.cancel(name)
    actor.sim.advance(actor.random.choice(["0s", "10s", "50s"]))
    actor.sim.unmute_supervisor(name)
    actor.sim.advance("2s")
    return "a report comes late"


def rewrite_a_report(actor: Actor) -> str | None:
    found = actor.sim.rewrite_report(actor.job())
    actor.sim.advance("1s")
    return None if found is None else "a report says something else afterwards"


def contradict(actor: Actor) -> str | None:
    name = actor.job()
    if not actor.executing(name, hang()) or actor.sim.contradict(name) is None:
        return None
    actor.sim.advance("2m")
    return "two armings of a run contradict each other"


def slow(actor: Actor) -> str | None:
    step = actor.random.choice(list(Step))
    actor.sim.lag(step, actor.random.choice(["10ms", "1s", "4s"]))
    actor.request(actor.job())
    actor.sim.advance("10m")
    actor.sim.lag(step, "0s")
    return "a step is slow"


FAULTS: list[Fault] = [
    *[crash_in_a_window] * 8,
    down_for_a_while,
    *[kill_a_supervisor] * 2,
    mute_a_supervisor,
    stop_the_host,
    damage_a_report,
    jump,
    reboot,
    fill_the_disk,
    fail_appends,
    *[tear] * 2,
    tear_a_clients,
    lose_hints,
    second_scheduler,
    takeover,
    kill_a_client,
    report_late,
    rewrite_a_report,
    contradict,
    slow,
]
"""As often as they come."""
