"""Lifecycle events read from any point on, the service unit, and what serve says to systemd: as real processes."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path

import pytest
from cli_process import Cli

from fsm.cli.unitfile import Unit, quote

JOBS = """
[jobs.good]
command = ["true"]

[jobs.slow]
timeout = "0.2s"
grace = "0.1s"
command = ["sleep", "60"]

[jobs.never-starts]
start_within = "0.1s"
command = ["true"]
"""


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    (tmp_path / "jobs.toml").write_text(JOBS)
    found = Cli(tmp_path / "data")
    done = found.run("apply", str(tmp_path / "jobs.toml"))
    assert done.returncode == 0, done.stderr
    return found


def _events(cli: Cli, *arguments: str) -> list[dict[str, object]]:
    done = cli.run("events", "--json", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.requirement("R-35")
def test_events_have_the_gateways_form_and_go_on_from_an_id_without_a_gap_or_a_repeat(cli: Cli) -> None:
    for job in ("good", "slow"):
        cli.run("run", job)
    assert cli.run("serve", "--until-idle").returncode == 0
    events = _events(cli)
    assert [event["data"]["phase"] for event in events if event["run_id"] == "good/1"] == [  # type: ignore[index]
        "queued",
        "start",
        "end",
    ]
    last = [event for event in events if event["run_id"] == "slow/1"][-1]
    assert last["stream"] == "lifecycle"
    assert last["session_key"] == "cron:slow:run:1"
    data = last["data"]
    assert isinstance(data, dict)
    assert data["phase"] == "error"
    assert data["error"] == "cron: job execution timed out"
    assert (data["errorKind"], data["stopReason"]) == ("timeout", "timeout")
    assert (data["state"], data["reason"]) == ("timed_out", "run_timeout")
    ids = [event["id"] for event in events]
    assert ids == sorted(set(ids))
    for at, seen in enumerate(ids):
        assert [event["id"] for event in _events(cli, "--after", str(seen))] == ids[at + 1 :]


def test_a_run_that_times_out_in_the_queue_says_so_in_the_same_words(cli: Cli) -> None:
    cli.run("run", "never-starts", "--wait")
    (last,) = [event for event in _events(cli) if event["data"]["phase"] == "error"]  # type: ignore[index]
    assert last["data"]["state"] == "timed_out"  # type: ignore[index]
    assert last["data"]["reason"] == "queue_timeout"  # type: ignore[index]
    assert last["data"]["errorKind"] == "timeout"  # type: ignore[index]
    assert last["data"]["error"] == "cron: job execution timed out"  # type: ignore[index]


def _systemctl(folder: Path, answer: str = "") -> Path:
    """A systemctl that writes down how it was called, and answers."""
    folder.mkdir()
    fake = folder / "systemctl"
    fake.write_text(f'#!/bin/sh\necho "$@" >> "{folder}/calls"\nprintf %s "{answer}"\n')
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    return folder / "calls"


def test_service_install_writes_a_unit_that_leaves_runs_alone(cli: Cli, tmp_path: Path) -> None:
    calls = _systemctl(tmp_path / "bin")
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    jobs = tmp_path / "jobs.toml"
    done = cli.run("service", "install", str(jobs), **environment)
    assert done.returncode == 0, done.stderr
    unit = tmp_path / "config/systemd/user/cronfsm.service"
    text = unit.read_text()
    assert "KillMode=process" in text
    assert "Type=notify" in text
    assert f"serve {jobs}" in text
    assert calls.read_text().splitlines() == ["--user daemon-reload", "--user enable --now cronfsm.service"]
    assert "UMask" not in text, "jobs inherit it"
    assert cli.run("service", "install", str(jobs), **environment).returncode == 0
    assert "--user restart cronfsm.service" not in calls.read_text(), "it is the same"
    assert cli.run("service", "install", **environment).returncode == 0
    assert calls.read_text().splitlines()[-1] == "--user restart cronfsm.service", "what is up serves the old file"
    status = json.loads(cli.run("service", "status", "--json", **environment).stdout)
    assert status == {"unit": str(unit), "installed": True, "active": True}
    assert cli.run("service", "uninstall", **environment).returncode == 0
    assert not unit.exists()
    again = cli.run("service", "uninstall", **environment)
    assert "nothing is done" in again.stdout


def test_a_jobs_file_with_a_mistake_installs_nothing(cli: Cli, tmp_path: Path) -> None:
    calls = _systemctl(tmp_path / "bin")
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    bad = tmp_path / "bad.toml"
    bad.write_text('[jobs.a]\ncommand = ["x"]\ntimeout = "soon"\n')
    done = cli.run("service", "install", str(bad), **environment)
    assert done.returncode == 2
    assert "jobs.a.timeout" in done.stderr
    assert not (tmp_path / "config").exists()
    assert not calls.exists()


def test_without_systemctl_the_unit_is_shown_all_the_same(cli: Cli) -> None:
    done = cli.run("service", "install", "--print", PATH="/nowhere")
    assert done.returncode == 0
    assert "KillMode=process" in done.stdout


def test_words_in_a_unit_are_quoted() -> None:
    assert quote("/srv/a b") == '"/srv/a b"'
    assert quote("100%") == "100%%"
    assert quote("$HOME") == "$$HOME"
    assert quote('say "hi"') == '"say \\"hi\\""'
    unit = Unit(("/opt/x y/cronfsm",), "/data", None, of_user=False, path="/bin").text()
    assert 'ExecStart="/opt/x y/cronfsm" --data-dir /data serve\n' in unit
    assert "WantedBy=multi-user.target" in unit


def test_serve_tells_its_manager_when_it_is_ready_and_keeps_its_commands_from_doing_so(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "env.toml").write_text(
        '[jobs.env]\nshell = "env > \\"$OUT\\""\nenv = { OUT = "%s" }\n' % (tmp_path / "env")
    )
    cli.run("apply", str(tmp_path / "env.toml"))
    cli.run("run", "env")
    short = Path(os.environ.get("TMPDIR", "/tmp")) / f"cronfsm-notify-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(short))
        manager.settimeout(30)
        try:
            done = cli.run("serve", "--until-idle", NOTIFY_SOCKET=str(short))
            assert done.returncode == 0, done.stderr
            assert manager.recv(500).startswith(b"READY=1\n")
            assert manager.recv(500) == b"STOPPING=1"
        finally:
            short.unlink()
    assert "NOTIFY_SOCKET" not in (tmp_path / "env").read_text()


def test_serve_warns_of_a_unit_that_would_end_its_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fsm.scheduler import systemd

    calls = _systemctl(tmp_path / "bin", "control-group")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(systemd, "own_unit", lambda: ("my-cron.service", True))
    warning = systemd.deadly_kill_mode()
    assert warning is not None
    assert "my-cron.service has KillMode=control-group" in warning
    assert calls.read_text() == "--user show --property=KillMode --value my-cron.service\n"
    monkeypatch.setattr(systemd, "own_unit", lambda: None)
    assert systemd.deadly_kill_mode() is None


def test_a_kill_mode_that_lets_runs_live_is_no_reason_to_warn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fsm.scheduler import systemd

    _systemctl(tmp_path / "bin", "process")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(systemd, "own_unit", lambda: ("cronfsm.service", False))
    assert systemd.deadly_kill_mode() is None


def test_the_unit_is_found_only_where_systemd_started_us(monkeypatch: pytest.MonkeyPatch) -> None:
    from fsm.scheduler import systemd

    monkeypatch.delenv("INVOCATION_ID", raising=False)
    assert systemd.own_unit() is None
