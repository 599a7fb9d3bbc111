"""A rescue takes cron runs' rows and nothing else: against a plain model of it, byte for byte, on whatever store
there is."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsm.errors import BadValue
from fsm.instants import HOUR, Duration, Instant
from fsm.openclaw import rescue as rescuing
from fsm.openclaw import rewrite as rewriting
from fsm.openclaw.folder import NoOpenClaw
from fsm.openclaw.holders import GatewayUp, store_lock
from fsm.openclaw.rescue import Repaired, Rescue, apply, find
from fsm.openclaw.rewrite import NotTheSame
from fsm.openclaw.swap import ChangedMeanwhile

NOW_MS = 1_775_480_000_000
NOW = Instant(NOW_MS * 1000)
LIMIT_MS = NOW_MS - 3_600_000
SESSIONS = "agents/main/sessions/sessions.json"

jobs = st.sampled_from(["j1", "j2", "J3", "gone", "é"])
run_keys = st.builds("agent:{}:cron:{}:run:{}".format, st.sampled_from(["main", "b"]), jobs, st.integers(0, 99))
other_keys = st.one_of(
    st.text(max_size=10),
    st.builds("agent:main:cron:{}".format, jobs),
    st.builds("agent:main:cron:j1:run:{}:thread:5".format, st.integers(0, 9)),
    st.builds("agent:main:telegram:cron:j1:run:{}".format, st.integers(0, 9)),
    st.just("cron:j1:run:1"),
)
times = st.one_of(
    st.integers(NOW_MS - 10_000_000, NOW_MS + 10_000_000), st.none(), st.just("soon"), st.just(LIMIT_MS), st.just(0)
)
rows = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["running", "done", "failed", None, 5]),
        "updatedAt": times,
        "startedAt": times,
        "endedAt": times,
        "skillsSnapshot": st.dictionaries(st.text(max_size=5), st.lists(st.text(max_size=8)), max_size=2),
    },
)
entries = st.tuples(
    st.one_of(run_keys, other_keys), st.one_of(rows, rows, rows, st.none(), st.lists(st.integers()), st.text())
)
stores = st.lists(entries, max_size=14)


def serialise(store: list[tuple[str, Any]], seed: int) -> tuple[bytes, list[bytes]]:
    """The store in some style, and each member as it stands in it."""
    chance = random.Random(seed)
    gap = lambda: chance.choice(["", " ", "\n  ", "\t", "\r\n"])  # noqa: E731
    data, members = "{", []
    for number, (key, value) in enumerate(store):
        escape = chance.random() < 0.3
        text = json.dumps(key, ensure_ascii=escape) + gap() + ":" + gap()
        text += json.dumps(value, ensure_ascii=escape, indent=chance.choice([None, 2]))
        data += ("," if number else "") + gap() + text
        members.append(text.encode("utf-8", "surrogatepass"))
        data += gap()
    return (data + "}" + gap()).encode("utf-8", "surrogatepass"), members


def folder_with(path: Path, data: bytes, jobs_text: str | None = None) -> Path:
    store = path / SESSIONS
    store.parent.mkdir(parents=True)
    store.write_bytes(data)
    os.utime(store, (NOW_MS / 1000, NOW_MS / 1000))
    (path / "cron").mkdir()
    if jobs_text is not None:
        (path / "cron" / "jobs.json").write_text(jobs_text, encoding="utf-8")
    return store


JOBS = json.dumps({"version": 1, "jobs": [{"id": "j1"}, {"jobId": "j2"}, {"id": "j3", "name": "Third"}, {"id": "é"}]})


def look(path: Path, *, keep: int = 2, older_than: int = HOUR) -> Rescue:
    return find(str(path), NOW, Duration(older_than), keep=keep)


@contextmanager
def nobody() -> Iterator[None]:
    """Nobody has anything open: looking through all processes again and again is most of a small rescue."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rescuing, "holders", lambda folder, files: [])
        yield


def repair(found: Rescue) -> list[Repaired]:
    done: list[Repaired] = []
    apply(found, "T", done.append)
    return done


# ---- the model: the same rules, said once more, over parsed values


