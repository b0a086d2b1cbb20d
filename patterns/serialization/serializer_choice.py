"""The serializer with which the contenders of a run store records: the suite's or the user's, maybe compressed."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from stampede.core.errors import ConfigError, require
from stampede.patterns.compression.compressor import Compressed
from stampede.patterns.compression.compressor_registry import compressors
from stampede.patterns.serialization.serializer import Serializer
from stampede.patterns.serialization.serializer_registry import NamedSerializer, find_serializer

COMPRESSED_BY = "+"
"""`json+zstd`: the serializer, then the compressor of its bytes."""


@dataclass(frozen=True, kw_only=True)
class SerializerChoice:
    """A serializer, and the compressor of its bytes, by name."""

    serializer: str = "json"
    """Its name, as reports print it."""
    file: str | None = None
    """Path of the user's file. None: a serializer of the suite."""
    compressor: str = ""
    """Empty: the bytes are not compressed."""

    @property
    def name(self) -> str:
        """The name that reports print, for example `json+zstd`."""
        return f"{self.serializer}{COMPRESSED_BY}{self.compressor}" if self.compressor else self.serializer

    def make(self) -> Serializer[Any]:
        """The serializer. Raises ConfigError if the user's file no longer defines it."""
        plain = find_serializer(self.file or self.serializer).serializer.for_type(dict)
        return Compressed(plain, compressors()[self.compressor]()) if self.compressor else plain


def choose_serializer(text: str, *, managed: bool, allow_pickle: bool) -> SerializerChoice:
    """The choice that `--serializer` names: `msgpack`, `json+zstd`, `my_format.py`.

    `managed`: Stampede started the server. Raises ConfigError: no such serializer or compressor, one that cannot carry
    records without declared fields, or one that runs code from bytes that others can write.
    """
    found, compressor = parsed(text)
    kind = found.serializer
    if kind.schema == "both":
        want = "one that carries records without declared fields, for example msgpack or pickle"
        raise ConfigError("serializer", text, want)
    if compressor and compressors()[compressor].trained:
        want = "a compressor without a trained dictionary, which every process would need: zstd, lz4 or zlib"
        raise ConfigError("serializer", text, want)
    if kind.runs_code and not managed and not allow_pickle:
        want = "a server that the suite starts, because reading runs code from the bytes; or --allow-pickle"
        raise ConfigError("serializer", text, want)
    return SerializerChoice(serializer=found.name, file=found.file, compressor=compressor)


@cache
def parsed(text: str) -> tuple[NamedSerializer, str]:
    """The serializer and the compressor in the text; no compressor: empty. Raises ConfigError."""
    if text.endswith(".py"):
        return find_serializer(text), ""
    name, plus, compressor = text.rpartition(COMPRESSED_BY)
    if not plus:
        return find_serializer(text), ""
    require(compressor in compressors(), "serializer", text, f"after the plus one of {', '.join(compressors())}")
    return find_serializer(name), compressor
