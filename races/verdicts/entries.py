"""Finds the keys that are entries: without them a reader loads again. Tried once for a contender and situation."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from stampede.core.errors import ClientKilled
from stampede.patterns.caching.cache_pattern import Context, Record
from stampede.races.commands.locks import Cell
from stampede.races.hooks.sandbox import RECORD, Sandbox

NUMBER = re.compile(r"\d+")


class RecordReader(Protocol):
    def get(self, record_id: int) -> Record | None: ...


class Entries:
    """The entries of a contender. The first question is answered by a few reads between two schedules."""

    def __init__(self, sandbox: Sandbox, contender: Callable[[Context], RecordReader]) -> None:
        self._sandbox = sandbox
        self._contender = contender
        self._known: set[Cell] | None = None

    def is_entry(self, cell: Cell) -> bool:
        """Whether a reader loads again without the cell. Keys that differ only in numbers are of one kind."""
        if self._known is None:
            self._known = self._try()
        return self.kind(cell) in self._known

    def has_entry(self, key: str) -> bool:
        """Whether the key, or a field of it, is one."""
        return self.is_entry((key, ""))

    def kind(self, cell: Cell) -> Cell:
        """The cell, without the numbers in its key."""
        return NUMBER.sub("#", self._sandbox.short(cell[0])), cell[1]

    def _try(self) -> set[Cell]:
        sandbox = self._sandbox
        sandbox.reset([])
        self._loads_of_a_read()
        filled = sandbox.entries()
        found = set()
        for cell in sandbox.cells(key for key, _, _ in filled):
            sandbox.reset(filled)
            sandbox.remove(cell)
            if self._loads_of_a_read():
                found.add(self.kind(cell))
        return found

    def _loads_of_a_read(self) -> int:
        sandbox = self._sandbox
        before = sandbox.free_loads
        with sandbox.free() as context, suppress(Exception, ClientKilled):
            self._contender(context).get(RECORD)
        return sandbox.free_loads - before
