"""Pure functions of (now, job, facts): when a job is due, and what its policies say. No clock, no disk."""
