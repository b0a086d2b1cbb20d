"""msgspec, MessagePack: decoded directly into the record, with a check of the declared types.

Good for: small values, the application's own object at both ends, and a check of the data when it is read.
Bad for: records without declared types: its advantages depend on the schema.
Untrusted bytes: safe to read; nesting too deep raises, and so does a field of an undeclared type.
Source: msgpack.org; github.com/jcrist/msgspec. Departures: none.
"""

from typing import Any

import msgspec

from stampede.patterns.serialization.serializer import Serializer


class MsgspecMsgpack(Serializer[Any]):
    summary = "MessagePack by msgspec (C), typed and validated"
    wire = "msgpack"
    schema = "reader"
    validates = True

    def __init__(self, record_type: Any = Any) -> None:
        self.encode = msgspec.msgpack.Encoder().encode
        self.decode = msgspec.msgpack.Decoder(record_type).decode

    def dumps(self, value: Any) -> bytes:
        return self.encode(value)

    def loads(self, data: bytes) -> Any:
        return self.decode(data)

    @classmethod
    def for_type(cls, record_type: type[Any]) -> "MsgspecMsgpack":
        return cls(Any if record_type is dict else record_type)
