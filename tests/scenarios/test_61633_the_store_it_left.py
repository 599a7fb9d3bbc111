"""openclaw/openclaw#61633, the other half: a store of 185 MB that crashes the gateway on every start.

What happened: 6,539 entries, of which 2,016 and 2,085 of two jobs were ``running`` for ever; everything that could have
made the store smaller had to load it first, and skipped rows that were running. What helped was to edit it by hand.

Here it is read in a stream, in the memory that an interpreter needs anyway. Rows of cron runs are set to failed or
dropped, whatever their state; every other entry comes out byte for byte as it was; and what the jobs were, and what
their history says, goes on in a journal that `verify` accepts.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from scenario_kit import Stage

from fsm.openclaw.rows import row_key, wanted
from fsm.openclaw.scan import Scanner
from fsm.testing.openclaw_store import HOUR_MS, StoreShape, write_store

_CHILD = """
import sys
from fsm.cli.main import run
code = run(sys.argv[1:])
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(code, peak, file=sys.stderr)
"""


def read(path: Path) -> tuple[dict[bytes, str], Counter[str]]:
    """Key and hash of every entry that is no cron run's, its bytes as they stand in the file; and how many of the
    runs' rows have which status."""
    others: dict[bytes, str] = {}
    statuses: Counter[str] = Counter()
    with path.open("rb") as file, path.open("rb") as again:
        scanner = Scanner(file)
        for member in scanner.members(wanted):
            assert member.key is not None
            key = row_key(member.key)
            if key is None or key.run is None:
                again.seek(member.key_at)
                others[member.key] = hashlib.sha256(again.read(member.end - member.key_at)).hexdigest()
                continue
            assert member.fields is not None
            raw = member.fields[b'"status"'].raw
            assert raw is not None
            statuses[json.loads(raw)] += 1
        assert scanner.shape.trouble is None
    return others, statuses


def rescue(*arguments: str) -> tuple[int, float, dict[str, object]]:
    """Exit code, peak of memory in MB, and the answer."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, "--json", "rescue", "openclaw", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    code, peak = done.stderr.split()
    return int(code), int(peak) * 1024 / 1e6, json.loads(done.stdout)


@pytest.mark.xdist_group("large")
def test_a_store_of_185_mb_is_repaired_in_less_than_60_mb(tmp_path: Path) -> None:
    shape = StoreShape()
    path = write_store(tmp_path, shape)
    os.utime(path, ((shape.now_ms + HOUR_MS) / 1000,) * 2)
    size, (before, statuses) = path.stat().st_size, read(path)
    assert size > 180_000_000
    assert statuses == {"running": 2_016 + 2_085, "done": 2_423}

    code, peak_mb, answer = rescue(str(tmp_path))
    assert code == 1
    assert peak_mb < 60
    (store,) = answer["stores"]  # type: ignore[misc]
    assert store["entries"] == 6_539
    assert (store["run_rows"], store["running"]) == (6_524, 4_101)
    assert path.stat().st_size == size

    code, peak_mb, answer = rescue(str(tmp_path), "--apply")
    assert code == 0
    assert peak_mb < 60
    after, statuses = read(path)
    assert list(after.items()) == list(before.items())
    assert statuses == {"done": 250}  # the newest of each job ended in good order
    assert path.stat().st_size < 8_000_000
    assert [marker for marker in answer["findings"] if marker["what"] == "marker"]  # type: ignore[attr-defined]
    assert rescue(str(tmp_path))[0] == 0


def test_what_the_jobs_were_goes_on_in_a_journal(stage: Stage) -> None:
    folder = stage.root / "openclaw"
    write_store(folder, StoreShape(size=2_000_000))
    stage.ok("import", "openclaw", str(folder))
    assert "nothing is wrong" in stage.ok("verify")
    assert len(json.loads(stage.ok("--json", "runs", "--limit", "1000"))) == 100
    assert json.loads(stage.ok("--json", "list"))
