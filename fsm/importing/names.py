"""Names of jobs out of what they were called elsewhere: valid, readable, none twice."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from fsm.model.job import MAX_NAME_BYTES, fold_name

_ROOM = MAX_NAME_BYTES - 10  # for what tells two of them apart


def job_name(wanted: str, otherwise: str) -> str:
    """`wanted` as a name that a job can have, or `otherwise` where nothing of it is left."""
    for text in (wanted, otherwise, "job"):
        name = unicodedata.normalize("NFC", text.encode("utf-8", "ignore").decode())
        name = "".join("-" if c == "/" else " " if unicodedata.category(c)[0] == "C" else c for c in name)
        name = re.sub(r"\s+", " ", name).strip().lstrip(".@- ")
        name = unicodedata.normalize("NFC", name.encode()[:_ROOM].decode("utf-8", "ignore")).strip()
        if name:
            return name
    raise AssertionError("the last of them is a name")


class Names:
    """Gives names that differ in more than case from all that are taken."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = {fold_name(name) for name in taken}

    def give(self, wanted: str) -> str:
        """`wanted`, or it with the first number behind it that nobody has."""
        name, number = wanted, 1
        while fold_name(name) in self._taken:
            number += 1
            name = f"{wanted}-{number}"
        self._taken.add(fold_name(name))
        return name
