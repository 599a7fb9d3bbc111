"""Write the files of this folder anew from the lifecycle table: `make diagrams`."""

from __future__ import annotations

from pathlib import Path

from fsm.lifecycle import diagrams

HERE = Path(__file__).parent

FILES = {
    "lifecycle.mmd": diagrams.mermaid,
    "lifecycle.svg": diagrams.svg,
    "lifecycle.md": diagrams.markdown,
}

if __name__ == "__main__":
    for name, draw in FILES.items():
        (HERE / name).write_text(draw(), encoding="utf-8")
        print(f"wrote diagrams/{name}")
