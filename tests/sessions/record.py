"""Play sessions, and write what they say now: ``python tests/sessions/record.py [NAME…]``, all of them without a name.

Look at the difference before you commit it: it is what people will see.
"""

from __future__ import annotations

import sys

from session import GOLDEN, played


def main() -> None:
    paths = [GOLDEN / f"{name}.txt" for name in sys.argv[1:]] or sorted(GOLDEN.glob("*.txt"))
    for path in paths:
        before = path.read_text(encoding="utf-8")
        now = played(before)
        path.write_text(now, encoding="utf-8")
        print(f"{'as it was' if now == before else 'CHANGED  '}  {path.name}")


if __name__ == "__main__":
    main()
