"""The named statements of the .sql files in this package."""

from __future__ import annotations

import re
from functools import cache
from pkgutil import get_data

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def sql_file(name: str) -> str:
    """The text of ``sql/NAME.sql``."""
    data = get_data("fsm.journal", f"sql/{name}.sql")
    if data is None:
        raise FileNotFoundError(f"sql/{name}.sql is not in the package")
    return data.decode()


@cache
def statements(name: str) -> dict[str, str]:
    """The statements of a file by their names. Raises ValueError where two have the same."""
    parts = _NAME.split(sql_file(name))
    found = dict(zip(parts[1::2], (text.strip() for text in parts[2::2]), strict=True))
    if len(found) != len(parts) // 2:
        raise ValueError(f"{name}.sql has two statements of one name")
    return found