def sign(row: dict[str, Any]) -> int:
    known = [
        t for t in (row.get("updatedAt"), row.get("startedAt"), row.get("endedAt")) if isinstance(t, int) and t > 0
    ]
    return min(max(known, default=NOW_MS), NOW_MS)


def model(store: list[tuple[str, Any]], keep: int) -> list[str]:
    """What becomes of each entry: stays, mended or dropped."""
    fates = ["stays"] * len(store)
    candidates: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for place, (key, row) in enumerate(store):
        parts = key.split(":")
        if len(parts) != 6 or parts[0] != "agent" or parts[2] != "cron" or parts[4] != "run" or "" in parts:
            continue
        if not isinstance(row, dict) or sign(row) > LIMIT_MS:
            continue
        if parts[3].casefold() == "gone":
            fates[place] = "dropped"
        elif "status" in row and not isinstance(row["status"], str):
            continue
        else:
            candidates.setdefault((parts[1], parts[3]), []).append((sign(row), place))
    for those in candidates.values():
        for rank, (_, place) in enumerate(sorted(those, reverse=True)):
            if rank >= keep:
                fates[place] = "dropped"
            elif store[place][1].get("status") == "running":
                fates[place] = "mended"
    return fates


@settings(deadline=None)
@given(store=stores, seed=st.integers(), keep=st.integers(0, 3))
def test_only_rows_of_runs_go_and_all_else_is_what_it_was(store: list[tuple[str, Any]], seed: int, keep: int) -> None:
    data, members = serialise(store, seed)
    with nobody(), tempfile.TemporaryDirectory() as name:
        path = folder_with(Path(name), data, JOBS)
        found = look(Path(name), keep=keep)
        (plan,) = found.plans
        fates = model(store, keep)
        assert plan.trouble is None
        assert plan.mended == fates.count("mended")
        assert plan.dropped[0] == fates.count("dropped")
        assert path.read_bytes() == data  # a look changes nothing
        repair(found)
        after = path.read_bytes()
        pairs = json.loads(after, object_pairs_hook=list)
        stayed = [place for place, fate in enumerate(fates) if fate != "dropped"]
        assert [key for key, _ in pairs] == [json.loads(json.dumps(store[place][0])) for place in stayed]
        position = 0
        for place in stayed:
            if fates[place] == "stays":
                position = after.index(members[place], position) + len(members[place])
        assert json.loads(after) == expected(store, fates)
        if plan.anything:
            (backup,) = path.parent.glob("*.bak")
            assert backup.read_bytes() == data
        else:
            assert after == data
        again = look(Path(name), keep=keep)
        assert not again.anything  # a second one finds nothing


