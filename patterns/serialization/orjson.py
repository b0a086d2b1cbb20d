"""orjson: JSON by a library in Rust, several times as fast as the standard one.

Good for: JSON where it stays JSON for other readers, and encoding or decoding shows in a profile.
Bad for: NaN and infinity (written as null, silently), integers beyond 64 bits (refused; read, they become floats), keys
of a dict that are no strings (refused), and the same types that JSON itself has no name for.
Untrusted bytes: safe to read; nesting beyond 1,024 levels raises.
Source: RFC 8259; github.com/ijl/orjson. Departures: decimals go as text, as in json.py, since orjson refuses them;
bytes go in base64 where the record's type is known.
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
        return ForRecords(  # it writes dataclasses by itself
            lambda value: orjson.dumps(value, default=as_plain), lambda data: to_record(plain.loads(data))
        )
