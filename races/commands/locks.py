"""Which keys are locks, and which clients hold and free them. It follows from the clients' actions, not from values.

A lock is a key (or a field of a hash) that a client makes where it was absent, before it does the work that the lock
is for: a load, or a write of a record, within the same operation. A fill is no lock, since it comes after the load. An
entry is no lock, since a reader loads again without it. An operation *holds* a lock until the key is freed,
overwritten, expires or is evicted.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

Cell = tuple[str, str]
"""(key, field) of a hash; (key, "") is the key itself."""
WRITES = frozenset({"update", "create"})


class Span(NamedTuple):
    """An operation of a client, with the background work that it spawned."""

    client: str
    number: int
    operation: str


class How(Enum):
    """How a lock was taken."""

    IF_ABSENT = "by a command or a script that made it where it was absent"
    COUNTED = "by counting from nothing to one"
    LOOKED = "by a write after a read that found nothing"
    TAKEN_OVER = "by a script that wrote over it"


class Met(Enum):
    """What an operation last learned of a cell."""

    TOOK = "made it where it was absent"
    REFUSED = "tried to take it, and found it there"
    SEEN = "read it, and found it there"
    ABSENT = "read it, and found nothing"


@dataclass(eq=False)
class Encounter:
    """What an operation last learned of a cell, and what it did next."""

    what: Met
    tried: bool
    """It has tried to take it, now or earlier."""
    of: "Hold | None" = None
    """The hold that was in force."""
    waited: bool = False
    worked_at_once: bool = False
    """It went on to its load or its write without waiting."""


@dataclass(eq=False)
class Hold:
    """The hold of a cell by one operation."""

    cell: Cell
    span: Span
    how: How
    late: bool
    """The operation had loaded or written before."""
    worked: bool = False
    """It loaded or wrote afterwards."""
    shared: bool = False
    """Counted or taken over, and not what let the operation go on: it waited, or took another one, before it worked."""
    ended: bool = False
    """Its owner freed it."""
    dead: bool = False

    @property
    def guards(self) -> bool:
        """Whether it is held for a load or a write. Of a client that died before, it is taken to be."""
        return not self.shared and (self.worked or (self.dead and not self.late))


@dataclass(frozen=True)
class UnownedRelease:
    """A client freed a lock that another client had taken and that still stood."""

    client: str
    key: str
    owner: str
    by: str = "DEL"
    """The command that freed it."""


@dataclass(frozen=True, eq=False)
class Release:
    """A cell was freed or overwritten while another client held it."""

    span: Span
    hold: Hold
    by: str
    encounter: Encounter | None


@dataclass
class Locks:
    """Filled while a schedule runs; judged when it is over, since only then it is known who worked under what."""

    standing: dict[Cell, Hold] = field(default_factory=dict)
    taken: list[Hold] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    _met: dict[tuple[Span, Cell], Encounter] = field(default_factory=dict)
    _worked: set[Span] = field(default_factory=set)
    _freed_as: dict[Cell, bytes] = field(default_factory=dict)
    """What a holder wrote into its lock to free it."""

    # ── what commands and scripts did ──

    def took(self, span: Span, cell: Cell, how: How = How.IF_ABSENT) -> None:
        """The operation made the cell where it was absent."""
        for other in self._own(span):
            if other.how is How.COUNTED and other.cell != cell and not other.worked:
                other.shared = True
        hold = Hold(cell, span, how, late=span in self._worked)
        self.standing[cell] = hold
        self.taken.append(hold)
        self._learn(span, cell, Met.TOOK)

    def refused(self, span: Span, cell: Cell) -> None:
        """The operation tried to take the cell, and it was there."""
        self._learn(span, cell, Met.REFUSED)

    def read(self, span: Span, cell: Cell, value: object) -> None:
        """The operation read the cell. None: it was absent."""
        absent = value is None or (cell in self._freed_as and value == self._freed_as[cell])
        self._learn(span, cell, Met.ABSENT if absent else Met.SEEN)

    def wrote(self, span: Span, cell: Cell, value: bytes, by: str) -> None:
        """The operation wrote the cell, whether it was there or not."""
        hold = self.standing.get(cell)
        if hold is not None and hold.span.client == span.client:
            if hold.worked:  # a holder that overwrites its lock after its work frees it
                self._end(hold)
                self._freed_as[cell] = value
            return
        seen = self._met.get((span, cell)) or self._met.get((span, (cell[0], "")))
        if seen is not None and seen.what is Met.ABSENT and not seen.worked_at_once and span not in self._worked:
            self.took(span, cell, How.LOOKED)
        elif hold is not None:
            self._release(span, hold, by)
            self._freed_as[cell] = value

    def swapped(self, span: Span, cell: Cell, value: bytes, before: bytes | None, by: str) -> None:
        """The operation wrote the cell, and its answer was the value before."""
        if before is None or before == self._freed_as.get(cell):
            self._freed_as.pop(cell, None)
            self.took(span, cell)
        elif span in self._worked:
            self.wrote(span, cell, value, by)
        else:
            self.refused(span, cell)

    def freed(self, span: Span, cell: Cell, by: str) -> None:
        """The operation took the cell away; a key with all its fields."""
        for held in [cell] if cell[1] else self._cells_of(cell[0]):
            hold = self.standing.get(held)
            if hold is not None and hold.span.client == span.client:
                self._end(hold)
            elif hold is not None:
                self._release(span, hold, by)

    # ── what happens besides ──

    def worked(self, span: Span) -> None:
        """The operation loaded, or committed a write."""
        self._worked.add(span)
        for hold in self._own(span):
            hold.worked = True
        for (met_by, _), encounter in self._met.items():
            if met_by == span and not encounter.waited:
                encounter.worked_at_once = True

    def waited(self, span: Span) -> None:
        """The operation slept, or waited for an answer or a message."""
        for hold in self._own(span):
            if hold.how in (How.COUNTED, How.TAKEN_OVER) and not hold.worked:
                hold.shared = True
        for (met_by, _), encounter in self._met.items():
            if met_by == span:
                encounter.waited = True

    def gone(self, key: str) -> None:
        """The key expired or was evicted."""
        for cell in self._cells_of(key):
            self.standing.pop(cell, None)

    def died(self, client: str) -> None:
        for hold in self.standing.values():
            if hold.span.client == client:
                hold.dead = True

    # ── what it comes to ──

    def held_by(self, client: str) -> list[str]:
        """The keys that a client holds, as far as is known before its operation has ended."""
        held = [h.cell[0] for h in self.standing.values() if h.span.client == client and not h.late and not h.shared]
        return sorted(set(held))

    def any_taken(self) -> bool:
        """Whether any lock was taken."""
        return any(hold.guards and not hold.late for hold in self.taken)

    def shared(self) -> frozenset[Cell]:
        """The cells that an operation found there, and went on to its work at once."""
        return frozenset(
            cell
            for (_, cell), e in self._met.items()
            if e.what is Met.REFUSED and e.worked_at_once and e.of is not None
        )

    def unowned(
        self, is_entry: Callable[[Cell], bool], excludes: Callable[[Cell], bool] = lambda _cell: True
    ) -> list[UnownedRelease]:
        """The releases of locks by clients that did not own them. The questions are asked only where there may be one.

        `is_entry`: whether a reader loads again without the cell. `excludes`: whether an operation that finds a counter
        above nothing does not go on.
        """
        guarding = {hold.cell for hold in self.taken if hold.guards}
        found = []
        for release in self.releases:
            hold = release.hold
            lock = hold.guards or (hold.cell in guarding and not hold.late and not hold.shared)
            if not lock or not counts(release) or is_entry(hold.cell):
                continue
            if hold.how is not How.COUNTED or excludes(hold.cell):
                made = UnownedRelease(release.span.client, named(hold.cell), hold.span.client, release.by)
                if made not in found:
                    found.append(made)
        return found

    def has_worked(self, span: Span) -> bool:
        """Whether the operation has loaded or written yet."""
        return span in self._worked

    def owns(self, span: Span, cell: Cell) -> bool:
        """Whether the operation's client holds the cell."""
        hold = self.standing.get(cell)
        return hold is not None and hold.span.client == span.client

    def _end(self, hold: Hold) -> None:
        hold.ended = True
        del self.standing[hold.cell]

    def _release(self, span: Span, hold: Hold, by: str) -> None:
        del self.standing[hold.cell]
        seen = self._met.get((span, hold.cell)) or self._met.get((span, (hold.cell[0], "")))
        self.releases.append(Release(span, hold, by, seen))

    def _learn(self, span: Span, cell: Cell, what: Met) -> None:
        before = self._met.get((span, cell))
        tried = what in (Met.TOOK, Met.REFUSED) or (before is not None and before.tried)
        self._met[span, cell] = Encounter(what, tried, self.standing.get(cell))

    def _own(self, span: Span) -> list[Hold]:
        return [hold for hold in self.taken if hold.span == span and not hold.ended]

    def _cells_of(self, key: str) -> list[Cell]:
        return [cell for cell in self.standing if cell[0] == key]


def counts(release: Release) -> bool:
    """Whether a release by another client is that of a lock.

    It is no such release if the operation had not accessed the cell before: it cleans up after others. A write that did
    not try to take the cell invalidates it. An operation that found the cell and loaded at once shares it: a lease.
    """
    seen = release.encounter
    if seen is None or (release.span.operation in WRITES and not seen.tried):
        return False
    shares = seen.what in (Met.REFUSED, Met.SEEN) and seen.worked_at_once and seen.of is release.hold
    return not shares


def named(cell: Cell) -> str:
    return f"{cell[0]} {cell[1]}" if cell[1] else cell[0]
