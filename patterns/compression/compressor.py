"""The base class of all compressors, and the serializer that compresses another serializer's bytes."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from stampede.core.errors import require
from stampede.patterns.serialization.serializer import Serializer

MOST_BYTES = 64 * 2**20
"""The most bytes that `decompress` returns. A few hundred compressed bytes can expand to gigabytes."""


class TooLarge(ValueError):
    """Compressed bytes that would expand to more than the allowed size."""


class Compressor(ABC):
    """A way to compress bytes and to restore them."""

    summary: ClassVar[str]
    """One line for tables of the report."""
    trained: ClassVar[bool] = False
    """Whether it needs a dictionary that `train` makes from examples. Writer and reader need the same dictionary."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        require(most_bytes > 0, "most_bytes", most_bytes, "above 0")
        self.most_bytes = most_bytes
        self.dictionary = b""

    def train(self, examples: Sequence[bytes]) -> None:  # noqa: B027 - most need no training
        """Make a dictionary from examples, which should be other rows of the same kind, and use it."""

    def use(self, dictionary: bytes) -> None:
        """Compress with this dictionary from now on."""
        self.dictionary = dictionary

    @abstractmethod
    def compress(self, data: bytes) -> bytes:
        """The data, compressed."""

    @abstractmethod
    def decompress(self, data: bytes) -> bytes:
        """The bytes that `compress` was given. Raises TooLarge above `most_bytes`, else the library's own error."""


class Compressed(Serializer[Any]):
    """A serializer whose bytes are compressed."""

    summary = "a serializer, compressed"

    def __init__(self, serializer: Serializer[Any], compressor: Compressor) -> None:
        self.encode, self.decode = serializer.dumps, serializer.loads
        self.compress, self.decompress = compressor.compress, compressor.decompress

    def dumps(self, value: Any) -> bytes:
        return self.compress(self.encode(value))

    def loads(self, data: bytes) -> Any:
        return self.decode(self.decompress(data))
