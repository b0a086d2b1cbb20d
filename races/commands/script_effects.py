"""Reads the contents of keys before and after a script. The command alone does not show the effect of a script."""

from collections.abc import Iterable
from typing import Any

from stampede.races.commands.command_table import as_text
from stampede.races.commands.lock_commands import COLLECTION, SHORT_TTL_MS, Contents
from stampede.races.scheduler.actions import Touch

READ_CONTENTS = """
local found = {}
for i, key in ipairs(KEYS) do
    local kind = redis.call('TYPE', key).ok
    local left_ms = redis.call('PTTL', key)
    if kind == 'string' then found[i] = {kind, left_ms, redis.call('GET', key)}
    elseif kind == 'hash' then found[i] = {kind, left_ms, redis.call('HGETALL', key)}
    else found[i] = {kind, left_ms} end
end
return found
"""


class KeyContentsCache:
    """The known contents of keys. A key that is written becomes unknown."""

    def __init__(self) -> None:
        self._contents: dict[str, Contents] = {}
        self._unknown: set[str] = set()
        self._all_unknown = False

    def restart(self, keys: Iterable[str]) -> None:
        """Start a schedule in which exactly these keys exist."""
        self._contents, self._unknown, self._all_unknown = {}, set(keys), False

    def invalidate(self, touched: Touch) -> None:
        """Mark the keys that a round trip may have written as unknown."""
        if touched.everything:
            self._contents, self._all_unknown = {}, True
        for name in touched.writes:
            if name.startswith("key:"):
                self._contents.pop(name[4:], None)
                self._unknown.add(name[4:])

    def removed(self, key: str) -> None:
        """Mark a key that expired or was evicted as unknown."""
        self._contents.pop(key, None)
        self._unknown.add(key)

    def unknown(self, keys: Iterable[str]) -> list[str]:
        """The keys whose contents must be read from the server."""
        return [key for key in keys if key not in self._contents and (self._all_unknown or key in self._unknown)]

    def known(self, keys: Iterable[str]) -> dict[str, Contents]:
        """The known contents of the keys. None for a key that does not exist or is unknown."""
        return {key: self._contents.get(key) for key in keys}

    def update(self, keys: list[str], reply: list[list[Any]]) -> dict[str, Contents]:
        """Store the reply to READ_CONTENTS. Returns the contents by key."""
        found = {key: parse_contents(row) for key, row in zip(keys, reply, strict=False)}
        self._contents |= found
        return found


def read_contents_command(keys: list[str]) -> tuple[str | int, ...]:
    """The command that reads the contents of keys."""
    return ("EVAL", READ_CONTENTS, len(keys), *keys)


def expiring_keys(keys: list[str], reply: list[list[Any]]) -> list[str]:
    """The keys whose TTL ends before the next step."""
    return [key for key, row in zip(keys, reply, strict=False) if 0 <= row[1] <= SHORT_TTL_MS]


def parse_contents(row: list[Any]) -> Contents:
    """The contents of one key, from a row of the reply to READ_CONTENTS."""
    kind = as_text(row[0])
    if kind == "none":
        return None
    if kind == "string":
        return bytes(row[2])
    return dict(zip(row[2][::2], row[2][1::2], strict=True)) if kind == "hash" else COLLECTION
