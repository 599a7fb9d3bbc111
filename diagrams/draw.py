"""Write the files of this folder, and the tables of words in specs/lifecycle.md, anew: `make diagrams`.

The lifecycle is drawn from its table; and once more, coloured by what the tests took, from taken.json (`make edges`
counts anew).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from fsm.lifecycle import diagrams, meanings
from fsm.model.states import Reason, State, Trigger

HERE = Path(__file__).parent


def taken() -> diagrams.Taken:
    """How often the tests took each edge when they were last counted."""
    return {
        (
            one["from"] and State(one["from"]),
            Trigger(one["trigger"]),
            one["reason"] and Reason(one["reason"]),
        ): one["taken"]
        for one in json.loads((HERE / "taken.json").read_text(encoding="utf-8"))
    }


FILES: dict[str, Callable[[], str]] = {
    "lifecycle.mmd": diagrams.mermaid,
    "lifecycle.svg": diagrams.svg,
    "lifecycle.md": diagrams.markdown,
    "taken.mmd": lambda: diagrams.mermaid_taken(taken()),
    "taken.svg": lambda: diagrams.svg(taken()),
}

SPECIFICATION = HERE.parent / "specs" / "lifecycle.md"
_WORDS = re.compile(r"(<!-- words: [^>]*-->\n)(.*?)(<!-- end of words -->)", re.DOTALL)


def words() -> list[str]:
    """What stands in the specification where the words belong."""
    return [found[1] for found in _WORDS.findall(SPECIFICATION.read_text(encoding="utf-8"))]


if __name__ == "__main__":
    text = SPECIFICATION.read_text(encoding="utf-8")
    SPECIFICATION.write_text(
        _WORDS.sub(lambda found: found[1] + meanings.markdown() + found[3], text), encoding="utf-8"
    )
    for name, draw in FILES.items():
        (HERE / name).write_text(draw(), encoding="utf-8")
        print(f"wrote diagrams/{name}")
