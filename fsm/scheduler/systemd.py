"""What `serve` has to do with systemd: say that it is ready, and warn where a restart would end its runs.

Source: sd_notify(3) for the protocol, systemd.kill(5) for KillMode.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess

_ASK_WITHIN_S = 3.0  # systemctl answers in milliseconds; a system bus that hangs must not keep jobs waiting
_UNIT = re.compile(r"/([^/]+\.service)(?:/|$)")
_LETS_RUNS_LIVE = frozenset({"process", "none"})


class Notifier:
    """Tells the service manager how far `serve` is; says nothing where there is none.

    Takes its address out of the environment, so that commands do not speak for the scheduler.
    """

    def __init__(self) -> None:
        self._address = os.environ.pop("NOTIFY_SOCKET", "")

    def ready(self) -> None:
        """Jobs are scheduled from now on."""
        self._send(f"READY=1\nSTATUS=scheduling\nMAINPID={os.getpid()}")

    def stopping(self, within_us: int | None = None) -> None:
        """It ends; its runs do not. `within_us`: it may take so long (µs), and is not to be killed before."""
        self._send("STOPPING=1" + ("" if within_us is None else f"\nSTATUS=draining\nEXTEND_TIMEOUT_USEC={within_us}"))

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.sendto(message.encode(), address)
        except OSError:
            pass  # the manager finds out by itself, later; that is no reason not to schedule


def own_unit() -> tuple[str, bool] | None:
    """The unit that this process is the service of, and whether it is a user's; None where systemd did not start it."""
    if "INVOCATION_ID" not in os.environ:
        return None
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="replace") as file:
            path = file.read()
    except OSError:
        return None
    units = _UNIT.findall(path)
    services = [unit for unit in units if not unit.startswith("user@")]
    if not services:
        return None
    return services[-1], any(unit.startswith("user@") for unit in units)


def deadly_kill_mode() -> str | None:
    """A sentence where a restart of this process's unit would end its runs, None where it would not or nobody knows."""
    unit = own_unit()
    if unit is None:
        return None
    name, of_user = unit
    command = ["systemctl", *(["--user"] if of_user else []), "show", "--property=KillMode", "--value", name]
    try:
        answer = subprocess.run(command, capture_output=True, timeout=_ASK_WITHIN_S, text=True, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    mode = answer.stdout.strip()
    if answer.returncode != 0 or not mode or mode in _LETS_RUNS_LIVE:
        return None
    return (
        f"{name} has KillMode={mode}: restarting it would end every run; set KillMode=process "
        "(cronfsm service install writes such a unit)"
    )
