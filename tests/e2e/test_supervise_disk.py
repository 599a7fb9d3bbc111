"""A disk that is full or answers with errors: the report was given its room before anything ran."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from supervise_kit import Bench, python

from fsm.model.facts import ArmFailed
from fsm.model.states import Reason


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Bench]:
    """A data folder on a file system of one megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)]).returncode:
        pytest.skip("only root can mount a small file system")
    bench = Bench(place)
    yield bench
    bench.close()
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> None:
    with contextlib.suppress(OSError), open(place / "filler", "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_a_full_disk_loses_output_and_no_report(small: Bench) -> None:
    said = small.channel()
    go = small.root / "go"
    os.mkfifo(go)
    script = (
        "import sys; open(sys.argv[1], 'w').write('up\\n'); open(sys.argv[2]).read(); print('x' * 300_000); sys.exit(4)"
    )
    execution = small.started(*python(script, said.path, go))
    assert said.line() == "up"
    fill(small.root)
    go.write_text("now\n")
    finding = small.ended(execution)
    assert finding.report is not None
    assert finding.report.verdict is not None
    assert (finding.report.verdict.reason, finding.report.verdict.exit_code) == (Reason.EXIT_CODE, 4)
    assert finding.report.emptied is not None
    examination = small.launcher.examine(execution)
    contents = examination.contents  # type: ignore[attr-defined]
    examination.close()
    assert contents.output_bytes == 300_001
    assert contents.output_dropped >= 300_001 - 4096


def test_a_full_disk_arms_nobody_and_says_so(small: Bench) -> None:
    fill(small.root)
    answer = small.answer(small.order("/bin/true"))
    assert isinstance(answer, ArmFailed)
    assert "No space left on device" in answer.error
    (small.root / "filler").unlink()
    finding = small.ran("/bin/true")
    assert finding.report is not None
    assert finding.report.verdict is not None
    assert finding.report.verdict.reason is Reason.COMPLETED
