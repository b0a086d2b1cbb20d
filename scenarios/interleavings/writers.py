"""Readers and writers: the state after a write, and what concurrent clients read."""

from stampede.patterns.caching.cache_pattern import FaultModel
from stampede.scenarios.interleavings.situation import CacheState, Operation, Situation

GET: tuple[Operation, ...] = ("get",)
UPDATE: tuple[Operation, ...] = ("update",)

SITUATIONS = (
    Situation(name="reader-writer", clients=(GET, UPDATE)),
    Situation(name="reader-writer-warm", clients=(GET, UPDATE), start=CacheState.WARM),
    Situation(name="reader-writer-ageing", clients=(GET, UPDATE), start=CacheState.AGEING),
    Situation(name="reader-own-write", clients=(GET, ("update", "get"))),
    Situation(name="two-reads-writer", clients=(("get", "get"), UPDATE)),
    Situation(name="writer-writer", clients=(UPDATE, UPDATE)),
    Situation(name="create-read", clients=(("create",), ("get-new",))),
    Situation(name="reader-reader-writer", clients=(GET, GET, UPDATE)),
    Situation(name="reader-writer-expiry", clients=(GET, UPDATE), adversary=FaultModel.EXPIRY),
    Situation(name="writer-writer-expiry", clients=(UPDATE, UPDATE), adversary=FaultModel.EXPIRY),
    Situation(name="reader-writer-death", clients=(GET, UPDATE), adversary=FaultModel.CRASH),
    Situation(name="writer-writer-death", clients=(UPDATE, UPDATE), adversary=FaultModel.CRASH),
)
