"""msgspec, JSON: decoded directly into the record, with a check of the declared types.

Good for: JSON as the format, the application's own object at both ends, and a check of the data when it is read.
Bad for: records without declared types: its advantages depend on the schema.
Untrusted bytes: safe to read; nesting too deep raises, and so does a field of an undeclared type.
Source: RFC 8259; github.com/jcrist/msgspec. Departures: none.
"""

from typing import Any

import msgspec

from stampede.patterns.serialization.serializer import Serializer


class MsgspecJson(Serializer[Any]):
    summary = "JSON by msgspec (C), typed and validated"
    wire = "json"
    schema = "reader"
    validates = True

    def __init__(self, record_type: Any = Any) -> None:
        self.encode = msgspec.json.Encoder().encode
        self.decode = msgspec.json.Decoder(record_type).decode

    def dumps(self, value: Any) -> bytes:
        return self.encode(value)

    def loads(self, data: bytes) -> Any:
        return self.decode(data)

    @classmethod
    def for_type(cls, record_type: type[Any]) -> "MsgspecJson":
        return cls(Any if record_type is dict else record_type)
