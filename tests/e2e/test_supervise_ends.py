"""How runs end, with real processes: each end of a command has its verdict, and the report says so."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from supervise_kit import CLOCK, SECOND, Bench, python, wait_gone

from fsm.model.facts import ArmFailed, Finding
from fsm.model.states import Reason, Trigger


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def verdict(finding: Finding) -> tuple[Trigger, Reason, int | None, int | None]:
    assert finding.report is not None
    assert finding.report.verdict is not None
    ended = finding.report.verdict
    return ended.trigger, ended.reason, ended.exit_code, ended.signal


def error(finding: Finding) -> str:
    assert finding.report is not None
    assert finding.report.verdict is not None
    return finding.report.verdict.error or ""


def test_success(bench: Bench) -> None:
    before = CLOCK.now().utc
    finding = bench.ran("/bin/true")
    assert verdict(finding) == (Trigger.SUCCEED, Reason.COMPLETED, 0, None)
    report = finding.report
    assert report is not None
    assert report.emptied is not None
    assert report.emptied.exit_code == 0
    assert report.verdict is not None
    assert report.verdict.started_at is not None
    assert before <= report.verdict.started_at <= report.verdict.ended_at <= report.emptied.at <= CLOCK.now().utc


def test_exit_code(bench: Bench) -> None:
    assert verdict(bench.ran("/bin/sh", "-c", "exit 3")) == (Trigger.FAIL, Reason.EXIT_CODE, 3, None)


def test_signal(bench: Bench) -> None:
    finding = bench.ran("/bin/sh", "-c", "kill -USR2 $$")
    assert verdict(finding) == (Trigger.FAIL, Reason.SIGNAL, None, signal.SIGUSR2)
    assert finding.report is not None
    assert finding.report.emptied is not None
    assert finding.report.emptied.signal == signal.SIGUSR2


def test_exit_code_127_is_the_commands_own(bench: Bench) -> None:
    assert verdict(bench.ran("/bin/sh", "-c", "exit 127")) == (Trigger.FAIL, Reason.EXIT_CODE, 127, None)


@pytest.mark.parametrize(
    ("command", "more", "says"),
    [
        (("no-such-program-anywhere",), {}, "no such program: no-such-program-anywhere"),
        (("/no/such/program",), {}, "no such program: /no/such/program"),
        (("/bin/true",), {"cwd": "/no/such/folder"}, "no such directory: /no/such/folder"),
        (("/bin/true",), {"cwd": "/bin/true"}, "cannot change to directory /bin/true: Not a directory"),
        (("/etc",), {}, "cannot execute /etc: it is a directory"),
        (("/etc/passwd",), {}, "cannot execute /etc/passwd: Permission denied"),
        (("/bin/true", "x" * 140_000), {}, "cannot execute /bin/true: its arguments and environment are too large"),
    ],
)
def test_what_cannot_be_started(bench: Bench, command: tuple[str, ...], more: dict[str, str], says: str) -> None:
    finding = bench.ran(*command, **more)
    assert verdict(finding) == (Trigger.FAIL, Reason.START_FAILED, None, None)
    assert error(finding) == says
    assert finding.report is not None
    assert finding.report.verdict is not None
    assert finding.report.verdict.started_at is None
    assert finding.report.emptied is not None
    assert finding.report.emptied.exit_code is None


def test_a_script_without_an_interpreter(bench: Bench, tmp_path: Path) -> None:
    for name, first in [("none", "echo hello\n"), ("missing", "#!/no/such/interpreter\n")]:
        script = tmp_path / name
        script.write_text(first)
        script.chmod(0o755)
        finding = bench.ran(str(script))
        assert verdict(finding)[1] is Reason.START_FAILED
        assert "neither a binary for this machine nor a script whose interpreter exists" in error(finding)


def test_a_long_error_text_is_cut_to_fit(bench: Bench) -> None:
    finding = bench.ran("/no/such/" + "/".join(["ä" * 60] * 20))
    assert verdict(finding)[1] is Reason.START_FAILED
    assert error(finding).startswith("no such program: /no/such/ä")
    assert error(finding).endswith("…")


def test_nothing_to_execute_is_said_at_once(bench: Bench) -> None:
    answer = bench.answer(bench.order())
    assert isinstance(answer, ArmFailed)
    assert "nothing to execute" in answer.error
    assert not answer.busy


def test_a_command_of_megabytes_is_refused_in_words(bench: Bench) -> None:
    answer = bench.answer(bench.order("/bin/true", *["x" * 100_000] * 20))
    assert isinstance(answer, ArmFailed)
    assert "too large" in answer.error


def test_an_order_of_many_packets_arrives_whole(bench: Bench) -> None:
    words = [f"{i}-" + "y" * 1000 for i in range(100)]
    execution = bench.started("/bin/sh", "-c", 'for word; do printf "%s\\n" "$word"; done', "sh", *words)
    bench.ended(execution)
    assert bench.output(execution).decode().split() == words


def test_a_shell_line(bench: Bench) -> None:
    execution = bench.started(shell="echo one | tr a-z A-Z; exit 4")
    assert verdict(bench.ended(execution)) == (Trigger.FAIL, Reason.EXIT_CODE, 4, None)
    assert bench.output(execution) == b"ONE\n"


def test_the_environment_of_a_command(tmp_path: Path) -> None:
    environ = {
        "PATH": "/usr/bin:/bin",
        "KEPT": "yes",
        "CRONFSM_RUN_TOKEN": "outer",
        "CRONFSM_HOME": "/x",
        "ODD": "a\udcffb",
    }
    bench = Bench(tmp_path, {**environ, "CRONFSM_CGROUP": "off"})
    try:
        execution = bench.started(
            "/usr/bin/env",
            "-0",
            job="böse",
            attempt=2,
            scheduled_for=CLOCK.now().utc // SECOND * SECOND,
            env=(("KEPT", "changed"), ("EXTRA", "ü")),
        )
        bench.ended(execution)
        found = dict(pair.split(b"=", 1) for pair in bench.output(execution).split(b"\0") if pair)
    finally:
        bench.close()
    scheduled_for = found.pop(b"CRONFSM_SCHEDULED_FOR")
    assert scheduled_for.endswith(b".000000Z")
    assert found == {
        b"PATH": b"/usr/bin:/bin",
        b"KEPT": b"changed",
        b"EXTRA": "ü".encode(),
        b"ODD": b"a\xffb",
        b"CRONFSM_RUN_ID": "böse/1".encode(),
        b"CRONFSM_RUN_TOKEN": bench.folder.token(execution.arming.nonce).encode(),
        b"CRONFSM_JOB": "böse".encode(),
        b"CRONFSM_ATTEMPT": b"2",
        b"CRONFSM_SESSION_KEY": "cron:böse:run:1".encode(),
        b"CRONFSM_HOME": bytes(tmp_path / "data"),
    }


def test_the_jobs_own_path_finds_the_program(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "only-here"
    program.write_text("#!/bin/sh\necho found\n")
    program.chmod(0o755)
    execution = bench.started("only-here", env=(("PATH", f"/nowhere:{tmp_path / 'bin'}:/usr/bin:/bin"),))
    assert verdict(bench.ended(execution))[1] is Reason.COMPLETED
    assert bench.output(execution) == b"found\n"


STATE = """
import os, resource, signal
print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["SigIgn"], 16) & ~(1 << 12 | 1 << 24 | 3 << 31), os.readlink("/proc/self/fd/0"), os.getcwd())
print(os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid(), oct(os.umask(0)), end=" ")
print(resource.getrlimit(resource.RLIMIT_NOFILE))
"""  # Python itself ignores SIGPIPE (13) and SIGXFSZ (25); 32 and 33 are the C library's own, out of everyone's reach


def test_signals_session_limits_and_folder_of_a_command(bench: Bench, tmp_path: Path) -> None:
    import resource

    mask = os.umask(0o027)
    try:
        execution = bench.started(*python(STATE), cwd=str(tmp_path))
        bench.ended(execution)
    finally:
        os.umask(mask)
    lines = bench.output(execution).decode().splitlines()
    assert lines[0] == "set()"
    assert lines[1] == f"0 /dev/null {tmp_path}"
    assert lines[2] == f"True True 0o27 {resource.getrlimit(resource.RLIMIT_NOFILE)}"


def test_sigpipe_ends_a_command_as_it_does_in_a_shell(bench: Bench) -> None:
    execution = bench.started("/bin/bash", "-c", "set -o pipefail; yes | head -1 > /dev/null; echo ${PIPESTATUS[0]}")
    bench.ended(execution)
    assert bench.output(execution) == b"141\n"


def test_a_stop_signal_of_a_terminal_does_not_reach_a_run(bench: Bench) -> None:
    """ctrl-C goes to the process group of the terminal; neither fork server nor supervisor are in it."""
    execution = bench.started("/bin/sleep", "60")
    server = bench.launcher.fork_server_pid
    assert server is not None
    sessions = {os.getsid(server), os.getsid(execution.arming.pid), os.getsid(0)}
    assert len(sessions) == 3


def test_supervisors_outlive_launcher_and_fork_server(bench: Bench) -> None:
    go = bench.root / "go"
    os.mkfifo(go)
    execution = bench.started("/bin/sh", "-c", f"read word < {go}; exit 7")
    server = bench.launcher.fork_server_pid
    assert server is not None
    bench.launcher.close()
    wait_gone(server)
    bench.launcher = bench.new_launcher()
    bench.launcher.listen()
    bench.launcher.watch(execution)
    assert bench.look(execution).alive
    go.write_text("now\n")
    assert verdict(bench.ended(execution)) == (Trigger.FAIL, Reason.EXIT_CODE, 7, None)
