"""What every serializer is: two functions, bound to the type of the values that it carries."""

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

T = TypeVar("T")


class Serializer(ABC, Generic[T]):
    """A two-way mapping between a value of the application and bytes in the cache."""

    summary: ClassVar[str]
    """One line for tables."""

    @abstractmethod
    def dumps(self, value: T) -> bytes:
        """The value as bytes. Raises the library's own error where the value cannot be represented."""

    @abstractmethod
    def loads(self, data: bytes) -> T:
        """The value that `dumps` was given, as near to it as the format allows."""
