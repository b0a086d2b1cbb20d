"""What every serializer is: two functions, bound to the type of the values that it carries."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Generic, Literal, TypeVar

from stampede.patterns.serialization.plain_values import plain_from, record_from

T = TypeVar("T")

Schema = Literal["none", "reader", "both"]
"""Who must know the record's fields: nobody (the bytes tell all), the reader, or reader and writer."""


class Serializer(ABC, Generic[T]):
    """A two-way mapping between a value of the application and bytes in the cache.

    `Json()` carries dicts, lists and scalars as they are. `Json.for_type(User)` carries users: both ends are then the
    application's own object.
    """

    summary: ClassVar[str]
    """One line for tables."""
    wire: ClassVar[str] = ""
    """The format of the bytes: json, msgpack, cbor, pickle, protobuf. Empty: one that nobody else reads."""
    schema: ClassVar[Schema] = "none"
    validates: ClassVar[bool] = False
    """Whether `loads` of a typed serializer refuses a field of another type than declared."""
    runs_code: ClassVar[bool] = False
    """Whether reading bytes can run code that stands in them: never read what others can write."""
    native: ClassVar[frozenset[type]] = frozenset()
    """Types beyond JSON's that come back as they were; the others go as text when the record's type is known."""

    @abstractmethod
    def dumps(self, value: T) -> bytes:
        """The value as bytes. Raises the library's own error where the value cannot be represented."""

    @abstractmethod
    def loads(self, data: bytes) -> T:
        """The value that `dumps` was given, as near to it as the format allows."""

    @classmethod
    def for_type(cls, record_type: type[Any]) -> "Serializer[Any]":
        """This serializer for records of a dataclass: record to dict to bytes and back. dict: as it is.

        A library that knows dataclasses by itself overrides this.
        """
        if record_type is dict:
            return cls()
        plain, to_plain = cls(), plain_from(record_type, cls.native)
        to_record = record_from(record_type, cls.native)
        return ForRecords(lambda value: plain.dumps(to_plain(value)), lambda data: to_record(plain.loads(data)))


class ForRecords(Serializer[Any]):
    """A serializer out of two functions."""

    def __init__(self, dumps: Callable[[Any], bytes], loads: Callable[[bytes], Any]) -> None:
        self.dumps = dumps  # type: ignore[method-assign, assignment]
        self.loads = loads  # type: ignore[method-assign, assignment]

    def dumps(self, value: Any) -> bytes:
        raise NotImplementedError

    def loads(self, data: bytes) -> Any:
        raise NotImplementedError
