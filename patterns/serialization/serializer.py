"""The base class of all serializers."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Generic, Literal, TypeVar

from stampede.patterns.serialization.plain_values import plain_from, record_from

T = TypeVar("T")

Schema = Literal["none", "reader", "both"]
"""Which side needs the record's fields: none (the bytes contain them), the reader, or reader and writer."""


class Serializer(ABC, Generic[T]):
    """Converts a value of the application to bytes in the cache, and back.

    `Json()` converts dicts, lists and scalars. `Json.for_type(User)` converts users: `dumps` takes the application's
    own object, and `loads` returns one.
    """

    summary: ClassVar[str]
    """One line for tables of the report."""
    wire: ClassVar[str] = ""
    """The format of the bytes: json, msgpack, cbor, pickle, protobuf. Empty: only this serializer reads it."""
    schema: ClassVar[Schema] = "none"
    """Which side needs the record's fields."""
    validates: ClassVar[bool] = False
    """Whether `loads` of a typed serializer refuses a field of an undeclared type."""
    runs_code: ClassVar[bool] = False
    """Whether reading bytes can run code from them. Such a serializer must not read bytes that others can write."""
    native: ClassVar[frozenset[type]] = frozenset()
    """The types beyond JSON's that the format has. Other types become text if the record's type is known."""

    @abstractmethod
    def dumps(self, value: T) -> bytes:
        """The value as bytes. Raises the library's own error if the value cannot be represented."""

    @abstractmethod
    def loads(self, data: bytes) -> T:
        """The value that `dumps` was given, as closely as the format allows."""

    @classmethod
    def for_type(cls, record_type: type[Any]) -> "Serializer[Any]":
        """This serializer for records of a dataclass: it converts record to dict to bytes, and back.

        For the type dict, it is the serializer itself. A serializer whose library supports dataclasses overrides this.
        """
        if record_type is dict:
            return cls()
        plain, to_plain = cls(), plain_from(record_type, cls.native)
        to_record = record_from(record_type, cls.native)
        return ForRecords(lambda value: plain.dumps(to_plain(value)), lambda data: to_record(plain.loads(data)))


class ForRecords(Serializer[Any]):
    """A serializer that consists of two functions."""

    def __init__(self, dumps: Callable[[Any], bytes], loads: Callable[[bytes], Any]) -> None:
        self.dumps = dumps  # type: ignore[method-assign, assignment]
        self.loads = loads  # type: ignore[method-assign, assignment]

    def dumps(self, value: Any) -> bytes:
        raise NotImplementedError

    def loads(self, data: bytes) -> Any:
        raise NotImplementedError
