"""What every compressor is, and the serializer that one makes of another."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from stampede.core.errors import require
from stampede.patterns.serialization.serializer import Serializer

MOST_BYTES = 64 * 2**20
"""What `decompress` gives back at most: a few hundred bytes can unfold to gigabytes."""


class TooLarge(ValueError):
    """Compressed bytes that would unfold to more than is allowed."""


class Compressor(ABC):
    """A two-way mapping between bytes and fewer bytes."""

    summary: ClassVar[str]
    trained: ClassVar[bool] = False
    """Whether it must see examples first: `train` then gives it a dictionary, which both ends must hold."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        require(most_bytes > 0, "most_bytes", most_bytes, "above 0")
        self.most_bytes = most_bytes
        self.dictionary = b""

    def train(self, examples: Sequence[bytes]) -> None:  # noqa: B027 - most need none
        """Learn from examples, which should be other rows of the same kind; then as `use`."""

    def use(self, dictionary: bytes) -> None:
        """Compress with this dictionary from now on."""
        self.dictionary = dictionary

    @abstractmethod
    def compress(self, data: bytes) -> bytes: ...

    @abstractmethod
    def decompress(self, data: bytes) -> bytes:
        """What `compress` was given. Raises TooLarge beyond `most_bytes`, else the library's own error."""


class Compressed(Serializer[Any]):
    """Any serializer with any compressor around it."""

    summary = "a serializer, compressed"

    def __init__(self, serializer: Serializer[Any], compressor: Compressor) -> None:
        self.encode, self.decode = serializer.dumps, serializer.loads
        self.compress, self.decompress = compressor.compress, compressor.decompress

    def dumps(self, value: Any) -> bytes:
        return self.compress(self.encode(value))

    def loads(self, data: bytes) -> Any:
        return self.decode(self.decompress(data))
