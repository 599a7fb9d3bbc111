"""What the proof runs have done is printed at the end of a test run, also of one that passes."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Figures come as properties of reports, so that those of other worker processes are there, too."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "proof" and report.when == "call":
                    terminalreporter.write_line(f"proof: {value}")
