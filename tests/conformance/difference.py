"""Where two JSON values differ, in one line: used by both runners, so it imports nothing of the product either."""

from __future__ import annotations


def first_difference(want: object, found: object, where: str = "") -> str | None:
    """The first place where `found` is not `want`; None where they are equal."""
    if isinstance(want, dict) and isinstance(found, dict):
        for key in sorted({*want, *found}, key=lambda key: (key == "hash", key)):
            if key not in want or key not in found:
                return f"{where}.{key}: {'only told' if key in want else 'only found'}: {(want | found)[key]}"
            if (inner := first_difference(want[key], found[key], f"{where}.{key}")) is not None:
                return inner
        return None
    if isinstance(want, list) and isinstance(found, list):
        for index, (one, other) in enumerate(zip(want, found, strict=False)):
            if (inner := first_difference(one, other, f"{where}[{index}]")) is not None:
                return inner
        if len(want) != len(found):
            return f"{where}: told {len(want)}, found {len(found)}: {(want + found)[min(len(want), len(found)) :][:2]}"
        return None
    same = type(want) is type(found) and want == found
    return None if same else f"{where}: told {want!r}, found {found!r}"
