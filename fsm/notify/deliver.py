"""Deliver one message: the receiver is filled in, and told by a process that is ended when it takes too long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote, urlsplit, urlunsplit

import orjson

from fsm.errors import BadValue
from fsm.model.job import Job
from fsm.model.receivers import Receiver, Way, filled, way
from fsm.model.states import State
from fsm.notify.lanes import Message, text_of
from fsm.supervise.envfile import read_env_file

TIMEOUT_S = 30.0
"""For one delivery, whatever the receiver is; then it counts as failed, and its process is killed."""

LONGEST_ERROR = 200
"""Characters that are kept of what a receiver complained of."""

_POST = [sys.executable, "-m", "fsm.notify.post"]


class NotDelivered(Exception):
    """It was not; the text says why, and never holds an address."""


def deliver(job: Job, receiver: Receiver, message: Message, *, timeout_s: float = TIMEOUT_S) -> None:
    """Tell it. Raises `NotDelivered`."""
    try:
        environment = _environment(job)
        if not isinstance(receiver, str):
            return _run(list(receiver), _json(message), environment, timeout_s)
        if way(receiver) is Way.SHELL:
            return _run(["/bin/sh", "-c", receiver], _json(message), environment, timeout_s)
        address = filled(receiver, environment.get)
    except (BadValue, ValueError) as error:
        raise NotDelivered(str(error)) from None
    kind = way(address)
    if kind not in (Way.WEBHOOK, Way.APPRISE):
        raise NotDelivered("what the variable holds is no address (say https://…)")
    if message.key == "ping":
        if kind is not Way.WEBHOOK:
            raise NotDelivered("ping is a web address (https://…)")
        address = ping_address(address, job.name, str(message.event["data"]["state"]))
    title = text_of(job.name, message)
    body = _json(message).decode() if kind is Way.WEBHOOK else str(message.event["data"]["error"] or title)
    order = orjson.dumps({"way": kind, "address": address, "title": title, "body": body})
    return _run(_POST, order, environment, timeout_s)


def ping_address(address: str, job: str, state: str) -> str:
    """Where a start, a success and any other end are told. An address that ends with a slash gets the job's name.

    >>> ping_address("https://hc.example/key/", "backup", "running")
    'https://hc.example/key/backup/start'
    """
    parts = urlsplit(address)
    path = parts.path + (quote(job, safe="") if parts.path.endswith("/") else "")
    suffix = {State.RUNNING: "/start", State.SUCCEEDED: ""}.get(State(state), "/fail")
    return urlunsplit(parts._replace(path=path + suffix))


def _json(message: Message) -> bytes:
    """One line, so that a command may append it to a file of such lines."""
    return orjson.dumps({**message.event, "notice": message.key, "missed": message.missed}) + b"\n"


def _environment(job: Job) -> Mapping[str, str]:
    """That of `serve` without what is ours, and the variables of `env_file`. Raises ValueError, never with a text."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("CRONFSM_RUN_")}
    return {**inherited, **(dict(read_env_file(job.env_file)) if job.env_file is not None else {})}


def _run(words: list[str], text: bytes, environment: Mapping[str, str], timeout_s: float) -> None:
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if _ours(words) else subprocess.DEVNULL,  # what it leaves behind may keep a pipe
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise NotDelivered(f"{words[0]} cannot be executed: {error.strerror}") from None
    with process:
        try:
            _, complaint = process.communicate(text, timeout_s)
        except subprocess.TimeoutExpired:
            _kill(process)
            raise NotDelivered(f"it took longer than {timeout_s:g}s") from None
        except BaseException:
            _kill(process)
            raise
    if process.returncode != 0:
        raise NotDelivered(_complaint(words, process.returncode, complaint or b""))


def _ours(words: list[str]) -> bool:
    return words == _POST


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # its children hold the pipe, too


def _complaint(words: list[str], code: int, told: bytes) -> str:
    """Only what our own program says: what a command prints may hold anything."""
    line = told.decode("utf-8", "replace").strip().rpartition("\n")[2][:LONGEST_ERROR]
    if _ours(words) and code == 1 and line:
        return line
    return f"it ended with signal {-code}" if code < 0 else f"its exit code was {code}"
