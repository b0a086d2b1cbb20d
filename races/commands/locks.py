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

Location = tuple[str, str]
"""(key, field) of a hash; (key, "") is the key itself."""
WRITES = frozenset({"update", "create"})


class OperationSpan(NamedTuple):
    """An operation of a client, with the background work that it spawned."""

    client: str
    number: int
    operation: str


class LockMethod(Enum):
    """How a lock was taken."""

    IF_ABSENT = "by a command or a script that made it where it was absent"
    COUNTED = "by counting from nothing to one"
    AFTER_READ = "by a write after a read that found nothing"
    TAKEN_OVER = "by a script that wrote over it"


class LocationFinding(Enum):
    """What an operation last learned of a cell."""

    TAKEN = "made it where it was absent"
    REFUSED = "tried to take it, and found it there"
    PRESENT = "read it, and found it there"
    ABSENT = "read it, and found nothing"


@dataclass(eq=False)
class LocationAccess:
    """What an operation last learned of a cell, and what it did next."""

    finding: LocationFinding
    tried_to_take: bool
    """It has tried to take it, now or earlier."""
    hold: "LockHold | None" = None
    """The hold that was in force."""
    waited: bool = False
    worked_at_once: bool = False
    """It went on to its load or its write without waiting."""


@dataclass(eq=False)
class LockHold:
    """The hold of a cell by one operation."""

    location: Location
    span: OperationSpan
    method: LockMethod
    after_work: bool
    """The operation had loaded or written before."""
    worked: bool = False
    """It loaded or wrote afterwards."""
    shared: bool = False
    """Counted or taken over, and not what let the operation go on: it waited, or took another one, before it worked."""
    freed_by_owner: bool = False
    """Its owner freed it."""
    holder_crashed: bool = False

    @property
    def guards_work(self) -> bool:
        """Whether it is held for a load or a write. Of a client that died before, it is taken to be."""
        return not self.shared and (self.worked or (self.holder_crashed and not self.after_work))


@dataclass(frozen=True)
class UnownedRelease:
    """A client freed a lock that another client had taken and that still stood."""

    client: str
    key: str
    owner: str
    by: str = "DEL"
    """The command that freed it."""


@dataclass(frozen=True, eq=False)
class LockRelease:
    """A cell was freed or overwritten while another client held it."""

    span: OperationSpan
    hold: LockHold
    by: str
    access: LocationAccess | None


