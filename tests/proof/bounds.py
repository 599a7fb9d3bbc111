"""The bounds of the proofs: read from specs/MC*.cfg, so that TLC and the explorer are held to the same ones."""

from __future__ import annotations

import re

import tlc
from kernel_state import Bounds


def text(name: str) -> str:
    """A configuration as TLC takes it. Raises FileNotFoundError."""
    return (tlc.SPECS / f"{name}.cfg").read_text()


def why(name: str) -> str:
    """What these bounds are for: the comment on top."""
    return text(name).splitlines()[0].removeprefix("\\* ")


def of(name: str) -> Bounds:
    """Its constants."""
    found = dict(re.findall(r"^CONSTANT (\w+) = (\w+)$", text(name), re.MULTILINE))
    numbers = {key: int(found[key]) for key in Bounds._fields if key != "Retries"}
    return Bounds(**numbers, Retries=found["Retries"] == "TRUE")


def names(*, live: bool = False, big: bool = False, retries: bool = False) -> list[str]:
    """Every configuration: those of safety, of liveness, or those with retries, which are the specification's alone.

    The big ones take minutes each and are asked for.
    """
    found = sorted(path.stem for path in tlc.SPECS.glob("MC*.cfg"))
    wanted = [name for name in found if big or not name.startswith("MCBig")]
    return [name for name in wanted if ("LiveSpec" in text(name)) == live and of(name).Retries == retries]
