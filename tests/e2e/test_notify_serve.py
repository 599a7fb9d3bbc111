"""Notifications by a real scheduler: receivers that answer, answer 500, hang, are down; and kill -9 between a delivery
and the note of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cli_process import WITHIN_S, Cli, stop, until


class Receiver:
    """A web server that keeps what it got. `answer` says what it answers, and may wait."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.answer: Callable[[], int] = lambda: 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.got.append((self.path, body))
                code = outer.answer()
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def told(self, path: str) -> list[str]:
        """The runs that it was told of under this path."""
        return [body["run_id"] for where, body in self.got if where == path]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    made = Cli(tmp_path / "data")
    yield made
    made.close()


def apply(cli: Cli, text: str) -> None:
    path = cli.path.parent / "jobs.toml"
    path.write_text(text)
    cli.ok("apply", str(path))


def begun(cli: Cli) -> Callable[[], bool]:
    """Whether the book is there: from here on everything is told."""
    return (cli.path / "notify.json").exists


@pytest.mark.requirement("R-75")
def test_a_failure_its_recovery_every_end_and_pings(cli: Cli, receiver: Receiver, tmp_path: Path) -> None:
    flag = tmp_path / "bad"
    flag.touch()
    apply(
        cli,
        f"""
        [defaults]
        ping = "{receiver.url}/ping/"
        [jobs.a]
        shell = "test ! -e {flag}"
        on_failure = "{receiver.url}/failure"
        on_recovery = ["sh", "-c", "cat > {tmp_path}/recovery"]
        on_end = "cat >> {tmp_path}/ends"
        """,
    )
    with cli.serving():
        until(begun(cli))
        for _ in range(2):
            cli.run("run", "a", "--wait")
        flag.unlink()
        cli.ok("run", "a", "--wait")
        until(lambda: len(receiver.got) >= 7 and cli.json("notify") == [])
    assert receiver.told("/failure") == ["a/1"], "a repeated failure is one message"
    assert json.loads((tmp_path / "recovery").read_text())["run_id"] == "a/3"
    ends = [json.loads(line) for line in (tmp_path / "ends").read_text().splitlines()]
    assert [(each["run_id"], each["data"]["state"]) for each in ends] == [
        ("a/1", "failed"),
        ("a/2", "failed"),
        ("a/3", "succeeded"),
    ]
    assert [path for path, _ in receiver.got if path.startswith("/ping/")] == [
        "/ping/a/start",
        "/ping/a/fail",
        "/ping/a/start",
        "/ping/a/fail",
        "/ping/a/start",
        "/ping/a",
    ]


@pytest.mark.requirement("R-76")
def test_killed_between_a_delivery_and_the_note_of_it(cli: Cli, receiver: Receiver) -> None:
    """The receiver has it, and its answer never comes: the scheduler is killed then. The next one tells it again."""
    let = threading.Event()
    receiver.answer = lambda: 200 if let.wait(WITHIN_S) else 500
    apply(cli, f'[jobs.a]\nshell = "exit 3"\non_failure = "{receiver.url}/failure"')
    process = cli.start("serve", "--json")
    until(begun(cli))
    cli.run("run", "a")
    until(lambda: receiver.told("/failure") == ["a/1"])
    process.kill()
    process.wait(WITHIN_S)
    let.set()
    with cli.serving():
        until(lambda: receiver.told("/failure") == ["a/1", "a/1"])
        until(lambda: cli.json("notify") == [])


@pytest.mark.requirement("R-76")
def test_what_ended_without_a_scheduler_is_told_by_the_next(cli: Cli, receiver: Receiver) -> None:
    apply(cli, f'[jobs.a]\nshell = "exit 3"\non_end = "{receiver.url}/end"')
    with cli.serving():
        until(begun(cli))
    for _ in range(3):
        cli.run("run", "a", "--here")
    assert receiver.got == []
    with cli.serving():
        until(lambda: len(receiver.got) >= 3)
    assert receiver.told("/end") == ["a/1", "a/2", "a/3"], "in order, each once"


