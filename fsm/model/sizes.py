"""Sizes in bytes, as values and as short text such as ``10MB`` or ``1GiB``."""

from __future__ import annotations

import re

from fsm.errors import BadValue

_UNITS = {
    "b": 1,
    "kb": 1_000,
    "mb": 1_000_000,
    "gb": 1_000_000_000,
    "tb": 1_000_000_000_000,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
}
_SIZE = re.compile(r"(\d{1,20})(?:\.(\d{1,20}))?\s*([kmgt]?i?b)?", re.IGNORECASE | re.ASCII)
_NAMES = ("TiB", "TB", "GiB", "GB", "MiB", "MB", "KiB", "KB")  # the largest first


def parse_size(value: object) -> int:
    """Read ``10MB``, ``512KB``, ``1GiB``, ``1.5MB``, ``4096`` or a count of bytes; the result is in bytes.

    KB, MB, GB and TB are powers of 1000, KiB, MiB, GiB and TiB powers of 1024 (IEC 80000-13). Raises
    `BadValue` for anything else, also for a fraction of a byte.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    unit = _UNITS.get((match[3] or "b").lower()) if match else None
    if match is None or unit is None:
        shown = f'"{value}"' if isinstance(value, str) else repr(value)
        raise BadValue(f"{shown} is not a size (say 512KB, 10MB or 1GiB)")
    fraction = match[2] or ""
    digits, scale = int(match[1] + fraction), int("1" + "0" * len(fraction))
    scaled, rest = divmod(digits * unit, scale)
    if rest:
        raise BadValue(f'"{value}" is not a whole number of bytes (say 512KB, 10MB or 1GiB)')
    return scaled


def format_size(size: int) -> str:
    """The text that `parse_size` reads back exactly, in the largest unit that fits: 10000000 -> ``10MB``."""
    for name in _NAMES:
        unit = _UNITS[name.lower()]
        if size and size % unit == 0:
            return f"{size // unit}{name}"
    return f"{size}B"
