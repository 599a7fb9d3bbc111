"""The lifecycle of a run: the table, and the one machine that is built from it."""
