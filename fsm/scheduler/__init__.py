"""The scheduler: facts and clocks in, entries and effects out, one turn at a time.

`core.Scheduler.turn` is synchronous and waits for nothing; `loop` calls it when something happened. The simulation
calls the same `turn` with other ports.
"""
