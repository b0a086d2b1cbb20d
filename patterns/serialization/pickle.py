"""Pickle: Python's own format, which carries nearly every object as it is.

Good for: a cache that one Python program alone reads and writes, when its types must all survive.
Bad for: everything shared. Other languages cannot read it; a class that was renamed cannot be loaded; a record of an
older class comes back without its new fields, and fails only when they are used.
Untrusted bytes: NEVER. Bytes can name any function and have it called while they are read: whoever can write to the
cache can run code in the application.
Source: PEP 307, 574; the article's third serializer (A3). Departures: none; the highest protocol.
"""

import pickle
from typing import Any

from stampede.patterns.serialization.serializer import Serializer


class Pickle(Serializer[Any]):
    summary = "Python's pickle; runs code that stands in the bytes"
    wire = "pickle"
    runs_code = True

    def dumps(self, value: Any) -> bytes:
        return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)

    def loads(self, data: bytes) -> Any:
        return pickle.loads(data)

    @classmethod
    def for_type(cls, record_type: type[Any]) -> "Pickle":  # noqa: ARG003 - it carries every type as it is
        return cls()
