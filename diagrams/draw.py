"""Write the files of this folder anew: `make diagrams`.

The lifecycle from its table; and the same coloured by what the tests took, from taken.json (`make edges` counts anew).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from fsm.lifecycle import diagrams
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

if __name__ == "__main__":
    for name, draw in FILES.items():
        (HERE / name).write_text(draw(), encoding="utf-8")
        print(f"wrote diagrams/{name}")
