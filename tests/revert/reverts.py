"""Stored reverts: each takes one fix out of the product, and names the test that has to notice.

They lie in the ``.toml`` files beside this one. A revert is an edit of the product's source: `old`, which has to be
there exactly once, becomes `new`. It is never applied to the tree itself, only to a copy (see ``check.py``).
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

_KEYS = {"name", "report", "requirement", "rule", "puts_back", "test", "file", "old", "new", "also"}
_EDIT = {"file", "old", "new"}


EVIDENCE = (
    "two armings of one run",
    "the life lock before the report",
    "a supervisor killed with the lock still inherited",
    "verdict, crash, recovery of the slot",
    "go after the verdict",
    "a mute supervisor",
    "a grandchild that closed its descriptors and changed its session",
    "ENOSPC at the report",
    "an unreadable report",
    "an unknown folder after a restored backup",
    "a leaked pipe end",
)
"""The rules of the design's section *Evidence*, by what would go wrong without them: each has a revert, and a test
with real processes."""


@dataclass(frozen=True)
class Edit:
    """One place. `file` is relative to the root."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Revert:
    """A fix to be taken out.

    `puts_back`: the bug that is there then, in a sentence. `test`: the node id of the test that must fail. `report`:
    the number of the report whose scenario that is, `rule`: which one of `EVIDENCE` it takes out; None for neither.
    """

    name: str
    puts_back: str
    test: str
    requirement: tuple[str, ...]
    edits: tuple[Edit, ...]
    report: int | None = None
    rule: str | None = None

    def problems(self, root: Path = ROOT) -> Iterator[str]:
        """Why it does not apply to the tree at `root`; nothing where it does."""
        texts: dict[str, str] = {}
        for edit in self.edits:
            path = root / edit.file
            if not edit.file.startswith("fsm/") or not path.is_file():
                yield f"{edit.file} is no file of the product"
                continue
            text = texts.get(edit.file) or path.read_text(encoding="utf-8")
            found = text.count(edit.old)
            if found != 1:
                yield f"its text is there {found} times in {edit.file}: {edit.old.splitlines()[0].strip()!r}"
                continue
            texts[edit.file] = text.replace(edit.old, edit.new)
        for file, text in texts.items():
            if file.endswith(".py"):
                yield from _syntax(file, text)
        if not _has_test(root, self.test):
            yield f"there is no test {self.test}"

    def apply(self, root: Path) -> None:
        """Edit the tree at `root`. Raises ValueError where it does not apply."""
        wrong = list(self.problems(root))
        if wrong:
            raise ValueError("; ".join(wrong))
        for edit in self.edits:
            path = root / edit.file
            path.write_text(path.read_text(encoding="utf-8").replace(edit.old, edit.new), encoding="utf-8")


def _syntax(file: str, text: str) -> Iterator[str]:
    try:
        ast.parse(text)
    except SyntaxError as error:
        yield f"{file} is no Python with it: {error}"


def _has_test(root: Path, node: str) -> bool:
    """Whether there is such a test; its parameters are not looked at."""
    file, _, rest = node.partition("::")
    *classes, function = rest.partition("[")[0].split("::")
    path = root / file
    if not path.is_file():
        return False
    names = [each.name for each in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if _is_named(each)]
    if classes:  # its tests may be inherited
        return all(each in names for each in classes)
    return function in names


def _is_named(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.ClassDef)


def load() -> list[Revert]:
    """All of them, by file and in their order there. Raises ValueError for one that is not written as it should be."""
    found = []
    for path in sorted(HERE.glob("*.toml")):
        with open(path, "rb") as file:
            document = tomllib.load(file)
        for table in document.pop("revert", []):
            try:
                found.append(_read(table))
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{path.name}: {table.get('name')!r}: {error!r}") from error
        if document:
            raise ValueError(f"{path.name}: {', '.join(document)} is not known")
    return found


def _read(table: dict[str, Any]) -> Revert:
    unknown = table.keys() - _KEYS
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))} is not known")
    edits = [{key: table[key] for key in _EDIT}, *table.get("also", [])]
    return Revert(
        table["name"],
        table["puts_back"],
        table["test"],
        tuple(table["requirement"]),
        tuple(Edit(edit["file"], _trimmed(edit["old"]), _trimmed(edit["new"])) for edit in edits),
        table.get("report"),
        table.get("rule"),
    )


def _trimmed(text: str) -> str:
    """Without the line break before the closing quotes."""
    return text.removesuffix("\n")
