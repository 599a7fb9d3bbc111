"""Which requirements a test is marked with, read from its source: no test is imported for it."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path


def requirements_of(root: Path, node: str) -> frozenset[str]:
    """The requirements that the marks of a test name: its own, its class's and its module's.

    `node` is a node id; parameters are not looked at. A test that its class inherits has the class's marks. Nothing
    for a test that is not there.
    """
    file, _, rest = node.partition("::")
    names = rest.partition("[")[0].split("::")
    path = root / file
    return frozenset(_marks(path, tuple(names))) if path.is_file() else frozenset()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _marks(path: Path, names: tuple[str, ...]) -> Iterable[str]:
    body: list[ast.stmt] = _tree(path).body
    found = [each.value for each in body if isinstance(each, ast.Assign) and _is_pytestmark(each)]
    for depth, name in enumerate(names, start=1):
        kinds = ast.FunctionDef if depth == len(names) else ast.ClassDef
        inner = next((each for each in body if isinstance(each, kinds) and each.name == name), None)
        if inner is None:
            if depth == 1:
                return []
            break  # inherited
        found += inner.decorator_list
        body = inner.body
    return [name for mark in found for name in _named(mark)]


def _is_pytestmark(statement: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in statement.targets)


def _named(mark: ast.expr) -> Iterable[str]:
    for node in ast.walk(mark):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "requirement":
            yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str))
