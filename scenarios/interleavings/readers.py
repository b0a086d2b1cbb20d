"""Concurrent readers: how often they load, and what happens if a load fails."""

from stampede.patterns.caching.cache_pattern import FaultModel
from stampede.scenarios.interleavings.situation import CacheState, Operation, Situation

GET: tuple[Operation, ...] = ("get",)

SITUATIONS = (
    Situation(name="reader-reader", clients=(GET, GET)),
    Situation(name="reader-reader-ageing", clients=(GET, GET), start=CacheState.AGEING),
    Situation(name="reader-reader-load-raises", clients=(GET, GET), failing_loads=1),
    Situation(name="reader-reader-expiry", clients=(GET, GET), adversary=FaultModel.EXPIRY),
    Situation(name="reader-reader-death", clients=(GET, GET), adversary=FaultModel.CRASH),
)
