"""orjson: JSON by a library in Rust, several times as fast as the standard library.

Good for: services that must keep JSON for other readers, if a profile shows encoding or decoding.
Bad for: NaN and infinity (silently written as null); integers beyond 64 bits (refused when written, read as floats);
keys of a dict that are not strings (refused); and the types that JSON itself does not have.
Untrusted bytes: safe to read; nesting beyond 1,024 levels raises.
Source: RFC 8259; github.com/ijl/orjson. Departures: decimals are written as text, as in json.py, because orjson refuses
them; bytes are written in base64 if the record's type is known.
"""

from typing import Any

import orjson

from stampede.patterns.serialization.json import as_text
from stampede.patterns.serialization.plain_values import as_plain, record_from
from stampede.patterns.serialization.serializer import ForRecords, Serializer


class Orjson(Serializer[Any]):
    summary = "JSON by orjson (Rust)"
    wire = "json"

    def dumps(self, value: Any) -> bytes:
        return orjson.dumps(value, default=as_text)

    def loads(self, data: bytes) -> Any:
        return orjson.loads(data)

    @classmethod
    def for_type(cls, record_type: type[Any]) -> Serializer[Any]:
        if record_type is dict:
            return cls()
        plain, to_record = cls(), record_from(record_type, cls.native)
        return ForRecords(  # orjson writes dataclasses itself
            lambda value: orjson.dumps(value, default=as_plain), lambda data: to_record(plain.loads(data))
        )
