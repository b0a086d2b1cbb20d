"""The invariants of all schedules. The verdicts depend on answers, commits, loads and locks, not on internal state."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stampede.patterns.caching.cache_pattern import CachePattern, FaultModel, Guarantee
from stampede.races.scheduler.schedule import ExecutionTrace, FinalRead
from stampede.races.scheduler.scheduler import MAX_STEPS
from stampede.races.verdicts.history import FinishedOperation
from stampede.scenarios.interleavings.situation import CacheState, Situation

TOLERANCE_S = 0.05
"""The tolerance of waiting times in seconds, because Redis counts milliseconds and real time passes too."""


@dataclass(frozen=True, kw_only=True)
class Invariant:
    """A property of every schedule. `violation` describes how a schedule breaks it; None: it does not."""

    guarantee: Guarantee
    violation: Callable[[ExecutionTrace], str | None]
    applies: Callable[[Situation], bool] = lambda _situation: True
    stronger: Guarantee | None = None
    """The guarantee of the same property under a stronger fault model. None: there is none."""

    @property
    def name(self) -> str:
        return self.guarantee.name.lower().replace("_", "-")

    @property
    def text(self) -> str:
        return self.guarantee.text

    def guaranteed(self, pattern: type[CachePattern], fault_model: FaultModel) -> bool:
        """Whether the pattern guarantees the property under this fault model."""
        claimed = [p for p in (self.guarantee, self.stronger) if p in pattern.guarantees]
        return any(p.holds_under(fault_model) for p in claimed)


def reads(trace: ExecutionTrace) -> Iterator[FinishedOperation]:
    return (done for done in trace.operations if done.operation.startswith("get") and done.error is None)


def writes(trace: ExecutionTrace) -> Iterator[FinishedOperation]:
    return (d for d in trace.operations if d.operation in ("update", "create") and d.error is None)


def stale(final: FinalRead) -> bool:
    return (
        final.stored_version is not None
        and final.read_version is not None
        and final.read_version < final.stored_version
    )


def stale_after_drain(trace: ExecutionTrace) -> str | None:
    for final in trace.final_reads:
        if stale(final):
            return f"after the drain the database holds v{final.stored_version}, and readers get v{final.read_version}"
        if final.stored_version is not None and not final.found and final.error is None:
            return "after the drain the record is in the database, and readers get no record"
    return None


def own_write_missed(trace: ExecutionTrace) -> str | None:
    for read in reads(trace):
        own = [
            w.version or 0
            for w in writes(trace)
            if w.client == read.client and w.record_id == read.record_id and w.end < read.begin
        ]
        if own and (read.version or 0) < max(own):
            return f"client {read.client} wrote v{max(own)} and then read {version_text(read)}"
    return None


def stale_after_write(trace: ExecutionTrace) -> str | None:
    for read in reads(trace):
        acknowledged = [w for w in writes(trace) if w.record_id == read.record_id and 0 <= w.end < read.begin]
        newest = max((w.version or 0 for w in acknowledged), default=0)
        if (read.version or 0) < newest:
            return (
                f"v{newest} had been written and acknowledged, and then client {read.client} read {version_text(read)}"
            )
    last_acknowledged = {d.record_id: d.version or 0 for d in sorted(writes(trace), key=lambda d: d.version or 0)}
    for final in trace.final_reads:
        if final.error is None and (final.read_version or 0) < last_acknowledged.get(final.record_id, 0):
            newest = last_acknowledged[final.record_id]
            return f"v{newest} was acknowledged, and afterwards readers get {final_read_text(final)}"
    return None


def went_back(trace: ExecutionTrace) -> str | None:
    seen: dict[tuple[str, int], int] = {}
    for done in sorted(trace.operations, key=lambda d: d.begin):
        if done.error is not None or done.operation == "create":
            continue
        highest = seen.get((done.client, done.record_id), 0)
        if (done.version or 0) < highest:
            return f"client {done.client} saw v{highest} and then {version_text(done)}"
        seen[done.client, done.record_id] = max(highest, done.version or 0)
    return None


def version_text(done: FinishedOperation) -> str:
    return answer_text(found=bool(done.found), version=done.version)


def final_read_text(final: FinalRead) -> str:
    return answer_text(found=final.found, version=final.read_version)


def answer_text(*, found: bool, version: int | None) -> str:
    if not found:
        return "no record"
    return "a record without a version" if version is None else f"v{version}"


def many_loads(trace: ExecutionTrace) -> str | None:
    for loads in trace.loads_by_miss:
        if len(loads) > 1:
            return f"{len(loads)} loads for one missing entry, by {listed([load.client for load in loads])}"
    return None


def many_refreshes(trace: ExecutionTrace) -> str | None:
    if len(trace.loads) <= 1 or not trace.entries_at_start:
        return None
    return f"{len(trace.loads)} refreshes of one entry, by {listed([load.client for load in trace.loads])}"


def listed(clients: list[str]) -> str:
    return " and ".join(f"client {name}" for name in clients)


def waits_text(clients: list[str]) -> str:
    return f"{listed(clients)} {'waits' if len(clients) == 1 else 'wait'} without end"


def unowned_release(trace: ExecutionTrace) -> str | None:
    for release in trace.unowned_releases:
        released = f"client {release.client} released client {release.owner}'s lock by {release.by}"
        return f"{released} while client {release.owner} still held it"
    return None


def waits_for_crashed(trace: ExecutionTrace) -> str | None:
    if len(trace.steps) >= MAX_STEPS:
        return f"a client still waits after {MAX_STEPS} steps"
    if trace.stuck:
        return waits_text(trace.stuck)
    for crash in trace.crashes:
        if crash.lock_ttl_s is None:
            continue
        for done in trace.operations:
            if done.ended_s - max(done.began_s, crash.now_s) > crash.lock_ttl_s + TOLERANCE_S:
                waited_s = done.ended_s - crash.now_s
                return f"client {done.client} waited {waited_s:.1f} s for a lock of {crash.lock_ttl_s:.1f} s"
    return None


def failure_cached(trace: ExecutionTrace) -> str | None:
    for final in trace.final_reads:
        if final.error is not None:
            return f"the database works again, and readers get {final.error}"
        if final.stored_version is not None and not final.found:
            return "the database works again, and readers get no record"
    return None


def write_lost(trace: ExecutionTrace) -> str | None:
    stored = {final.record_id: final.stored_version or 0 for final in trace.final_reads}
    for write in writes(trace):
        if write.operation == "create" and not stored.get(write.record_id):
            return f"record {write.record_id} was created and acknowledged, and is not in the database"
    updates = [w for w in writes(trace) if w.operation == "update" and w.found]
    for record_id in {w.record_id for w in updates}:
        count = sum(w.record_id == record_id for w in updates)
        if stored.get(record_id, 0) < 1 + count:
            return f"{count} writes were acknowledged, and the database holds v{stored.get(record_id, 0)}"
    return None


def stale_beyond_ttl(trace: ExecutionTrace) -> str | None:
    for final in trace.final_reads:
        later = final.read_one_ttl_later
        if stale(final) and later is not None and later < (final.stored_version or 0):
            return (
                f"one TTL later readers still get v{final.read_version}, and the database holds v{final.stored_version}"
            )
    return None


def no_answer(trace: ExecutionTrace) -> str | None:
    for done in trace.operations:
        if done.error is not None:
            return f"client {done.client}'s {done.operation} ended with {done.error}"
        if not done.found and done.operation != "get-new":
            return f"client {done.client}'s {done.operation} found no record"
    for final in trace.final_reads:
        if final.error is not None:
            return f"afterwards a reader gets {final.error}"
    return waits_text(trace.stuck) if trace.stuck else None


def over_the_bound(trace: ExecutionTrace) -> str | None:
    admitted = [done.client for done in trace.operations if done.operation == "hit" and done.found]
    if trace.quota is None or len(admitted) <= trace.quota:
        return None
    return f"{len(admitted)} calls were admitted instead of {trace.quota}, of {listed(admitted)}"


def refused_calls_counted(trace: ExecutionTrace) -> str | None:
    if trace.admits_later is not False:
        return None
    return "all admitted calls are one window old, and the next call is refused because of refused calls"


INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        guarantee=Guarantee.EVENTUALLY_FRESH,
        stronger=Guarantee.EVENTUALLY_FRESH_DESPITE_EXPIRY,
        violation=stale_after_drain,
        applies=lambda s: s.writes,
    ),
    Invariant(
        guarantee=Guarantee.NO_STALE_AFTER_WRITE,
        violation=stale_after_write,
        applies=lambda s: s.writes and s.adversary is not FaultModel.CRASH,
    ),
    Invariant(
        guarantee=Guarantee.READ_YOUR_WRITES,
        violation=own_write_missed,
        applies=lambda s: any("update" in program and "get" in program for program in s.clients),
    ),
    Invariant(
        guarantee=Guarantee.MONOTONIC_READS,
        violation=went_back,
        applies=lambda s: s.writes and any(program.count("get") > 1 or len(program) > 1 for program in s.clients),
    ),
    Invariant(
        guarantee=Guarantee.ONE_LOAD_PER_MISS,
        violation=many_loads,
        applies=lambda s: not (s.writes or s.failing_loads or s.limiting) and s.start is CacheState.COLD,
    ),
    Invariant(
        guarantee=Guarantee.ONE_REFRESH_PER_EXPIRY,
        violation=many_refreshes,
        applies=lambda s: not s.writes and s.start is CacheState.AGEING,
    ),
    Invariant(guarantee=Guarantee.RELEASES_ONLY_OWN_LOCK, violation=unowned_release, applies=lambda s: not s.limiting),
    Invariant(
        guarantee=Guarantee.WAITS_AT_MOST_LOCK_TTL,
        violation=waits_for_crashed,
        applies=lambda s: s.adversary is FaultModel.CRASH,
    ),
    Invariant(guarantee=Guarantee.NO_CACHED_ERRORS, violation=failure_cached, applies=lambda s: s.failing_loads > 0),
    Invariant(guarantee=Guarantee.DURABLE_ON_RETURN, violation=write_lost, applies=lambda s: s.writes),
    Invariant(guarantee=Guarantee.STALE_AT_MOST_TTL, violation=stale_beyond_ttl, applies=lambda s: s.writes),
    Invariant(
        guarantee=Guarantee.CORRECT_AFTER_CACHE_LOSS,
        violation=no_answer,
        applies=lambda s: not (s.failing_loads or s.limiting),
    ),
    Invariant(
        guarantee=Guarantee.ADMITS_AT_MOST_ITS_BOUND,
        violation=over_the_bound,
        applies=lambda s: s.limiting and s.start is CacheState.COLD,
    ),
    Invariant(
        guarantee=Guarantee.REFUSED_CALLS_ARE_FREE,
        violation=refused_calls_counted,
        applies=lambda s: s.limiting and s.start is CacheState.AT_LIMIT,
    ),
)


def invariants_for(situation: Situation) -> list[Invariant]:
    """The invariants that can be broken in a situation."""
    return [invariant for invariant in INVARIANTS if invariant.applies(situation)]


def violations_in(trace: ExecutionTrace, situation: Situation) -> dict[str, str]:
    """Name of each invariant that a schedule breaks, to how it breaks it."""
    found = {}
    for invariant in invariants_for(situation):
        how = invariant.violation(trace)
        if how is not None:
            found[invariant.name] = how
    return found
