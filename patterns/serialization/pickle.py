"""Pickle: Python's own format, for nearly every object.

Good for: a cache that only one Python program reads and writes, if all its types must survive.
Bad for: shared data. Other languages cannot read it; a renamed class cannot be loaded; a record of an older class lacks
the new fields, and fails only when they are used.
Untrusted bytes: NEVER. The bytes can name any function, which is called while they are read: a user who can write to
the cache can run code in the application.
Source: PEP 307, 574; the article's third serializer (A3). Departures: none; the highest protocol.
"""

import pickle
from typing import Any

from stampede.patterns.serialization.serializer import Serializer


class Pickle(Serializer[Any]):
    summary = "Python's pickle; runs code from the bytes"
    wire = "pickle"
    runs_code = True

    def dumps(self, value: Any) -> bytes:
        return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)

    def loads(self, data: bytes) -> Any:
        return pickle.loads(data)

    @classmethod
    def for_type(cls, record_type: type[Any]) -> "Pickle":  # noqa: ARG003 - pickle keeps every type
        return cls()
