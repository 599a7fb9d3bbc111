"""The values of the model as JSON objects: one writer and one reader for each class, generated once by cattrs.

Every attribute is told its own hook, so that nothing is looked up while entries are written or read. An attribute
that is None by default is left out where it is None, and never written as null; unknown keys are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, Union, cast, get_args, get_origin

import attrs
from cattrs import Converter, ForbiddenExtraKeysError
from cattrs.fns import identity
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from fsm.codec.jobs import job_from_dict, job_to_dict
from fsm.codec.scalars import (
    Unreadable,
    read_flag,
    read_instant,
    read_int,
    read_text,
    word_reader,
    write_instant,
)
from fsm.errors import BadValue
from fsm.instants import Deadline, Duration, Instant
from fsm.model.entries import Checkpoint, Queued
from fsm.model.job import Job
from fsm.model.run import Run
from fsm.model.stream import JobState

_T = TypeVar("_T")
# cattrs hands a reader the value and the type that is asked for; the types here are decided beforehand
_Write = Callable[[Any], Any]
_Read = Callable[[Any, Any], Any]

_CONVERTER = Converter(forbid_extra_keys=True, detailed_validation=False)
_RENAMED: dict[tuple[type, str], str] = {(Deadline, "boot"): "boot_us"}  # a unit stands last in its name
_OMITTED: frozenset[tuple[type, str]] = frozenset({(Queued, "forced"), (Run, "forced")})  # left out where it is false
_RETYPED: dict[tuple[type, str], object] = {(Checkpoint, "state"): JobState}  # the model cannot import it


class Shape(Generic[_T]):
    """How values of one class are written and read."""

    __slots__ = ("_read", "write")

    def __init__(self, cls: type[_T]) -> None:
        fields = attrs.fields(attrs.resolve_types(cast("Any", cls)))
        overrides: dict[str, Any] = {}  # Any: the generators take other keywords as well
        for field in fields:
            if field.default is not None and _is_optional(field.type):
                raise TypeError(f"{cls.__name__}.{field.name} may be None, and None is not its default")
            write, read = _hooks(_RETYPED.get((cls, field.name), field.type))
            overrides[field.name] = override(
                rename=_RENAMED.get((cls, field.name)),
                omit_if_default=True if field.default is None or (cls, field.name) in _OMITTED else None,
                unstruct_hook=write,
                struct_hook=read,
            )
        self.write: Callable[[_T], dict[str, Any]] = make_dict_unstructure_fn(cls, _CONVERTER, **overrides)
        self._read = make_dict_structure_fn(cls, _CONVERTER, **overrides)

    def read(self, data: Mapping[str, object], cls: Any = None) -> _T:
        """The value that `write` wrote. Raises `Unreadable`."""
        if type(data) is not dict:
            raise Unreadable(f"{data!r} is not an object")
        try:
            return self._read(data, cls)
        except ForbiddenExtraKeysError as error:
            raise Unreadable(f"it has unknown fields: {', '.join(sorted(error.extra_fields))}") from None
        except KeyError as error:
            raise Unreadable(f"it lacks {error}") from None


_SHAPES: dict[type, Shape[Any]] = {}


def shape(cls: type[_T]) -> Shape[_T]:
    """The shape of `cls`, made when it is first asked for."""
    if cls not in _SHAPES:
        _SHAPES[cls] = Shape(cls)
    return _SHAPES[cls]


def json_type(cls: type, name: str, kind: Any) -> Any:
    """The type that an attribute has in JSON, where the class does not say it all."""
    return _RETYPED.get((cls, name), kind)


def may_be_left_out(cls: type, name: str) -> bool:
    """Whether an attribute that is not None by default is left out all the same where it has its default."""
    return (cls, name) in _OMITTED


def json_name(cls: type, name: str) -> str:
    """How an attribute is called in JSON."""
    return _RENAMED.get((cls, name), name)


def _is_optional(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType) and NoneType in get_args(kind)


def _hooks(kind: Any) -> tuple[_Write, _Read]:
    """Writer and reader of an attribute of this type."""
    if kind in _SCALARS:
        return _SCALARS[kind]
    if _is_optional(kind):
        (kind,) = (part for part in get_args(kind) if part is not NoneType)
        return _hooks(kind)  # None is left out, and null is no value of the format
    if get_origin(kind) is tuple:
        item, ellipsis = get_args(kind)
        if ellipsis is not ...:
            raise TypeError(f"the format has no tuples of fixed length: {kind}")
        return _list_hooks(item)
    if issubclass(kind, StrEnum):
        return identity, word_reader(kind)
    return shape(kind).write, shape(kind).read


def _list_hooks(item: Any) -> tuple[_Write, _Read]:
    write, read = _hooks(item)

    def read_list(value: object, _: object) -> tuple[Any, ...]:
        if type(value) is not list:
            raise Unreadable(f"{value!r} is not a list")
        return tuple(read(part, None) for part in value)

    return lambda parts: [write(part) for part in parts], read_list


def _read_job(value: object, _: object) -> Job:
    if type(value) is not dict:
        raise Unreadable(f"{value!r} is not a job")
    try:
        return job_from_dict(value)
    except BadValue as error:
        raise Unreadable(str(error)) from None


_SCALARS: dict[object, tuple[_Write, _Read]] = {
    int: (identity, read_int),
    str: (identity, read_text),
    bool: (identity, read_flag),
    Instant: (write_instant, read_instant),
    Duration: (identity, read_int),
    Job: (job_to_dict, _read_job),
}
