"""Tracks which keys are locks, and which clients hold and free them.

Locks are recognised by the clients' actions, not by values. A lock is a key (or a field of a hash) that was absent and
that a client creates before the work that the lock protects: a load, or a write of a record, in the same operation. A
fill is not a lock, because it comes after the load. An entry is not a lock, because a reader loads again without it. An
operation *holds* a lock until the key is freed, overwritten, expires or is evicted.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

Location = tuple[str, str]
"""A key or a field: (key, field) of a hash, or (key, "") for the key itself."""
WRITES = frozenset({"update", "create"})


class OperationSpan(NamedTuple):
    """An operation of a client, including the background work that it spawned."""

    client: str
    number: int
    operation: str


class LockMethod(Enum):
    """How a lock was taken."""

    IF_ABSENT = "by a command or a script that created it"
    COUNTED = "by incrementing an absent counter"
    AFTER_READ = "by a write after a read that found nothing"
    TAKEN_OVER = "by a script that overwrote it"


class LocationFinding(Enum):
    """The result of an operation's last access to a location."""

    TAKEN = "the operation created it"
    REFUSED = "the operation tried to create it, and it existed"
    PRESENT = "the operation read it, and it existed"
    ABSENT = "the operation read it, and it did not exist"


@dataclass(eq=False)
class LocationAccess:
    """An operation's last access to a location, and its next action."""

    finding: LocationFinding
    tried_to_take: bool
    """Whether it has tried to create the location, now or earlier."""
    hold: "LockHold | None" = None
    """The hold at that time."""
    waited: bool = False
    worked_at_once: bool = False
    """Whether it continued with its load or write without waiting."""


@dataclass(eq=False)
class LockHold:
    """A location that one operation holds."""

    location: Location
    span: OperationSpan
    method: LockMethod
    after_work: bool
    """Whether the operation had loaded or written before it took the location."""
    worked: bool = False
    """Whether the operation loaded or wrote afterwards."""
    shared: bool = False
    """Counted or taken over, but the operation did not proceed because of it: it waited or took another one first."""
    freed_by_owner: bool = False
    """Whether its owner freed it."""
    holder_crashed: bool = False

    @property
    def protects_work(self) -> bool:
        """Whether it protects a load or a write. Assumed if the client crashed before its load or write."""
        return not self.shared and (self.worked or (self.holder_crashed and not self.after_work))


@dataclass(frozen=True)
class UnownedRelease:
    """A client freed a lock that another client still held."""

    client: str
    key: str
    owner: str
    by: str = "DEL"
    """The command that freed it."""


@dataclass(frozen=True, eq=False)
class LockRelease:
    """An operation freed or overwrote a location that another client held."""

    span: OperationSpan
    hold: LockHold
    by: str
    access: LocationAccess | None


