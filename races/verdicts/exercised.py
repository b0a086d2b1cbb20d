"""Decides whether a schedule exercised an invariant. A verdict is `kept` only if at least one schedule did.

Each function takes the trace of one schedule. docs/explanation/races.md describes the rules.
"""

from collections.abc import Callable, Mapping
from itertools import groupby

from stampede.patterns.caching.cache_pattern import Guarantee
from stampede.races.scheduler.schedule import ExecutionTrace
from stampede.races.verdicts.history import FinishedOperation

Exercised = Callable[[ExecutionTrace], bool]


def answered(trace: ExecutionTrace, *operations: str) -> list[FinishedOperation]:
    """The operations that ended without an error. `operations`: only those with these names."""
    return [d for d in trace.operations if d.error is None and (not operations or d.operation in operations)]


def written_and_read_after_drain(trace: ExecutionTrace) -> bool:
    """A write was committed, and a reader after the drain was answered."""
    return bool(trace.commits) and any(final.error is None for final in trace.final_reads)


def acknowledged_and_read_later(trace: ExecutionTrace) -> bool:
    """A write returned, and a reader after the drain was answered."""
    return bool(answered(trace, "update", "create")) and any(final.error is None for final in trace.final_reads)


def read_own_write(trace: ExecutionTrace) -> bool:
    """A client's write returned, and a later read of the same client was answered."""
    wrote = {(d.client, d.end) for d in answered(trace, "update")}
    return any(client == d.client and end < d.begin for d in answered(trace, "get") for client, end in wrote)


def version_seen_twice(trace: ExecutionTrace) -> bool:
    """One client received a version of the record twice."""
    clients = sorted(d.client for d in answered(trace, "get", "update"))
    return any(len(list(group)) > 1 for _, group in groupby(clients))


def loaded_for_several(trace: ExecutionTrace) -> bool:
    """A load was made, and the reads of two clients were answered."""
    return bool(trace.loads) and len({d.client for d in answered(trace, "get")}) > 1


def entry_loaded_again(trace: ExecutionTrace) -> bool:
    """A record was loaded although its entry existed."""
    return bool(trace.loads) and trace.entries_at_start > 0


def locked(trace: ExecutionTrace) -> bool:
    """A client took a lock."""
    return trace.took_lock


def crashed_with_a_lock(trace: ExecutionTrace) -> bool:
    """A client that held a lock crashed, and another client was answered."""
    crashed = {crash.client for crash in trace.crashes if crash.lock_ttl_s is not None}
    return bool(crashed) and any(d.client not in crashed for d in answered(trace))


def load_failed(trace: ExecutionTrace) -> bool:
    """The load that the situation lets fail was made, and a reader came afterwards."""
    return bool(trace.loads) and bool(trace.final_reads)


def acknowledged(trace: ExecutionTrace) -> bool:
    """A write returned."""
    return bool(answered(trace, "update", "create"))


def was_answered(trace: ExecutionTrace) -> bool:
    """An operation ended with an answer."""
    return bool(answered(trace))


def over_quota(trace: ExecutionTrace) -> bool:
    """More calls were decided than the bound admits, and one was admitted."""
    calls = answered(trace, "hit")
    return trace.quota is not None and len(calls) > trace.quota and any(d.found for d in calls)


def refused_then_asked(trace: ExecutionTrace) -> bool:
    """A call was refused, and another call was made when the quota was available again."""
    return trace.admits_later is not None and any(not d.found for d in answered(trace, "hit"))


EXERCISED: Mapping[Guarantee, Exercised] = {
    Guarantee.EVENTUALLY_FRESH: written_and_read_after_drain,
    Guarantee.NO_STALE_AFTER_WRITE: acknowledged_and_read_later,
    Guarantee.READ_YOUR_WRITES: read_own_write,
    Guarantee.MONOTONIC_READS: version_seen_twice,
    Guarantee.ONE_LOAD_PER_MISS: loaded_for_several,
    Guarantee.ONE_REFRESH_PER_EXPIRY: entry_loaded_again,
    Guarantee.RELEASES_ONLY_OWN_LOCK: locked,
    Guarantee.WAITS_AT_MOST_LOCK_TTL: crashed_with_a_lock,
    Guarantee.NO_CACHED_ERRORS: load_failed,
    Guarantee.DURABLE_ON_RETURN: acknowledged,
    Guarantee.STALE_AT_MOST_TTL: written_and_read_after_drain,
    Guarantee.CORRECT_AFTER_CACHE_LOSS: was_answered,
    Guarantee.ADMITS_AT_MOST_ITS_BOUND: over_quota,
    Guarantee.REFUSED_CALLS_ARE_FREE: refused_then_asked,
}
"""Guarantee of the invariant to the function that decides."""
