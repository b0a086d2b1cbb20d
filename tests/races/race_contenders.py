"""Contenders for the explorer's tests: cache-aside with one change, written to a file."""

from pathlib import Path

from stampede.patterns.contender_registry import Contender
from stampede.races.hooks.limiter_adapter import find_explorable

HEAD = """
import os
import threading

import psycopg
import redis

from stampede.patterns.caching.cache_pattern import CachePattern, Guarantee

class Pattern(CachePattern):
    summary = "planted"
    guarantees = frozenset(Guarantee)  # all of them

    def get(self, record_id):
        cached = self.redis.get(self.key(record_id))
        if cached is not None:
            return self.serializer.loads(cached)
        record = self.source.load(record_id)
        if record is not None:
            self.redis.set(self.key(record_id), self.serializer.dumps(record), px=self.config.ttl_ms)
        return record

    def update(self, record_id, changes):
        record = self.source.update(record_id, changes)
        self.invalidate(record_id)
        return record

    def invalidate(self, record_id):
        self.redis.delete(self.key(record_id))
"""


def planted(folder: Path, name: str, body: str = "") -> Contender:
    """A contender with these methods instead of those of cache-aside."""
    path = folder / f"{name}.py"
    path.write_text(HEAD + body, encoding="utf-8")
    return find_explorable(str(path))