@dataclass
class LockTracker:
    """Filled while a schedule runs; judged when it is over, since only then it is known who worked under what."""

    holds: dict[Location, LockHold] = field(default_factory=dict)
    all_holds: list[LockHold] = field(default_factory=list)
    releases: list[LockRelease] = field(default_factory=list)
    _accesses: dict[tuple[OperationSpan, Location], LocationAccess] = field(default_factory=dict)
    _spans_that_worked: set[OperationSpan] = field(default_factory=set)
    _free_values: dict[Location, bytes] = field(default_factory=dict)
    """What a holder wrote into its lock to free it."""

    # ── what commands and scripts did ──

    def took(self, span: OperationSpan, location: Location, method: LockMethod = LockMethod.IF_ABSENT) -> None:
        """The operation made the cell where it was absent."""
        for other in self._holds_of(span):
            if other.method is LockMethod.COUNTED and other.location != location and not other.worked:
                other.shared = True
        hold = LockHold(location, span, method, after_work=span in self._spans_that_worked)
        self.holds[location] = hold
        self.all_holds.append(hold)
        self._record_finding(span, location, LocationFinding.TAKEN)

    def refused(self, span: OperationSpan, location: Location) -> None:
        """The operation tried to take the cell, and it was there."""
        self._record_finding(span, location, LocationFinding.REFUSED)

    def read(self, span: OperationSpan, location: Location, value: object) -> None:
        """The operation read the cell. None: it was absent."""
        absent = value is None or (location in self._free_values and value == self._free_values[location])
        self._record_finding(span, location, LocationFinding.ABSENT if absent else LocationFinding.PRESENT)

    def wrote(self, span: OperationSpan, location: Location, value: bytes, by: str) -> None:
        """The operation wrote the cell, whether it was there or not."""
        hold = self.holds.get(location)
        if hold is not None and hold.span.client == span.client:
            if hold.worked:  # a holder that overwrites its lock after its work frees it
                self._end(hold)
                self._free_values[location] = value
            return
        seen = self._accesses.get((span, location)) or self._accesses.get((span, (location[0], "")))
        if (
            seen is not None
            and seen.finding is LocationFinding.ABSENT
            and not seen.worked_at_once
            and span not in self._spans_that_worked
        ):
            self.took(span, location, LockMethod.AFTER_READ)
        elif hold is not None:
            self._release(span, hold, by)
            self._free_values[location] = value

    def swapped(self, span: OperationSpan, location: Location, value: bytes, before: bytes | None, by: str) -> None:
        """The operation wrote the cell, and its answer was the value before."""
        if before is None or before == self._free_values.get(location):
            self._free_values.pop(location, None)
            self.took(span, location)
        elif span in self._spans_that_worked:
            self.wrote(span, location, value, by)
        else:
            self.refused(span, location)

    def freed(self, span: OperationSpan, location: Location, by: str) -> None:
        """The operation took the cell away; a key with all its fields."""
        for held in [location] if location[1] else self._locations_of(location[0]):
            hold = self.holds.get(held)
            if hold is not None and hold.span.client == span.client:
                self._end(hold)
            elif hold is not None:
                self._release(span, hold, by)

    # ── what happens besides ──

    def worked(self, span: OperationSpan) -> None:
        """The operation loaded, or committed a write."""
        self._spans_that_worked.add(span)
        for hold in self._holds_of(span):
            hold.worked = True
        for (met_by, _), access in self._accesses.items():
            if met_by == span and not access.waited:
                access.worked_at_once = True

    def waited(self, span: OperationSpan) -> None:
        """The operation slept, or waited for an answer or a message."""
        for hold in self._holds_of(span):
            if hold.method in (LockMethod.COUNTED, LockMethod.TAKEN_OVER) and not hold.worked:
                hold.shared = True
        for (met_by, _), access in self._accesses.items():
            if met_by == span:
                access.waited = True

    def key_removed(self, key: str) -> None:
        """The key expired or was evicted."""
        for location in self._locations_of(key):
            self.holds.pop(location, None)

    def client_crashed(self, client: str) -> None:
        for hold in self.holds.values():
            if hold.span.client == client:
                hold.holder_crashed = True

    # ── what it comes to ──

    def held_by(self, client: str) -> list[str]:
        """The keys that a client holds, as far as is known before its operation has ended."""
        held = [
            h.location[0] for h in self.holds.values() if h.span.client == client and not h.after_work and not h.shared
        ]
        return sorted(set(held))

    def any_taken(self) -> bool:
        """Whether any lock was taken."""
        return any(hold.guards_work and not hold.after_work for hold in self.all_holds)

    def shared_locations(self) -> frozenset[Location]:
        """The cells that an operation found there, and went on to its work at once."""
        return frozenset(
            location
            for (_, location), e in self._accesses.items()
            if e.finding is LocationFinding.REFUSED and e.worked_at_once and e.hold is not None
        )

    def unowned_releases(
        self, is_entry: Callable[[Location], bool], excludes: Callable[[Location], bool] = lambda _cell: True
    ) -> list[UnownedRelease]:
        """The releases of locks by clients that did not own them. The questions are asked only where there may be one.

        `is_entry`: whether a reader loads again without the cell. `excludes`: whether an operation that finds a counter
        above nothing does not go on.
        """
        guarding = {hold.location for hold in self.all_holds if hold.guards_work}
        found = []
        for release in self.releases:
            hold = release.hold
            lock = hold.guards_work or (hold.location in guarding and not hold.after_work and not hold.shared)
            if not lock or not is_foreign_release(release) or is_entry(hold.location):
                continue
            if hold.method is not LockMethod.COUNTED or excludes(hold.location):
                made = UnownedRelease(release.span.client, location_text(hold.location), hold.span.client, release.by)
                if made not in found:
                    found.append(made)
        return found

    def has_worked(self, span: OperationSpan) -> bool:
        """Whether the operation has loaded or written yet."""
        return span in self._spans_that_worked

    def owns(self, span: OperationSpan, location: Location) -> bool:
        """Whether the operation's client holds the cell."""
        hold = self.holds.get(location)
        return hold is not None and hold.span.client == span.client

    def _end(self, hold: LockHold) -> None:
        hold.freed_by_owner = True
        del self.holds[hold.location]

    def _release(self, span: OperationSpan, hold: LockHold, by: str) -> None:
        del self.holds[hold.location]
        seen = self._accesses.get((span, hold.location)) or self._accesses.get((span, (hold.location[0], "")))
        self.releases.append(LockRelease(span, hold, by, seen))

    def _record_finding(self, span: OperationSpan, location: Location, finding: LocationFinding) -> None:
        before = self._accesses.get((span, location))
        tried_to_take = finding in (LocationFinding.TAKEN, LocationFinding.REFUSED) or (
            before is not None and before.tried_to_take
        )
        self._accesses[span, location] = LocationAccess(finding, tried_to_take, self.holds.get(location))

    def _holds_of(self, span: OperationSpan) -> list[LockHold]:
        return [hold for hold in self.all_holds if hold.span == span and not hold.freed_by_owner]

    def _locations_of(self, key: str) -> list[Location]:
        return [location for location in self.holds if location[0] == key]


def is_foreign_release(release: LockRelease) -> bool:
    """Whether a release by another client is that of a lock.

    It is no such release if the operation had not accessed the cell before: it cleans up after others. A write that did
    not try to take the cell invalidates it. An operation that found the cell and loaded at once shares it: a lease.
    """
    seen = release.access
    if seen is None or (release.span.operation in WRITES and not seen.tried_to_take):
        return False
    shares = (
        seen.finding in (LocationFinding.REFUSED, LocationFinding.PRESENT)
        and seen.worked_at_once
        and seen.hold is release.hold
    )
    return not shares


def location_text(location: Location) -> str:
    return f"{location[0]} {location[1]}" if location[1] else location[0]
