"""Which environment variables are secrets, by their names: their values stand in no journal, event, or error text."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "********"
"""What is shown in the place of a value."""

_SECRET = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|CREDENTIALS?)$|PASSWORD|PASSWD|PASSPHRASE", re.IGNORECASE)
_ABOUT_ONE = re.compile(r"_(?:FILE|PATH|DIR|COMMAND|CMD|HELPER)$", re.IGNORECASE)  # RESTIC_PASSWORD_FILE=/etc/restic


def is_secret(name: str) -> bool:
    """Whether a variable of this name holds a secret; where one lies, or how to get it, is none.

    >>> [is_secret(name) for name in ("API_KEY", "gh_token", "DB_PASSWORD", "RESTIC_PASSWORD_FILE", "KEYMAP", "LANG")]
    [True, True, True, False, False, False]
    """
    return bool(_SECRET.search(name)) and not _ABOUT_ONE.search(name)


def secret_names(names: Iterable[str]) -> list[str]:
    """Those among `names` that hold secrets."""
    return [name for name in names if is_secret(name)]


def refusal(name: str) -> str:
    """What is said to whoever puts a secret where it would be written down."""
    return (
        f"{name} looks like a secret, and env is written into the journal for good; "
        "put it into a file of NAME=TEXT lines and name that: env_file"
    )


def masked(name: str, text: str) -> str:
    """The value as it may be shown."""
    return MASK if is_secret(name) else text
