"""What a cache does to the values of a record: the columns that a hit returns otherwise than a miss."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stampede.core.errors import shortened
from stampede.patterns.serialization.serializer import Serializer


@dataclass(frozen=True, kw_only=True)
class ColumnChange:
    """How a column's value from the cache differs from the loaded one."""

    loaded: str
    """The type of the value that a miss returns, or the value itself if only the value differs."""
    cached: str
    """The same for a hit. Empty: the serializer cannot write the value, or not read it back."""

    @property
    def lost(self) -> bool:
        """Whether the value cannot be cached at all."""
        return not self.cached

    def text(self, cache: str = "cache") -> str:
        """Both, in words."""
        if self.lost:
            return f"{self.loaded}, which the {cache} cannot represent"
        return f"{self.loaded} from the database, {self.cached} from the {cache}"


def column_changes(record: Mapping[str, Any], serializer: Serializer[Any]) -> dict[str, ColumnChange]:
    """The columns that a round trip through the serializer changes, in type or value at any level, or cannot make."""
    try:
        cached = serializer.loads(serializer.dumps(dict(record)))
        if cached.keys() == record.keys():
            return {n: change(value, cached[n]) for n, value in record.items() if not same(value, cached[n])}
    except Exception:  # noqa: BLE001 - each library has its own errors; the columns are tried one by one
        pass
    found = {}
    for name, value in record.items():
        try:
            alone = serializer.loads(serializer.dumps({name: value}))[name]
        except Exception:  # noqa: BLE001 - each library has its own errors
            found[name] = ColumnChange(loaded=type(value).__name__, cached="")
        else:
            if not same(value, alone):
                found[name] = change(value, alone)
    return found


def change(value: Any, cached: Any) -> ColumnChange:
    """The change between two values that differ."""
    was, became = (type(v).__name__ for v in (value, cached))
    if was == became:
        was, became = shortened(repr(value)), shortened(repr(cached))
    return ColumnChange(loaded=was, cached=became)


def same(value: Any, cached: Any) -> bool:
    """Whether both are equal in value and type, at every level. NaN equals NaN."""
    if type(value) is not type(cached):
        return False
    if isinstance(value, dict):
        return value.keys() == cached.keys() and all(same(v, cached[k]) for k, v in value.items())
    if isinstance(value, list | tuple):
        return len(value) == len(cached) and all(same(v, c) for v, c in zip(value, cached, strict=True))
    return bool(value == cached) or bool(value != value and cached != cached)
