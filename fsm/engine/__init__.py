"""Decide and evolve: a command and a folded stream give entries and effects; entries give the folded stream.

Pure: no clock, no disk, no process. The same code runs under the real scheduler, the simulation and the explorer.
"""
