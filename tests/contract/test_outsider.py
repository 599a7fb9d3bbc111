"""Adapters that share nothing with the project's own keep the contracts."""

from __future__ import annotations

from pathlib import Path

from outsider_launcher import TableLauncher
from outsider_world import TableWorld

from fsm.testing.launcher_contract import LauncherContract, LauncherWorld


class TestTable(LauncherContract):
    def make(self, folder: Path) -> LauncherWorld:
        return TableWorld(TableLauncher())
