"""ormsgpack: MessagePack by a library in Rust, similar to orjson.

Good for: MessagePack, if a profile shows encoding or decoding.
Bad for: dates, which it writes and reads as text; integers beyond 64 bits and keys of a dict that are not strings
(refused).
Untrusted bytes: safe to read; nesting beyond 1,022 levels raises.
Source: msgpack.org; github.com/aviramha/ormsgpack. Departures: decimals are written as text, because ormsgpack refuses
them.
"""

from typing import Any

import ormsgpack

from stampede.patterns.serialization.msgpack import as_text
from stampede.patterns.serialization.plain_values import as_plain, record_from
from stampede.patterns.serialization.serializer import ForRecords, Serializer


class Ormsgpack(Serializer[Any]):
    summary = "MessagePack by ormsgpack (Rust)"
    wire = "msgpack"
    native = frozenset({bytes})

    def dumps(self, value: Any) -> bytes:
        return ormsgpack.packb(value, default=as_text)

    def loads(self, data: bytes) -> Any:
        return ormsgpack.unpackb(data)

    @classmethod
    def for_type(cls, record_type: type[Any]) -> Serializer[Any]:
        if record_type is dict:
            return cls()
        plain, to_record = cls(), record_from(record_type, cls.native)
        return ForRecords(  # ormsgpack writes dataclasses itself
            lambda value: ormsgpack.packb(value, default=as_plain), lambda data: to_record(plain.loads(data))
        )
