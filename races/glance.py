"""What keys held just before a script and just after it: a script's own words do not tell."""

from collections.abc import Callable, Iterable
from typing import Any

from races.commands import as_text
from races.lock_commands import COLLECTION, Contents
from races.steps import Touch

LOOK = """
local found = {}
for i, key in ipairs(KEYS) do
    local kind = redis.call('TYPE', key).ok
    if kind == 'string' then found[i] = {kind, redis.call('GET', key)}
    elseif kind == 'hash' then found[i] = {kind, redis.call('HGETALL', key)}
    else found[i] = {kind} end
end
return found
"""


class Glance:
    """Asks the server, and remembers what it said until somebody writes the key."""

    def __init__(self, ask: Callable[..., list[Any]]) -> None:
        self._ask = ask
        self._seen: dict[str, Contents] = {}
        self._unknown: set[str] = set()
        self._nothing_known = False

    def restart(self, keys: Iterable[str]) -> None:
        """A schedule begins: these keys are there, and no others."""
        self._seen, self._unknown, self._nothing_known = {}, set(keys), False

    def wrote(self, touched: Touch) -> None:
        """A round trip may have written what it touches."""
        if touched.everything:
            self._seen, self._nothing_known = {}, True
        for name in touched.writes:
            if name.startswith("key:"):
                self.ended(name[4:])

    def ended(self, key: str) -> None:
        self._seen.pop(key, None)
        self._unknown.add(key)

    def contents(self, keys: Iterable[str]) -> dict[str, Contents]:
        """What the keys hold, from memory where that is certain."""
        keys = list(dict.fromkeys(keys))
        asked = [key for key in keys if key not in self._seen and (self._nothing_known or key in self._unknown)]
        if asked:
            (found,) = self._ask(("EVAL", LOOK, len(asked), *asked))
            self._seen.update((key, read(row)) for key, row in zip(asked, found, strict=True))
        return {key: self._seen.get(key) for key in keys}


def read(row: list[Any]) -> Contents:
    """One key, as LOOK returns it."""
    kind = as_text(row[0])
    if kind == "none":
        return None
    if kind == "string":
        return bytes(row[1])
    return dict(zip(row[1][::2], row[1][1::2], strict=True)) if kind == "hash" else COLLECTION