@pytest.mark.requirement("R-77")
def test_runs_go_on_while_a_receiver_hangs(cli: Cli, receiver: Receiver) -> None:
    """It is let go only after other runs have ended, other receivers were told, and the hanging one's job ran again."""
    let = threading.Event()
    receiver.answer = lambda: 200 if let.wait(WITHIN_S) else 500
    other = Receiver()
    apply(
        cli,
        f"""
        [jobs.hung]
        shell = "exit 3"
        on_failure = "{receiver.url}/failure"
        [jobs.fine]
        command = ["true"]
        on_end = "{other.url}/end"
        """,
    )
    with cli.serving() as process:
        until(begun(cli))
        cli.run("run", "hung", "--wait")
        until(lambda: receiver.told("/failure") == ["hung/1"])
        cli.ok("run", "fine", "--wait")
        assert cli.run("run", "hung", "--wait").returncode == 1
        until(lambda: other.told("/end") == ["fine/1"])
        assert set(receiver.told("/failure")) == {"hung/1"}
        assert [run["state"] for run in cli.json("runs")] == ["failed", "succeeded", "failed"]
        stop(process)  # it ends, whatever hangs
        let.set()
    other.server.shutdown()
    other.server.server_close()


@pytest.mark.requirement("R-78")
def test_no_address_that_a_variable_holds_is_written_down(cli: Cli, receiver: Receiver, tmp_path: Path) -> None:
    receiver.answer = lambda: 500
    hush = "hushhush0123456789"
    (tmp_path / "hooks.env").write_text(f"HOOK={receiver.url}/{hush}\n")
    apply(
        cli,
        '[jobs.a]\nshell = "exit 3"\nenv_file = "hooks.env"\n'
        'on_failure = "${HOOK}"\non_end = "${HOOK}/end"\nping = "${HOOK}/"',
    )
    process = cli.start("serve", "--json")
    until(begun(cli))
    cli.run("run", "a")
    until(lambda: len(cli.json("notify")) == 3 and all(each["error"] for each in cli.json("notify")))
    out, err = stop(process)
    told = [out, err, cli.ok("show", "a"), cli.ok("notify"), cli.ok("journal", "--json"), cli.ok("events", "--json")]
    tried = cli.run("--debug", "notify", "--test", "a")
    assert tried.returncode == 1
    assert "on_failure: not told: it answered 500" in tried.stdout
    told += [tried.stdout, tried.stderr, (cli.path / "notify.json").read_text()]
    for text in told:
        assert hush not in text
    receiver.answer = lambda: 204
    assert cli.ok("notify", "--test", "a") == "on_failure: told\non_end: told\nping: told\n"


def test_what_a_test_of_receivers_says_of_trouble(cli: Cli) -> None:
    apply(
        cli,
        """
        [jobs.a]
        command = ["true"]
        on_failure = "${NOWHERE_SET}"
        on_recovery = "exit 4"
        on_end = ["/no/such/program"]
        ping = "http://127.0.0.1:1/"
        [jobs.b]
        command = ["true"]
        on_end = "tgram://${BOT}/42"
        """,
    )
    done = cli.run("notify", "--test", "a")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "on_failure: not told: NOWHERE_SET is set neither in env_file nor in the environment of serve",
        "on_recovery: not told: its exit code was 4",
        "on_end: not told: /no/such/program cannot be executed: No such file or directory",
        "ping: not told: it could not be reached (Connection refused)",
    ]
    blocked = cli.path.parent / "without"  # the extra may be installed here: it is made not to be
    blocked.mkdir()
    (blocked / "apprise.py").write_text("raise ImportError")
    path = f"{blocked}:{cli.environment()['PYTHONPATH']}"
    done = cli.run("notify", "--test", "b", BOT="0123", PYTHONPATH=path)
    assert done.stdout == "on_end: not told: addresses of Apprise need an extra: pip install 'cronfsm[notify]'\n"
    assert cli.run("notify", "--test", "nobody").returncode == 3


def test_an_address_of_apprise(cli: Cli, receiver: Receiver) -> None:
    """With the real library, where it is installed."""
    pytest.importorskip("apprise")
    host = receiver.url.partition("//")[2]
    apply(cli, '[jobs.a]\ncommand = ["true"]\non_failure = "${TOLD}"\non_end = "json://${HOST}/end"')
    done = cli.run("notify", "--test", "a", TOLD=f"json://{host}/failure", HOST=host)
    assert (done.returncode, done.stdout, done.stderr) == (0, "on_failure: told\non_end: told\n", "")
    assert [path for path, _ in receiver.got] == ["/failure", "/end"]
    assert receiver.got[0][1]["title"] == "a failed (exit_code): a/0"
    assert "this is a test" in receiver.got[0][1]["message"]
    done = cli.run("notify", "--test", "a", TOLD="nothing-of-apprise://x", HOST="127.0.0.1:1")
    assert done.stdout.splitlines() == [
        "on_failure: not told: Apprise does not know this kind of address",
        "on_end: not told: Apprise could not deliver it",
    ]
