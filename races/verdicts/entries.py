"""Finds the keys that are entries: a reader loads again without them. Tested once for a contender and situation."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from stampede.core.errors import ClientKilled
from stampede.patterns.caching.cache_pattern import Context, Record
from stampede.races.commands.locks import Location
from stampede.races.hooks.sandbox import RECORD, Sandbox

NUMBER = re.compile(r"\d+")


class RecordReader(Protocol):
    def get(self, record_id: int) -> Record | None: ...


class EntryDetector:
    """Detects the entries of a contender. The first call makes a few reads between two schedules."""

    def __init__(self, sandbox: Sandbox, contender: Callable[[Context], RecordReader]) -> None:
        self._sandbox = sandbox
        self._contender = contender
        self._known: set[Location] | None = None

    def is_entry(self, location: Location) -> bool:
        """Whether a reader loads again without the location. Keys that differ only in numbers are of one kind."""
        if self._known is None:
            self._known = self._detect()
        return self.kind(location) in self._known

    def has_entry(self, key: str) -> bool:
        """Whether the key is an entry."""
        return self.is_entry((key, ""))

    def kind(self, location: Location) -> Location:
        """The location without the numbers in its key."""
        return NUMBER.sub("#", self._sandbox.without_prefix(location[0])), location[1]

    def _detect(self) -> set[Location]:
        sandbox = self._sandbox
        sandbox.reset([])
        self._loads_of_a_read()
        filled = sandbox.entries()
        found = set()
        for location in sandbox.locations(key for key, _, _ in filled):
            sandbox.reset(filled)
            sandbox.remove(location)
            if self._loads_of_a_read():
                found.add(self.kind(location))
        return found

    def _loads_of_a_read(self) -> int:
        sandbox = self._sandbox
        before = sandbox.unscheduled_loads
        with sandbox.unscheduled() as context, suppress(Exception, ClientKilled):
            self._contender(context).get(RECORD)
        return sandbox.unscheduled_loads - before
