"""TOML tables to frozen dataclasses and back: names and types are checked on the way."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from typing import Any

from colorcli.errors import UsageError
from colorcli.registry import near_miss


def plain(value: Any) -> Any:
    """Return a dataclass as plain tables, lists and values, without those that are None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
        return {key: plain(item) for key, item in pairs if item is not None}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def apply(table: dict[str, Any], setting: str) -> None:
    """Change one value of a table: ``setting`` is ``key=value``, keys dotted, values as in TOML or bare words."""
    key, equals, value = setting.partition("=")
    if not equals:
        raise UsageError(f"--set {setting}: expected key=value", hint="for example --set optimizer.steps=1000")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value  # a bare word is a string
    *path, last = key.strip().split(".")
    for part in path:
        node = table.setdefault(part, {})
        if not isinstance(node, dict):
            raise UsageError(f"--set {setting}: {part!r} is not a table")
        table = node
    table[last] = parsed


def build(kind: Any, value: Any, where: str) -> Any:
    """Turn TOML values into ``kind``, a dataclass or the type of one of its fields.

    Raises:
        UsageError: an unknown key (with a near miss), a missing one, or a value of another type; ``where`` names it.
    """
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise UsageError(f"{where}: expected a table, got {value!r}")
        hints = typing.get_type_hints(kind)
        known = {f.name: f for f in dataclasses.fields(kind)}
        for key in value:
            if key not in known:
                raise UsageError(f"{where}: unknown key {key!r}", hint=near_miss(key, known))
        for key, entry in known.items():
            needed = entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING
            if needed and key not in value:
                raise UsageError(f"{where}: the key {key!r} is missing")
        return kind(**{key: build(hints[key], item, f"{where}: {key}") for key, item in value.items()})
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        if not isinstance(value, list):
            raise UsageError(f"{where}: expected a list, got {value!r}")
        if arguments[-1] is Ellipsis:
            return tuple(build(arguments[0], item, where) for item in value)
        if len(value) != len(arguments):
            raise UsageError(f"{where}: expected {len(arguments)} values, got {value!r}")
        return tuple(build(part, item, where) for part, item in zip(arguments, value, strict=True))
    if origin is types.UnionType:
        return build(next(part for part in arguments if part is not type(None)), value, where)
    if origin is dict:
        if not isinstance(value, dict):
            raise UsageError(f"{where}: expected a table, got {value!r}")
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise UsageError(f"{where}: expected {kind.__name__}, got {value!r}")
    return value
