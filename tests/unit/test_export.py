"""Exports: every run and every entry once, in an order, streamed; a reader gets back what was written."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from cli_kit import World

from fsm.cli.exporting import ENTRIES, FORMATS, RUNS, pour, run_rows
from fsm.cli.main import run
from fsm.cli.runjson import run_json
from fsm.codec.entries import entry_from_dict, entry_to_line
from fsm.instants import format_instant


@pytest.fixture
def world(capsys: pytest.CaptureFixture[str]) -> World:
    world = World(capsys)
    world.up()
    for job in ('b, "quoted"', "größe"):
        world.define(job)
        for _ in range(3):
            world.engine.request(job)
            world.start(job)
            world.clock.to("10s")
            world.end(job)
    world.engine.request("größe")
    world.engine.remove('b, "quoted"')
    return world


def file(world: World, tmp_path: Path, *arguments: str) -> bytes:
    path = tmp_path / "out"
    code, out, err = world.call("export", *arguments, "--output", str(path))
    assert (code, out) == (0, "")
    assert err.startswith(f"cronfsm: {path}: ")
    assert not Path(f"{path}.part").exists()
    return path.read_bytes()


def every_run(world: World) -> list[dict[str, object]]:
    runs = sorted(world.engine.runs(), key=lambda run: (run.job, run.number))
    return [json.loads(orjson.dumps(run_json(run))) for run in runs]


def test_runs_as_csv(world: World, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(file(world, tmp_path, "runs").decode())))
    assert rows == [
        {
            key: "" if value is None else str(value).lower() if value is False else str(value)
            for key, value in run.items()
        }
        for run in every_run(world)
    ]
    assert len(rows) == 7
    assert tuple(rows[0]) == RUNS.names


def test_runs_as_json_lines(world: World, tmp_path: Path) -> None:
    lines = file(world, tmp_path, "runs", "--format", "jsonl").splitlines()
    assert [json.loads(line) for line in lines] == every_run(world)


def test_runs_as_parquet(world: World, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(io.BytesIO(file(world, tmp_path, "runs", "--format", "parquet")))
    rows = table.to_pylist()
    for row in rows:
        for name in RUNS.instants:
            at: datetime | None = row[name]
            row[name] = None if at is None else format_instant(round(at.astimezone(UTC).timestamp() * 1_000_000))
    assert rows == every_run(world)


def test_entries_as_json_lines_are_what_verify_reads(world: World, tmp_path: Path) -> None:
    exported = file(world, tmp_path, "journal", "--format", "jsonl")
    assert exported == b"".join(entry_to_line(entry) + b"\n" for entry in world.journal.entries())
    assert run(["verify", str(tmp_path / "out")]) == 0


def test_entries_as_csv_hold_all_of_each(world: World, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(file(world, tmp_path, "journal").decode())))
    words = ("trigger", "from", "to", "reason")
    for row, entry in zip(rows, world.journal.entries(), strict=True):
        body = json.loads(row["body"])
        assert [row[word] for word in words] == [body.get(word) or "" for word in words]
        numbers = {name: int(row[name]) if row[name] else None for name in ENTRIES.integers}
        texts = {name: row[name] or None for name in ENTRIES.names if name not in (*words, *numbers)}
        assert entry_from_dict(texts | numbers | {"body": body}) == entry


def test_one_job_and_since(world: World, tmp_path: Path) -> None:
    rows = file(world, tmp_path, "runs", "--format", "jsonl", "--job", "größe", "--since", "20s").splitlines()
    assert [json.loads(row)["id"] for row in rows] == ["größe/2", "größe/3", "größe/4"]
    assert world.call("export", "runs", "--job", "nobody")[0] == 3


def test_without_pyarrow_one_sentence(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    code, out, err = world.call("export", "runs", "--format", "parquet", "--output", str(tmp_path / "x"))
    assert (code, out) == (2, "")
    assert err == (
        "cronfsm: Parquet needs pyarrow, which is not installed: pip install 'cronfsm[parquet]', or take csv or jsonl\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_it_streams(world: World, form: str) -> None:
    """What is written is written before more is read."""
    written = io.BytesIO()
    seen: list[int] = []

    def rows() -> object:
        for row in run_rows(world.journal, None, None):
            seen.append(len(written.getvalue()))
            yield row

    assert pour(rows(), FORMATS[form](written, RUNS), at_once=1) == 7  # type: ignore[arg-type]
    assert sorted(set(seen)) == seen, "each row is read after the one before it was written"


def test_an_export_that_fails_leaves_no_half_a_file(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").write_text("of yesterday")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fsm.cli.exporting.Csv.write", fail)
    assert world.call("export", "runs", "--output", str(tmp_path / "out"))[0] == 2
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out", "of yesterday")]
