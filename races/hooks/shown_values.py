"""The value of a Redis key as short text for the diagrams."""

import re
from typing import Any

from stampede.races.commands.command_table import as_text

VERSION = re.compile(r'"version": ?(\d+)')


def read_value(client: Any, kind: bytes, key: str) -> Any:
    """The value of a key of the given Redis type."""
    if kind == b"string":
        return client.get(key)
    if kind == b"hash":
        return client.hgetall(key)
    if kind == b"list":
        return client.lrange(key, 0, -1)
    if kind == b"zset":
        return client.zrange(key, 0, -1, withscores=True)
    return sorted(client.smembers(key)) if kind == b"set" else kind.decode()


def value_text(value: Any) -> str:
    """A record as its version (v2), any other value as short text."""
    if isinstance(value, dict):
        return ", ".join(f"{as_text(field)}: {value_text(content)}" for field, content in sorted(value.items()))
    if isinstance(value, list):
        return f"[{len(value)}]"
    text = as_text(value) if isinstance(value, bytes | str) else str(value)
    version = VERSION.search(text)
    if version:
        return f"v{version[1]}"
    return text if len(text) <= 12 else f"{text[:8]}…"
