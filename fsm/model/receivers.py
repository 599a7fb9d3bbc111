"""Who is told of a job's ends: a command, a web address, or an address of Apprise.

An address may hold ``${NAME}``, which stands for a variable of the job's `env_file`, or of the environment of `serve`:
the place for what must not be written down. What looks like a secret in an address itself is refused, for a definition
stands in the journal for good.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from urllib.parse import parse_qsl, urlsplit

from fsm.errors import BadValue
from fsm.model.secrets import MASK, is_secret

Receiver = tuple[str, ...] | str
"""A list of words, or a text: an address, else a line for the shell."""

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_MAX = 4_096
"""Characters of a receiver."""

_LONG = 16
"""A part of an address that is so long, and has letters and digits mixed, was drawn by lot; words have no digits."""


class Way(StrEnum):
    """How a receiver is told."""

    COMMAND = "command"
    SHELL = "shell"
    WEBHOOK = "webhook"
    APPRISE = "apprise"
    VARIABLE = "variable"  # it begins with a variable: what kind of an address it is shows when it is used


def way(receiver: Receiver) -> Way:
    """How this one is told.

    >>> [str(way(each)) for each in (("mail",), "mail me", "https://a.example/", "ntfy://topic", "${HOOK}")]
    ['command', 'shell', 'webhook', 'apprise', 'variable']
    """
    if not isinstance(receiver, str):
        return Way.COMMAND
    if VARIABLE.match(receiver) and not any(char.isspace() for char in receiver):
        return Way.VARIABLE
    if not _SCHEME.match(receiver):
        return Way.SHELL
    return Way.WEBHOOK if receiver.lower().startswith(("http://", "https://")) else Way.APPRISE


def read_receiver(value: object) -> Receiver | None:
    """A value of `on_failure`, `on_recovery` or `on_end`; "" and [] are none. Raises `BadValue`."""
    if value is None or value in ("", [], ()):
        return None  # so that a job can do without what the defaults of its file say
    if isinstance(value, str):
        return _address(value) if way(value) in (Way.WEBHOOK, Way.APPRISE, Way.VARIABLE) else _line(value)
    if not isinstance(value, Iterable) or isinstance(value, dict | bytes):
        raise BadValue(f"{_EXAMPLES} can be told of an end; this is a {type(value).__name__}")
    words = tuple(value)
    if not all(isinstance(word, str) and "\0" not in word for word in words) or not words[0]:
        raise BadValue('a command is a list of at least one word, each a text (say ["notify-send", "backup"])')
    return words


_EXAMPLES = '"https://…" (or "${NAME}", from env_file), a list of words, or a line of shell'


def read_ping(value: object) -> str | None:
    """A value of `ping`; "" is none. Raises `BadValue`."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or way(value) not in (Way.WEBHOOK, Way.VARIABLE):
        raise BadValue('ping is a web address (say "https://hc-ping.com/${PING_KEY}/", with PING_KEY in env_file)')
    return _address(value)


def _line(text: str) -> str:
    if not text.strip() or "\0" in text or len(text) > _MAX:
        raise BadValue(f"{_EXAMPLES} can be told of an end, in {_MAX} characters")
    return text


def _address(text: str) -> str:
    if any(char.isspace() or not char.isprintable() for char in text) or len(text) > _MAX:
        raise BadValue(f"an address has no blanks, and {_MAX} characters at most")
    if way(text) is Way.VARIABLE:
        return text
    scheme = text.split(":", 1)[0]
    try:
        parts = urlsplit(VARIABLE.sub("_", text))
        host, password = parts.hostname, parts.password
        _ = parts.port if way(text) is Way.WEBHOOK else None  # Apprise has tokens in the place of a port
    except ValueError:
        raise BadValue(f"this {scheme}: address cannot be read") from None
    if not host:
        raise BadValue(f"this {scheme}: address names no host")
    plain = way(text) is Way.APPRISE and not VARIABLE.search(text)  # they hold tokens, as a rule, anywhere
    if plain or password not in (None, "_") or _secret_part(text):
        raise BadValue(
            f"this {scheme}: address holds what looks like a secret, and a definition is written into the journal for "
            "good; put it into env_file as NAME=TEXT and write ${NAME} here"
        )
    return text


def _secret_part(text: str) -> bool:
    parts = urlsplit(VARIABLE.sub("", text))
    named = parse_qsl(parts.query, keep_blank_values=True)
    if any(is_secret(name) and value for name, value in named):
        return True
    pieces = [*re.split(r"[/:@]", f"{parts.username or ''}/{parts.path}/{parts.fragment}"), *(v for _, v in named)]
    return any(
        len(piece) >= _LONG and any(c.isdigit() for c in piece) and any(c.isalpha() for c in piece) for piece in pieces
    )


def shown(receiver: Receiver) -> Receiver:
    """As it may be shown: of an address that takes nothing from a variable, its host and no more.

    >>> shown("https://a.example/hooks/abc"), shown("https://a.example/${HOOK}"), shown("https://a.example/")
    ('https://a.example/********', 'https://a.example/${HOOK}', 'https://a.example/')
    """
    if way(receiver) not in (Way.WEBHOOK, Way.APPRISE) or not isinstance(receiver, str):
        return receiver
    parts = urlsplit(VARIABLE.sub("", receiver))
    bare = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if VARIABLE.search(receiver) or receiver.rstrip("/") == bare:
        return receiver
    return f"{bare}/{MASK}"


def filled(receiver: str, look_up: Callable[[str], str | None]) -> str:
    """The address with its variables in their places. Raises `BadValue` that names one which is not there."""

    def put(match: re.Match[str]) -> str:
        text = look_up(match[1])
        if not text:
            raise BadValue(f"{match[1]} is set neither in env_file nor in the environment of serve")
        return text

    return VARIABLE.sub(put, receiver)
