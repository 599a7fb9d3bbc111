"""Supervision: one process for each arming, its locks, its report, its process tree; and who launches them."""
