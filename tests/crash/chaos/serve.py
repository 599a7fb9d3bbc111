"""A real `serve`, with the crash windows put in. Run as ``python -m chaos.serve PLAN``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from attrs import evolve

import fsm.client.orders
import fsm.planning.deadlines
import fsm.scheduler.core
import fsm.scheduler.loop
import fsm.scheduler.watcher
from chaos import inside_scheduler, rules_scheduler, rules_supervisor
from chaos.plan import Plan
from chaos.tickets import Make, Tickets, replace
from fsm.cli.eventtext import event_json
from fsm.errors import Fenced
from fsm.instants import Instant, Moment
from fsm.model.events import LifecycleEvent
from fsm.realtime import SystemClock
from fsm.scheduler.core import Scheduler
from fsm.scheduler.serve import Server
from fsm.supervise.folder import DataFolder

WALL = "wall"
"""The file, among the tickets, by which a test sets the wall clock of schedulers."""

FENCED = 3
"""Exit code of a server that another one took over from."""

TIMES = {
    "REAP_MARGIN": (fsm.planning.deadlines, fsm.scheduler.watcher),
    "SWEEP_EVERY": (fsm.scheduler.core,),
    "ARM_WITHIN": (fsm.client.orders,),
    "SEARCH_AGAIN": (fsm.scheduler.watcher,),
    "TURN_WITHIN": (fsm.scheduler.watcher,),
}
"""The bounds that a plan may change, and the modules that look at them."""


def main(plan: Plan) -> int:
    """Serve until told to stop."""
    tickets = Tickets(plan.tickets, plan.said)
    for name, us in plan.times_us:
        for module in TIMES[name]:
            assert hasattr(module, name)
            setattr(module, name, us)
    for rule in plan.without:
        if rule in rules_scheduler.RULES:
            rules_scheduler.RULES[rule](tickets)
    inside_scheduler.install(tickets)
    inside_scheduler.install_marks(tickets)
    forked = [rule for rule in plan.without if rule in rules_supervisor.RULES]
    assert all(rule in rules_scheduler.RULES or rule in forked for rule in plan.without)
    inside_scheduler.install_in_fork_server(plan.tickets, plan.said, forked)
    _say_up(tickets)
    _follow_wall(os.path.join(plan.tickets, WALL))
    server = Server(
        DataFolder(plan.data),
        jobs_file=None if plan.jobs is None else Path(plan.jobs),
        until_idle=plan.until_idle,
        takeover=plan.takeover,
        on_event=_Noted(plan.events),
        say=lambda sentence: print(sentence, file=sys.stderr, flush=True),
    )
    try:
        server.run()
    except Fenced as fenced:
        print(fenced, file=sys.stderr)
        return FENCED
    return 0


def _follow_wall(path: str) -> None:
    """The wall clock of this scheduler is as wrong as the file says, in µs, and so is the timer that it sets by it; the
    boot clock is the machine's."""

    def wrong_by() -> int:
        try:
            with open(path) as file:
                return int(file.read())
        except FileNotFoundError:
            return 0

    def make(real: Make) -> Make:
        def now(clock: SystemClock) -> Moment:
            moment: Moment = real(clock)
            return evolve(moment, utc=Instant(moment.utc + wrong_by()))

        return now

    def make_timer(real: Make) -> Make:
        return lambda timer, utc: real(timer, None if utc is None else Instant(utc - wrong_by()))

    replace(SystemClock, "now", make)
    replace(fsm.scheduler.loop, "set_wall_timer", make_timer)


def _say_up(tickets: Tickets) -> None:
    """Once what was open is examined, it says so."""

    def make(real: Make) -> Make:
        def begin(scheduler: Scheduler) -> None:
            real(scheduler)
            tickets.say(b'"up":%d' % scheduler.book.epoch)

        return begin

    replace(Scheduler, "begin", make)


class _Noted:
    """Every lifecycle event that is published, a line each, whoever publishes it."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __call__(self, event: LifecycleEvent) -> None:
        import json

        os.write(self._fd, json.dumps(event_json(event)).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main(Plan.read(sys.argv[1])))
