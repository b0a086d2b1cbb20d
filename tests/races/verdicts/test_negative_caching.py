"""Negative caching: what `create` must do, as docs/how-to/your-own-pattern.md describes."""

from pathlib import Path

import pytest

from stampede.patterns.contender_registry import find_contender
from tests.docs.documents import block
from tests.races.conftest import Explore

SUMMARY = '    summary = "as cache-aside, but remembers what does not exist"\n'
GUARANTEES = """
    import stampede
    guarantees = frozenset({stampede.Guarantee.EVENTUALLY_FRESH})
"""
INHERITED = """
    def create(self, new):
        return self.source.create(new)
"""
LEASED = """
    LEASE = "redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', 10000) return redis.call('GET', KEYS[1])"
    FILL = \"\"\"
        if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
        return redis.call('DEL', KEYS[2])
    \"\"\"

    def get(self, record_id):
        key = self.key(record_id)
        cached = self.redis.get(key)
        if cached is not None:
            return None if cached == NOTHING else self.serializer.loads(cached)
        token = self.redis.eval(self.LEASE, 1, f"lease:{key}", self.context.rng.getrandbits(64))
        record = self.source.load(record_id)
        data = NOTHING if record is None else self.serializer.dumps(record)
        self.redis.eval(self.FILL, 2, key, f"lease:{key}", token, data, self.config.ttl_ms)
        return record

    def invalidate(self, record_id):
        key = self.key(record_id)
        self.redis.delete(key, f"lease:{key}")
"""


@pytest.mark.parametrize(
    ("body", "verdict", "broken_without_preemption"),
    [(INHERITED, "broken", True), ("", "broken", False), (LEASED, "kept", False)],
)
def test_a_created_record_is_found(
    body: str, verdict: str, broken_without_preemption: bool, tmp_path: Path, explore: Explore
) -> None:
    """An inherited `create` leaves the cached "no record"; with a deletion a late fill restores it; with a lease not.

    With the inherited `create`, a read that ended before the creation is enough.
    """
    text = block("docs/how-to/your-own-pattern.md", "python").replace(SUMMARY, SUMMARY + GUARANTEES)
    assert GUARANTEES in text
    path = tmp_path / "negative.py"
    path.write_text(text + body, encoding="utf-8")
    found = explore(find_contender(str(path)), "create-read")[1]["eventually-fresh"]
    assert (found.verdict, found.guaranteed) == (verdict, True)
    if found.verdict == "broken":
        assert (found.preemptions == 0) == broken_without_preemption