@dataclass
class LockTracker:
    """The locks of one schedule. Filled while the schedule runs.

    Queried after its end: whether a location is a lock depends on the later steps of the operation that took it.
    """

    holds: dict[Location, LockHold] = field(default_factory=dict)
    all_holds: list[LockHold] = field(default_factory=list)
    releases: list[LockRelease] = field(default_factory=list)
    _accesses: dict[tuple[OperationSpan, Location], LocationAccess] = field(default_factory=dict)
    _spans_that_worked: set[OperationSpan] = field(default_factory=set)
    _free_values: dict[Location, bytes] = field(default_factory=dict)
    """The value that a holder wrote into its lock to free it."""

    # ── effects of commands and scripts ──

    def took(self, span: OperationSpan, location: Location, method: LockMethod = LockMethod.IF_ABSENT) -> None:
        """The operation created the location."""
        for other in self._holds_of(span):
            if other.method is LockMethod.COUNTED and other.location != location and not other.worked:
                other.shared = True
        hold = LockHold(location, span, method, after_work=span in self._spans_that_worked)
        self.holds[location] = hold
        self.all_holds.append(hold)
        self._record_finding(span, location, LocationFinding.TAKEN)

    def refused(self, span: OperationSpan, location: Location) -> None:
        """The operation tried to create the location, and it existed."""
        self._record_finding(span, location, LocationFinding.REFUSED)

    def read(self, span: OperationSpan, location: Location, value: object) -> None:
        """The operation read the location. `value` is None if it did not exist."""
        absent = value is None or (location in self._free_values and value == self._free_values[location])
        self._record_finding(span, location, LocationFinding.ABSENT if absent else LocationFinding.PRESENT)

    def wrote(self, span: OperationSpan, location: Location, value: bytes, by: str) -> None:
        """The operation wrote the location, whether or not it existed."""
        hold = self.holds.get(location)
        if hold is not None and hold.span.client == span.client:
            if hold.worked:  # a holder that overwrites its lock after its work frees the lock
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
        """The operation wrote the location, and the reply was the previous value."""
        if before is None or before == self._free_values.get(location):
            self._free_values.pop(location, None)
            self.took(span, location)
        elif span in self._spans_that_worked:
            self.wrote(span, location, value, by)
        else:
            self.refused(span, location)

    def freed(self, span: OperationSpan, location: Location, by: str) -> None:
        """The operation deleted the location; a key with all its fields."""
        for candidate in [location] if location[1] else self._locations_of(location[0]):
            hold = self.holds.get(candidate)
            if hold is not None and hold.span.client == span.client:
                self._end(hold)
            elif hold is not None:
                self._release(span, hold, by)

    # ── other events ──

    def worked(self, span: OperationSpan) -> None:
        """The operation loaded a record, or committed a write."""
        self._spans_that_worked.add(span)
        for hold in self._holds_of(span):
            hold.worked = True
        for (accessed_by, _), access in self._accesses.items():
            if accessed_by == span and not access.waited:
                access.worked_at_once = True

    def waited(self, span: OperationSpan) -> None:
        """The operation slept, or waited for a reply or a message."""
        for hold in self._holds_of(span):
            if hold.method in (LockMethod.COUNTED, LockMethod.TAKEN_OVER) and not hold.worked:
                hold.shared = True
        for (accessed_by, _), access in self._accesses.items():
            if accessed_by == span:
                access.waited = True

    def key_removed(self, key: str) -> None:
        """The key expired or was evicted."""
        for location in self._locations_of(key):
            self.holds.pop(location, None)

    def client_crashed(self, client: str) -> None:
        """The client crashed while it held its locks."""
        for hold in self.holds.values():
            if hold.span.client == client:
                hold.holder_crashed = True

    # ── results ──

    def held_by(self, client: str) -> list[str]:
        """The keys that a client holds, as far as can be determined before its operation has ended."""
        keys = [
            h.location[0] for h in self.holds.values() if h.span.client == client and not h.after_work and not h.shared
        ]
        return sorted(set(keys))

    def any_taken(self) -> bool:
        """Whether any lock was taken."""
        return any(hold.protects_work and not hold.after_work for hold in self.all_holds)

    def shared_locations(self) -> frozenset[Location]:
        """The locations that an operation found, but that did not delay its load or write."""
        return frozenset(
            location
            for (_, location), access in self._accesses.items()
            if access.finding is LocationFinding.REFUSED and access.worked_at_once and access.hold is not None
        )

    def unowned_releases(
        self, is_entry: Callable[[Location], bool], excludes: Callable[[Location], bool] = lambda _location: True
    ) -> list[UnownedRelease]:
        """The releases of locks by clients that did not own them.

        `is_entry`: whether a reader loads again without the location. `excludes`: whether an operation stops if the
        counter is above zero. Both are called only if there may be such a release, because they run schedules.
        """
        protected = {hold.location for hold in self.all_holds if hold.protects_work}
        found = []
        for release in self.releases:
            hold = release.hold
            is_lock = hold.protects_work or (hold.location in protected and not hold.after_work and not hold.shared)
            if not is_lock or not is_foreign_release(release) or is_entry(hold.location):
                continue
            if hold.method is not LockMethod.COUNTED or excludes(hold.location):
                unowned = UnownedRelease(
                    release.span.client, location_text(hold.location), hold.span.client, release.by
                )
                if unowned not in found:
                    found.append(unowned)
        return found

    def has_worked(self, span: OperationSpan) -> bool:
        """Whether the operation has loaded or written."""
        return span in self._spans_that_worked

    def owns(self, span: OperationSpan, location: Location) -> bool:
        """Whether the operation's client holds the location."""
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
    """Whether the release frees another client's lock.

    It does not in three cases. The operation had not accessed the location before: it cleans up. A write did not try to
    take the location: it invalidates. The operation found the location and loaded at once: the location is a shared
    lease.
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
