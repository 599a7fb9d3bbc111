"""Chaos with real processes: what is killed, where, and how the history is judged afterwards."""