def expected(store: list[tuple[str, Any]], fates: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for (key, row), fate in zip(store, fates, strict=True):
        if fate == "mended":
            result[key] = {**row, "status": "failed"} | ({} if "endedAt" in row else {"endedAt": sign(row)})
        elif fate != "dropped":
            result[key] = row
    loaded: dict[str, Any] = json.loads(json.dumps(result))
    return loaded


@settings(deadline=None)
@given(store=stores.filter(bool), seed=st.integers(), draw=st.data(), how=st.sampled_from(["cut", "damaged"]))
def test_of_a_broken_store_no_byte_is_lost_that_is_not_a_runs(
    store: list[tuple[str, Any]], seed: int, draw: st.DataObject, how: str
) -> None:
    data, members = serialise(store, seed)
    at = draw.draw(st.integers(0, len(data) - 1))
    broken = data[:at] if how == "cut" else data[:at] + b"'/" + data[at:]
    with nobody(), tempfile.TemporaryDirectory() as name:
        path = folder_with(Path(name), broken, JOBS)
        found = look(Path(name))
        repair(found)
        after = path.read_bytes()
        position = 0
        for (key, _), member in zip(store, members, strict=True):
            begin = broken.find(member, position)
            if begin < 0:
                break
            position = begin + len(member)
            if len(key.split(":")) != 6:
                assert member in after
        trouble = found.plans[0].trouble
        if trouble is not None and not found.plans[0].closable:
            assert after.endswith(broken[max(trouble.entry_at + 1, 0) :])  # all that could not be taken apart
        if trouble is not None and found.plans[0].closable and found.plans[0].anything:
            json.loads(after.decode("utf-8-sig", "surrogatepass"))


# ---- what is said


def row(age_h: float, status: str = "running", **more: Any) -> dict[str, Any]:
    at = int(NOW_MS - age_h * 3_600_000)
    return {"updatedAt": at, "startedAt": at - 1000, "status": status, **more}


def test_the_table_says_what_and_why(tmp_path: Path) -> None:
    store = {"agent:main:main": {"status": "running"}, "agent:main:cron:j3:run:0": row(2)}
    store |= {f"agent:main:cron:j3:run:{n}": row(3 + n, "done") for n in range(1, 4)}
    store |= {"agent:main:cron:gone:run:1": row(5), "agent:main:cron:j1:run:1": row(0.5)}
    folder_with(tmp_path, json.dumps(store).encode(), JOBS)
    found = look(tmp_path)
    told = [(each.subject, each.what, each.rows, each.then) for each in found.findings()]
    assert told == [
        ("main: gone", "orphaned", 1, "1 dropped"),
        ("main: Third", "stuck", 1, "1 set to failed"),
        ("main: Third", "old", 2, "2 dropped"),
    ]
    assert next(each.why for each in found.findings()) == "cron/jobs.json has no such job"


def test_without_a_readable_list_of_jobs_nothing_is_orphaned(tmp_path: Path) -> None:
    folder_with(tmp_path, json.dumps({"agent:main:cron:gone:run:1": row(5, "done")}).encode(), '{"jobs": [{"id": "j1"}')
    found = look(tmp_path)
    assert not found.anything
    told = list(found.troubles())
    assert told[0].startswith("cron/jobs.json: line 1, column 23: the file ends where a comma or ] should stand")
    assert "no row is called orphaned" in told[-1]


def test_a_file_cut_in_a_runs_row_is_closed(tmp_path: Path) -> None:
    data = b'{\n  "agent:main:main": {"a": 1},\n  "agent:main:cron:j1:run:7": {"status": "runn'
    path = folder_with(tmp_path, data, JOBS)
    os.utime(path, ((NOW_MS - 7_200_000) / 1000,) * 2)
    found = look(tmp_path)
    (told,) = found.troubles()
    assert told == (
        f"{SESSIONS}: byte {len(data)} of {len(data)}: the file ends inside a string, in the entry "
        '"agent:main:cron:j1:run:7", which begins at byte 31; that entry is a run\'s and is dropped, and the brace '
        "that is missing is added."
    )
    repair(found)
    assert path.read_bytes() == b'{\n  "agent:main:main": {"a": 1}\n}\n'


def test_a_file_cut_in_somebodys_session_keeps_it(tmp_path: Path) -> None:
    runs = b'{"agent:main:cron:j1:run:1": {"updatedAt": 5}, "agent:main:cron:j1:run:2": {"updatedAt": 6},'
    data = runs + b'"agent:main:main": {"a": '
    path = folder_with(tmp_path, data, JOBS)
    found = look(tmp_path, keep=0)
    repair(found)
    assert path.read_bytes() == b'{"agent:main:main": {"a": '
    (told,) = look(tmp_path, keep=0).troubles()
    assert "kept byte for byte, so that the gateway will not read the file yet" in told


# ---- markers

MARKED = """// edited by hand
{ version: 1, jobs: [
    { id: 'a', name: "A", state: { runningAtMs: 1775470000000, /* note */ lastRunStatus: 'ok', }, },
    { id: 'b', state: { nextRunAtMs: 5, "runningAtMs": 1775470000000 } },
    { id: 'c', state: { runningAtMs: null } },
    { id: 'd', state: { runningAtMs: 1775479999000 } },
    { id: 'e', runningAtMs: 1, note: "runningAtMs: 5" },
] }
"""


def test_a_marker_is_taken_away_and_nothing_else(tmp_path: Path) -> None:
    folder_with(tmp_path, b"{}", MARKED)
    state = tmp_path / "cron" / "jobs-state.json"
    state.write_text('{"version":1,"jobs":{"a":{"updatedAtMs":1,"state":{"runningAtMs":1775470000000}}}}')
    found = look(tmp_path)
    assert [(m.job, m.at_ms) for marked in found.marked for m in marked.markers] == [
        ("a", 1775470000000),
        ("b", 1775470000000),
        ("c", None),
        ("e", 1),
        ("a", 1775470000000),
    ]
    assert len(repair(found)) == 2
    assert (tmp_path / "cron" / "jobs.json").read_text() == (
        MARKED.replace("runningAtMs: 1775470000000, ", "")
        .replace(', "runningAtMs": 1775470000000 ', " ")
        .replace("{ runningAtMs: null }", "{  }")
        .replace(", runningAtMs: 1,", ",")
    )
    assert state.read_text() == '{"version":1,"jobs":{"a":{"updatedAtMs":1,"state":{}}}}'
    assert not look(tmp_path).anything


# ---- who is in the way, and what goes wrong


@pytest.fixture
def stuck(tmp_path: Path) -> Path:
    return folder_with(tmp_path, json.dumps({"agent:main:cron:j1:run:1": row(5), "agent:main:x": 1}).encode(), JOBS)


def test_a_file_that_is_open_is_not_swapped(stuck: Path, tmp_path: Path) -> None:
    before = stuck.read_bytes()
    script = "import sys; f = open(sys.argv[1]); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(stuck)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        found = look(tmp_path)
        assert [(each.pid, each.how) for each in found.holders] == [(reader.pid, f"it has {stuck} open")]
        with pytest.raises(GatewayUp, match=f"process {reader.pid} uses it") as refused:
            repair(found)
        assert refused.value.pid == reader.pid
        reader.communicate()
    assert stuck.read_bytes() == before
    assert [p.name for p in stuck.parent.iterdir()] == ["sessions.json"]
    assert len(repair(look(tmp_path))) == 1


@pytest.mark.parametrize("gateway", [True, False])
def test_a_lock_of_a_living_process_is_respected_and_a_dead_ones_is_not(
    stuck: Path, tmp_path: Path, gateway: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = os.getppid()
    if gateway:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
        lock = tmp_path / "tmp" / f"openclaw-{os.getuid()}" / "gateway.0a1b2c3d.lock"
        lock.parent.mkdir(parents=True)
    else:
        lock = Path(f"{stuck}.lock")
    payload: dict[str, Any] = {"pid": parent, "createdAt": "x", "configPath": str(tmp_path / "openclaw.json")}
    lock.write_text(json.dumps(payload))
    with pytest.raises(GatewayUp, match=f"process {parent} uses it"):
        repair(look(tmp_path))
    lock.write_text(json.dumps(payload | {"startTime": 1}))  # that process is another one by now
    found = look(tmp_path)
    assert found.holders == []
    assert len(repair(found)) == 1


def test_a_gateway_of_another_folder_is_not_in_the_way(
    stuck: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    lock = tmp_path / "tmp" / "openclaw" / "gateway.0a1b2c3d.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text(json.dumps({"pid": os.getppid(), "configPath": "/srv/other/openclaw.json"}))
    assert look(tmp_path).holders == []


def test_openclaws_own_lock_is_held_while_it_is_swapped(stuck: Path) -> None:
    with store_lock(str(stuck)):
        held = json.loads(Path(f"{stuck}.lock").read_text())
        assert held["pid"] == os.getpid()
        with pytest.raises(GatewayUp), store_lock(str(stuck)):
            pass
    assert not Path(f"{stuck}.lock").exists()


def test_a_store_that_was_written_meanwhile_stays(stuck: Path, tmp_path: Path) -> None:
    found = look(tmp_path)
    stuck.write_bytes(stuck.read_bytes() + b"\n")
    after = stuck.read_bytes()
    with pytest.raises(ChangedMeanwhile, match="somebody wrote it meanwhile"):
        repair(found)
    assert stuck.read_bytes() == after
    assert [p.name for p in stuck.parent.iterdir()] == ["sessions.json"]


def test_a_copy_that_differs_is_not_swapped_in(stuck: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rewriting with a mistake in it is found by reading the copy again."""
    before = stuck.read_bytes()

    def wrong(plan: Any, source: int, target: int) -> None:
        rewriting.rewrite(plan, source, target)
        os.pwrite(target, b"X", os.fstat(target).st_size - 3)

    monkeypatch.setattr(rescuing, "rewrite", wrong)
    with pytest.raises(NotTheSame, match="nothing was changed"):
        repair(look(tmp_path))
    assert stuck.read_bytes() == before
    assert [p.name for p in stuck.parent.iterdir()] == ["sessions.json"]


def test_mode_and_links_stay(stuck: Path, tmp_path: Path) -> None:
    stuck.chmod(0o640)
    real = tmp_path / "elsewhere.json"
    stuck.rename(real)
    stuck.symlink_to(real)
    (done,) = repair(look(tmp_path))
    assert stuck.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert json.loads(real.read_text())["agent:main:cron:j1:run:1"]["status"] == "failed"
    assert Path(done.backup).parent == tmp_path


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(NoOpenClaw, match="give the folder that holds cron/ and agents/"):
            find(str(path), NOW, Duration(HOUR))
    assert issubclass(BadValue, ValueError)


# ---- stopped half way: the old file or the new one, never none, and never without a backup


def crash(*_: Any, **__: Any) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("module", "call"),
    [("fsm.openclaw.rewrite", "os.write"), ("fsm.openclaw.swap", "os.link"), ("fsm.openclaw.swap", "os.replace")],
)
def test_whatever_fails_the_store_is_what_it_was(
    stuck: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, call: str
) -> None:
    before = stuck.read_bytes()
    found = look(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(f"{module}.{call}", crash)
        if call == "os.link":  # a file system without links gets a copy, unless that fails, too
            patch.setattr("fsm.openclaw.swap.shutil.copy2", crash)
        with pytest.raises(OSError, match="No space left"):
            repair(found)
    assert stuck.read_bytes() == before
    assert not list(stuck.parent.glob("*.new"))
    assert not list(stuck.parent.glob("*.lock"))
    for backup in stuck.parent.glob("*.bak"):
        assert backup.read_bytes() == before
        backup.unlink()
    assert len(repair(look(tmp_path))) == 1


def test_where_there_are_no_links_the_backup_is_a_copy(
    stuck: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stuck.read_bytes()
    monkeypatch.setattr("fsm.openclaw.swap.os.link", crash)
    (done,) = repair(look(tmp_path))
    assert Path(done.backup).read_bytes() == before
    assert stuck.read_bytes() != before


def test_killed_before_the_swap_the_store_is_what_it_was(stuck: Path, tmp_path: Path) -> None:
    """Killed in that moment: the store is whole, a backup of it lies there, and a new try works."""
    before = stuck.read_bytes()
    script = (
        "import os, sys; os.replace = lambda *_: os.kill(os.getpid(), 9)\n"
        "from fsm.cli.main import run; run(['rescue', 'openclaw', sys.argv[1], '--apply'])"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, timeout=120, check=False)
    assert done.returncode == -9
    assert stuck.read_bytes() == before
    (backup,) = stuck.parent.glob("*.bak")
    assert backup.read_bytes() == before
    assert len(repair(look(tmp_path))) == 1
    assert stuck.read_bytes() != before


@pytest.mark.parametrize("own", [True, False])
def test_a_process_that_is_called_as_a_gateway_is_in_the_way_of_its_own_folder(
    stuck: Path, tmp_path: Path, own: bool
) -> None:
    state = tmp_path if own else tmp_path / "other"
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()", "/opt/openclaw/dist/index.js", "gateway"],
        env={**os.environ, "OPENCLAW_STATE_DIR": str(state)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as gateway:
        assert gateway.stdout is not None
        gateway.stdout.readline()
        found = [each.pid for each in look(tmp_path).holders]
        gateway.communicate(b"\n")
    assert found == ([gateway.pid] if own else [])
