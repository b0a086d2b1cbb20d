"""The contents of keys before and after a script, since the command does not show what a script does."""

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
    """Remembers the contents of keys until they are written again."""

    def __init__(self) -> None:
        self._seen: dict[str, Contents] = {}
        self._unknown: set[str] = set()
        self._nothing_known = False

    def restart(self, keys: Iterable[str]) -> None:
        """A schedule begins: these keys are there, and no others."""
        self._seen, self._unknown, self._nothing_known = {}, set(keys), False

    def wrote(self, full_touch: Touch) -> None:
        """A round trip may have written what it touches."""
        if full_touch.everything:
            self._seen, self._nothing_known = {}, True
        for name in full_touch.writes:
            if name.startswith("key:"):
                self._seen.pop(name[4:], None)
                self._unknown.add(name[4:])

    def ended(self, key: str) -> None:
        self._seen.pop(key, None)
        self._unknown.add(key)

    def unknown(self, keys: Iterable[str]) -> list[str]:
        """Those of the keys whose contents have to be asked for."""
        return [key for key in keys if key not in self._seen and (self._nothing_known or key in self._unknown)]

    def known(self, keys: Iterable[str]) -> dict[str, Contents]:
        """The known contents of the keys. Keys with unknown contents are absent."""
        return {key: self._seen.get(key) for key in keys}

    def update(self, keys: list[str], answer: list[list[Any]]) -> dict[str, Contents]:
        """What the server answered to LOOK."""
        found = {key: read(row) for key, row in zip(keys, answer, strict=False)}
        self._seen |= found
        return found


def read_contents_command(keys: list[str]) -> tuple[str | int, ...]:
    """The command that reads the contents of keys."""
    return ("EVAL", READ_CONTENTS, len(keys), *keys)


def expiring_keys(keys: list[str], answer: list[list[Any]]) -> list[str]:
    """The keys whose TTL is as good as over."""
    return [key for key, row in zip(keys, answer, strict=False) if 0 <= row[1] <= SHORT_TTL_MS]


def read(row: list[Any]) -> Contents:
    """One key, as LOOK returns it."""
    kind = as_text(row[0])
    if kind == "none":
        return None
    if kind == "string":
        return bytes(row[2])
    return dict(zip(row[2][::2], row[2][1::2], strict=True)) if kind == "hash" else COLLECTION
