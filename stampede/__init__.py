"""Compares caching patterns and rate limiters on real PostgreSQL and Redis servers.

This module is the public API: the classes that you need to add your own caching pattern, rate limiter, serializer or
scenario to a benchmark.

A caching pattern is a file with one class. `stampede bench --contender my_pattern.py` compares it with the built-in
patterns:

    from stampede import CachePattern, Record, RecordId


    class MyPattern(CachePattern):
        summary = "cache-aside in its shortest form"

        def get(self, record_id: RecordId) -> Record | None:
            cached = self.redis.get(self.key(record_id))
            if cached is not None:
                return self.serializer.loads(cached)
            record = self.source.load(record_id)
            if record is not None:
                self.redis.set(self.key(record_id), self.serializer.dumps(record), px=self.config.ttl_ms)
            return record

        def update(self, record_id: RecordId, changes: Record) -> Record | None:
            record = self.source.update(record_id, changes)
            self.invalidate(record_id)
            return record

        def invalidate(self, record_id: RecordId) -> None:
            self.redis.delete(self.key(record_id))

A rate limiter is also a file with one class:

    from stampede import Contract, Decision, LimiterConfig, RateLimiter, Strict


    class MyLimiter(RateLimiter):
        summary = "counts the calls of a window that begins with the first call"

        @classmethod
        def contract_for(cls, config: LimiterConfig) -> Contract:
            return Strict(limit=2 * config.limit, window_s=config.window_s)

        def hit(self, subject: str) -> Decision:
            key, limit, window_s = self.key(subject), self.config.limit, self.config.window_s
            with self.redis.pipeline() as pipe:
                pipe.set(key, 0, px=round(window_s * 1000), nx=True)
                _, count = pipe.incr(key).execute()
            return Decision(
                allowed=count <= limit,
                limit=limit,
                remaining=max(0, limit - count),
                retry_after_s=0.0 if count <= limit else window_s,
                reset_after_s=window_s,
            )

A serializer is a file with one class. `stampede serializers --serializer my_serializer.py` compares it with the
built-in ones:

    import json

    from stampede import Serializer


    class MySerializer(Serializer):
        summary = "JSON with sorted keys"

        def dumps(self, value: object) -> bytes:
            return json.dumps(value, sort_keys=True).encode()

        def loads(self, data: bytes) -> object:
            return json.loads(data)

A scenario is a file with a value. `stampede bench --scenario my_scenario.py` runs it:

    from stampede import Scenario

    SCENARIO = Scenario(
        name="busy-evening",
        question="Which pattern copes with a busy evening?",
        application="a shop on the evening before a holiday",
        expectation="more hits, since popular records are read more often",
        overrides={"rate_per_s": 200.0, "key_skew": 1.4},
    )

`stampede new pattern|limiter|serializer|scenario NAME` writes a commented file to start from.

Importing this module imports no other module: each class is imported when it is first used.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stampede.core.errors import ConfigError as ConfigError
    from stampede.patterns.caching.cache_pattern import CachePattern as CachePattern
    from stampede.patterns.caching.cache_pattern import ClientSettings as ClientSettings
    from stampede.patterns.caching.cache_pattern import Config as Config
    from stampede.patterns.caching.cache_pattern import Context as Context
    from stampede.patterns.caching.cache_pattern import FaultModel as FaultModel
    from stampede.patterns.caching.cache_pattern import Guarantee as Guarantee
    from stampede.patterns.caching.cache_pattern import Record as Record
    from stampede.patterns.caching.cache_pattern import RecordId as RecordId
    from stampede.patterns.caching.cache_pattern import Source as Source
    from stampede.patterns.caching.cache_pattern import SupportsWarmUp as SupportsWarmUp
    from stampede.patterns.caching.cache_pattern import Transaction as Transaction
    from stampede.patterns.caching.record_source import RecordSource as RecordSource
    from stampede.patterns.compression.compressor import Compressor as Compressor
    from stampede.patterns.rate_limiting.rate_limiter import Bucket as Bucket
    from stampede.patterns.rate_limiting.rate_limiter import Contract as Contract
    from stampede.patterns.rate_limiting.rate_limiter import Decision as Decision
    from stampede.patterns.rate_limiting.rate_limiter import LimiterConfig as LimiterConfig
    from stampede.patterns.rate_limiting.rate_limiter import RateLimiter as RateLimiter
    from stampede.patterns.rate_limiting.rate_limiter import Strict as Strict
    from stampede.patterns.serialization.serializer import Serializer as Serializer
    from stampede.scenarios.faults.fault import Fault as Fault
    from stampede.scenarios.rate_limiting.flood import CallerGroup as CallerGroup
    from stampede.scenarios.rate_limiting.flood import Flood as Flood
    from stampede.scenarios.scenario import Scenario as Scenario
    from stampede.scenarios.workload import Workload as Workload

_HOMES = {
    "stampede.patterns.caching.cache_pattern": (
        "FaultModel",
        "CachePattern",
        "ClientSettings",
        "Config",
        "Context",
        "Guarantee",
        "Record",
        "RecordId",
        "Source",
        "Transaction",
        "SupportsWarmUp",
    ),
    "stampede.patterns.caching.record_source": ("RecordSource",),
    "stampede.patterns.compression.compressor": ("Compressor",),
    "stampede.core.errors": ("ConfigError",),
    "stampede.patterns.rate_limiting.rate_limiter": (
        "Bucket",
        "Contract",
        "Decision",
        "LimiterConfig",
        "RateLimiter",
        "Strict",
    ),
    "stampede.patterns.serialization.serializer": ("Serializer",),
    "stampede.scenarios.faults.fault": ("Fault",),
    "stampede.scenarios.rate_limiting.flood": ("CallerGroup", "Flood"),
    "stampede.scenarios.scenario": ("Scenario",),
    "stampede.scenarios.workload": ("Workload",),
}
"""Modules and the public names that they define."""

__all__ = [
    "Bucket",
    "CachePattern",
    "CallerGroup",
    "ClientSettings",
    "Compressor",
    "Config",
    "ConfigError",
    "Context",
    "Contract",
    "Decision",
    "Fault",
    "FaultModel",
    "Flood",
    "Guarantee",
    "LimiterConfig",
    "RateLimiter",
    "Record",
    "RecordId",
    "RecordSource",
    "Scenario",
    "Serializer",
    "Source",
    "Strict",
    "SupportsWarmUp",
    "Transaction",
    "Workload",
]


def __getattr__(name: str) -> object:
    """Import the public class of that name on first use. Raises AttributeError."""
    import importlib

    for module, names in _HOMES.items():
        if name in names:
            globals()[name] = getattr(importlib.import_module(module), name)
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
