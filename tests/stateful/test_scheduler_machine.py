"""The first proof: whatever comes in whatever order, no law is broken and everything ends."""

from __future__ import annotations

from scheduler_machine import SchedulerMachine

TestScheduler = SchedulerMachine.TestCase
