"""What must hold in every schedule. It is judged by answers, commits, loads and locks, not by the internal state."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from stampede.patterns.caching.cache_pattern import CachePattern, FaultModel, Guarantee
from stampede.races.scheduler.schedule import Rest, Trace
from stampede.races.scheduler.scheduler import MAX_STEPS
from stampede.races.verdicts.history import FinishedOperation
from stampede.scenarios.interleavings.situation import CacheState, Situation

TOLERANCE_S = 0.05
"""Redis counts milliseconds, and real time passes too."""


@dataclass(frozen=True, kw_only=True)
class Invariant:
    """A property of every schedule. `broken` says in words how a schedule breaks it, or None."""

    guarantee: Guarantee
    broken: Callable[[Trace], str | None]
    applies: Callable[[Situation], bool] = lambda _situation: True
    also: Guarantee | None = None
    """The same property promised under a stronger adversary."""

    @property
    def name(self) -> str:
        return self.guarantee.name.lower().replace("_", "-")

    @property
    def says(self) -> str:
        return self.guarantee.text

    def guaranteed(self, pattern: type[CachePattern], adversary: FaultModel) -> bool:
        """Whether the pattern claims it under this adversary."""
        made = [p for p in (self.guarantee, self.also) if p in pattern.guarantees]
        return any(p.holds_under(adversary) for p in made)


def reads(trace: Trace) -> Iterator[FinishedOperation]:
    return (done for done in trace.done if done.operation.startswith("get") and done.error is None)


def writes(trace: Trace) -> Iterator[FinishedOperation]:
    return (d for d in trace.done if d.operation in ("update", "create") and d.error is None)


def stale(rest: Rest) -> bool:
    return rest.stored is not None and rest.read is not None and rest.read < rest.stored


def stale_at_rest(trace: Trace) -> str | None:
    for rest in trace.rest:
        if stale(rest):
            return f"all is at rest, the database holds v{rest.stored}, and readers get v{rest.read}"
        if rest.stored is not None and not rest.found and rest.error is None:
            return "all is at rest, the record is in the database, and readers are told that there is none"
    return None


def own_write_missed(trace: Trace) -> str | None:
    for read in reads(trace):
        own = [
            w.version or 0
            for w in writes(trace)
            if w.client == read.client and w.record_id == read.record_id and w.end < read.begin
        ]
        if own and (read.version or 0) < max(own):
            return f"client {read.client} wrote v{max(own)} and then read {shown(read)}"
    return None


def stale_after_write(trace: Trace) -> str | None:
    for read in reads(trace):
        acknowledged = [w for w in writes(trace) if w.record_id == read.record_id and 0 <= w.end < read.begin]
        newest = max((w.version or 0 for w in acknowledged), default=0)
        if (read.version or 0) < newest:
            return f"v{newest} had been written and acknowledged, and then client {read.client} read {shown(read)}"
    newest_told = {d.record_id: d.version or 0 for d in sorted(writes(trace), key=lambda d: d.version or 0)}
    for rest in trace.rest:
        if rest.error is None and (rest.read or 0) < newest_told.get(rest.record_id, 0):
            return f"v{newest_told[rest.record_id]} was acknowledged, and afterwards readers get {shown_at_rest(rest)}"
    return None


def went_back(trace: Trace) -> str | None:
    seen: dict[tuple[str, int], int] = {}
    for done in sorted(trace.done, key=lambda d: d.begin):
        if done.error is not None or done.operation == "create":
            continue
        highest = seen.get((done.client, done.record_id), 0)
        if (done.version or 0) < highest:
            return f"client {done.client} saw v{highest} and then {shown(done)}"
        seen[done.client, done.record_id] = max(highest, done.version or 0)
    return None


def shown(done: FinishedOperation) -> str:
    return answer(found=bool(done.found), version=done.version)


def shown_at_rest(rest: Rest) -> str:
    return answer(found=rest.found, version=rest.read)


def answer(*, found: bool, version: int | None) -> str:
    if not found:
        return "no record"
    return "a record without a version" if version is None else f"v{version}"


def many_loads(trace: Trace) -> str | None:
    for loads in trace.loads_by_miss:
        if len(loads) > 1:
            return f"{len(loads)} loads for one missing entry, by {listed([load.client for load in loads])}"
    return None


def many_refreshes(trace: Trace) -> str | None:
    if len(trace.loads) <= 1 or not trace.entries_before:
        return None
    return f"{len(trace.loads)} refreshes of one entry, by {listed([load.client for load in trace.loads])}"


def listed(clients: list[str]) -> str:
    return " and ".join(f"client {name}" for name in clients)


def unowned_release(trace: Trace) -> str | None:
    for release in trace.unowned:
        freed = f"client {release.client} freed by {release.by} the lock that client {release.owner}"
        return f"{freed} had taken and that still stood"
    return None


def waits_for_the_dead(trace: Trace) -> str | None:
    if len(trace.taken) >= MAX_STEPS:
        return f"somebody still waits after {MAX_STEPS} steps"
    if trace.stuck:
        return f"{listed(trace.stuck)} waits for ever"
    for death in trace.deaths:
        if death.lock_ttl_s is None:
            continue
        for done in trace.done:
            if done.ended_s - max(done.began_s, death.now_s) > death.lock_ttl_s + TOLERANCE_S:
                waited_s = done.ended_s - death.now_s
                return f"client {done.client} waited {waited_s:.1f} s for a lock of {death.lock_ttl_s:.1f} s"
    return None


def failure_kept(trace: Trace) -> str | None:
    for rest in trace.rest:
        if rest.error is not None:
            return f"the database works again, and readers get {rest.error}"
        if rest.stored is not None and not rest.found:
            return "the database works again, and readers are told that there is no record"
    return None


def lost(trace: Trace) -> str | None:
    stored = {rest.record_id: rest.stored or 0 for rest in trace.rest}
    for write in writes(trace):
        if write.operation == "create" and not stored.get(write.record_id):
            return f"record {write.record_id} was created and acknowledged, and is not in the database"
    updates = [w for w in writes(trace) if w.operation == "update" and w.found]
    for record_id in {w.record_id for w in updates}:
        count = sum(w.record_id == record_id for w in updates)
        if stored.get(record_id, 0) < 1 + count:
            return f"{count} writes were acknowledged, and the database holds v{stored.get(record_id, 0)}"
    return None


def stale_for_ever(trace: Trace) -> str | None:
    for rest in trace.rest:
        later = rest.read_a_ttl_later
        if stale(rest) and later is not None and later < (rest.stored or 0):
            return f"one TTL later readers still get v{rest.read}, and the database holds v{rest.stored}"
    return None


def no_answer(trace: Trace) -> str | None:
    for done in trace.done:
        if done.error is not None:
            return f"client {done.client}'s {done.operation} ended with {done.error}"
        if not done.found and done.operation != "get-new":
            return f"client {done.client}'s {done.operation} found no record"
    for rest in trace.rest:
        if rest.error is not None:
            return f"afterwards a reader gets {rest.error}"
    return f"{listed(trace.stuck)} waits for ever" if trace.stuck else None


def over_the_bound(trace: Trace) -> str | None:
    admitted = [done.client for done in trace.done if done.operation == "hit" and done.found]
    if trace.quota is None or len(admitted) <= trace.quota:
        return None
    return f"{len(admitted)} calls admitted where {trace.quota} may be, of {listed(admitted)}"


def refused_calls_counted(trace: Trace) -> str | None:
    if trace.admits_later is not False:
        return None
    return "every call that was admitted is a window old, and the next call is refused because of refused ones"


INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        guarantee=Guarantee.EVENTUALLY_FRESH,
        also=Guarantee.EVENTUALLY_FRESH_DESPITE_EXPIRY,
        broken=stale_at_rest,
        applies=lambda s: s.writes,
    ),
    Invariant(
        guarantee=Guarantee.NO_STALE_AFTER_WRITE,
        broken=stale_after_write,
        applies=lambda s: s.writes and s.adversary is not FaultModel.CRASH,
    ),
    Invariant(
        guarantee=Guarantee.READ_YOUR_WRITES,
        broken=own_write_missed,
        applies=lambda s: any("update" in program and "get" in program for program in s.clients),
    ),
    Invariant(
        guarantee=Guarantee.MONOTONIC_READS,
        broken=went_back,
        applies=lambda s: s.writes and any(program.count("get") > 1 or len(program) > 1 for program in s.clients),
    ),
    Invariant(
        guarantee=Guarantee.ONE_LOAD_PER_MISS,
        broken=many_loads,
        applies=lambda s: not (s.writes or s.failing_loads or s.limiting) and s.start is CacheState.COLD,
    ),
    Invariant(
        guarantee=Guarantee.ONE_REFRESH_PER_EXPIRY,
        broken=many_refreshes,
        applies=lambda s: not s.writes and s.start is CacheState.AGEING,
    ),
    Invariant(guarantee=Guarantee.RELEASES_ONLY_OWN_LOCK, broken=unowned_release, applies=lambda s: not s.limiting),
    Invariant(
        guarantee=Guarantee.WAITS_AT_MOST_LOCK_TTL,
        broken=waits_for_the_dead,
        applies=lambda s: s.adversary is FaultModel.CRASH,
    ),
    Invariant(guarantee=Guarantee.NO_CACHED_ERRORS, broken=failure_kept, applies=lambda s: s.failing_loads > 0),
    Invariant(guarantee=Guarantee.DURABLE_ON_RETURN, broken=lost, applies=lambda s: s.writes),
    Invariant(guarantee=Guarantee.STALE_AT_MOST_TTL, broken=stale_for_ever, applies=lambda s: s.writes),
    Invariant(
        guarantee=Guarantee.CORRECT_AFTER_CACHE_LOSS,
        broken=no_answer,
        applies=lambda s: not (s.failing_loads or s.limiting),
    ),
    Invariant(
        guarantee=Guarantee.ADMITS_AT_MOST_ITS_BOUND,
        broken=over_the_bound,
        applies=lambda s: s.limiting and s.start is CacheState.COLD,
    ),
    Invariant(
        guarantee=Guarantee.REFUSED_CALLS_ARE_FREE,
        broken=refused_calls_counted,
        applies=lambda s: s.limiting and s.start is CacheState.AT_LIMIT,
    ),
)

BY_NAME: Mapping[str, Invariant] = {invariant.name: invariant for invariant in INVARIANTS}


def invariants_of(situation: Situation) -> list[Invariant]:
    """Those that can be broken in a situation."""
    return [invariant for invariant in INVARIANTS if invariant.applies(situation)]


def broken_in(trace: Trace, situation: Situation) -> dict[str, str]:
    """The invariants that a schedule breaks, each with how."""
    found = {}
    for invariant in invariants_of(situation):
        how = invariant.broken(trace)
        if how is not None:
            found[invariant.name] = how
    return found
