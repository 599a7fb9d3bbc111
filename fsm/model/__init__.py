"""Frozen values: states, jobs, runs, entries, facts, effects. No behaviour beyond validation."""
