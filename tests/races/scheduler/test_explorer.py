"""The explorer on real servers: it finds the known faults, and no others."""

import math
from pathlib import Path

import pytest

from stampede.core.errors import ConfigError, ExplorerError
from stampede.patterns.caching.cache_pattern import Guarantee
from stampede.patterns.contender_registry import contenders, find_contender
from stampede.races.explore import Bound, replay
from stampede.races.hooks.limiter_adapter import find_explorable
from stampede.races.hooks.sandbox import Sandbox
from stampede.scenarios.interleavings.situation import situations
from tests.races.conftest import Explore

ARTICLE_PATTERNS = ("cache-aside", "write-through", "refresh-ahead", "coalescing", "no-cache")
FIXED_PATTERNS = ("cache-aside-lease", "write-through-versioned", "coalescing-owned", "refresh-ahead-single")

KNOWN = [
    ("cache-aside", "reader-writer", "eventually-fresh"),  # the stale fill
    ("write-through", "writer-writer", "eventually-fresh"),  # the order of the SETs
    ("coalescing", "reader-reader-expiry", "releases-only-own-lock"),
    ("coalescing", "reader-reader", "one-load-per-miss"),  # no second check of the cache
    ("refresh-ahead", "reader-reader-ageing", "one-refresh-per-expiry"),
    ("refresh-ahead", "reader-writer-ageing", "eventually-fresh"),  # a refresh that loaded before the write
    ("cache-aside", "reader-writer-death", "eventually-fresh"),  # a crash between COMMIT and DEL
    ("write-through-versioned", "writer-writer-expiry", "eventually-fresh"),
]

PAIRS = (
    *("reader-reader", "reader-reader-ageing", "reader-reader-load-raises", "reader-writer", "reader-writer-warm"),
    *("reader-writer-ageing", "two-reads-writer", "writer-writer", "create-read", "reader-writer-expiry"),
    *("writer-writer-expiry", "reader-writer-death", "writer-writer-death", "reader-reader-expiry"),
)

HEAD = """
from stampede.patterns.caching.cache_pattern import CachePattern, Guarantee

class Pattern(CachePattern):
    summary = "planted"
    guarantees = frozenset({Guarantee.EVENTUALLY_FRESH, Guarantee.ONE_LOAD_PER_MISS, Guarantee.RELEASES_ONLY_OWN_LOCK,
                            Guarantee.DURABLE_ON_RETURN, Guarantee.WAITS_AT_MOST_LOCK_TTL,
                            Guarantee.CORRECT_AFTER_CACHE_LOSS, Guarantee.NO_CACHED_ERRORS})

    def get(self, record_id):
        cached = self.redis.get(self.key(record_id))
        if cached is not None:
            return self.serializer.loads(cached)
        return self.miss(record_id)

    def miss(self, record_id):
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

PLANTED = {
    "delete_before_commit": (
        """
    def update(self, record_id, changes):
        with self.source.transaction() as tx:
            record = tx.update(record_id, changes)
            self.invalidate(record_id)
        return record
""",
        "reader-writer",
        "eventually-fresh",
    ),
    "check_and_set_in_two_trips": (
        """
    def update(self, record_id, changes):
        record = self.source.update(record_id, changes)
        cached = self.redis.get(self.key(record_id))
        if cached is None or self.serializer.loads(cached)["version"] < record["version"]:
            self.redis.set(self.key(record_id), self.serializer.dumps(record), px=self.config.ttl_ms)
        return record
""",
        "writer-writer",
        "eventually-fresh",
    ),
    "lock_without_ttl": (
        """
    def miss(self, record_id):
        lock = f"lock:{self.key(record_id)}"
        while not self.redis.set(lock, "mine", nx=True):
            self.context.sleep(0.05)
            cached = self.redis.get(self.key(record_id))
            if cached is not None:
                return self.serializer.loads(cached)
        try:
            return super().miss(record_id) if hasattr(super(), "miss") else self.fill(record_id)
        finally:
            self.redis.delete(lock)

    def fill(self, record_id):
        record = self.source.load(record_id)
        self.redis.set(self.key(record_id), self.serializer.dumps(record), px=self.config.ttl_ms)
        return record
""",
        "reader-reader-death",
        "waits-at-most-lock-ttl",
    ),
    "acknowledged_before_it_is_written": (
        """
    def update(self, record_id, changes):
        record = self.source.load(record_id) | changes
        self.context.spawn(lambda: self.source.update(record_id, changes))
        self.redis.set(self.key(record_id), self.serializer.dumps(record), px=self.config.ttl_ms)
        return record
""",
        "writer-writer-death",
        "durable-on-return",
    ),
    "failure_cached": (
        """
    def miss(self, record_id):
        try:
            record = self.source.load(record_id)
        except Exception:
            self.redis.set(self.key(record_id), b"null", px=self.config.ttl_ms)
            raise
        self.redis.set(self.key(record_id), self.serializer.dumps(record), px=self.config.ttl_ms)
        return record
""",
        "reader-reader-load-raises",
        "no-cached-errors",
    ),
}


@pytest.mark.parametrize(("contender", "situation", "invariant"), KNOWN)
def test_a_known_fault_is_found_with_its_shortest_schedule(
    contender: str, situation: str, invariant: str, explore: Explore, sandbox: Sandbox
) -> None:
    """Each fault is found in at most 12 steps, and its schedule has the same end in 20 of 20 replays."""
    info, verdicts = explore(contender, situation)
    verdict = verdicts[invariant]
    assert verdict.verdict == "broken"
    assert 0 < len(verdict.shortest) <= 12
    assert 0 < verdict.broken_in < verdict.schedules
    assert info.complete
    again = replay(sandbox, find_contender(contender), verdict.id, times=20)
    assert again.same
    assert again.broken[invariant] == verdict.how
    assert again.steps == verdict.shortest


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found_in_the_file_of_a_user(
    name: str, tmp_path: Path, explore: Explore, sandbox: Sandbox
) -> None:
    """A pattern that imports only the base class is explored like the project's patterns.

    Its fault is a broken guarantee, with the same end in 20 of 20 replays.
    """
    body, situation, invariant = PLANTED[name]
    path = tmp_path / f"{name}.py"
    path.write_text(HEAD + body, encoding="utf-8")
    _, verdicts = explore(find_contender(str(path)), situation)
    assert verdicts[invariant].verdict == "broken"
    assert verdicts[invariant].guaranteed
    assert len(verdicts[invariant].shortest) <= 12 or situation.endswith("death")
    again = replay(sandbox, find_contender(str(path)), verdicts[invariant].id, times=20)
    assert again.same
    assert again.broken[invariant] == verdicts[invariant].how


def test_a_sound_pattern_breaks_nothing(tmp_path: Path, explore: Explore) -> None:
    """The common part of the planted files keeps the guarantees that the planted faults break.

    It takes no lock, so the waiting time for a lock is not exercised.
    """
    path = tmp_path / "sound.py"
    path.write_text(HEAD, encoding="utf-8")
    for _, situation, invariant in PLANTED.values():
        if invariant != "eventually-fresh":
            expected = "not exercised" if invariant == "waits-at-most-lock-ttl" else "kept"
            assert explore(find_contender(str(path)), situation)[1][invariant].verdict == expected


@pytest.mark.parametrize("contender", FIXED_PATTERNS)
def test_a_fixed_pattern_keeps_its_guarantees(contender: str, explore: Explore) -> None:
    """With two clients, in every schedule, under every fault model that its guarantees name."""
    tried = 0
    for situation in PAIRS:
        info, verdicts = explore(contender, situation)
        assert info.complete
        tried += info.schedules
        assert [v for v in verdicts.values() if v.guaranteed and v.verdict == "broken"] == []
        for invariant in ("durable-on-return", "stale-at-most-ttl", "waits-at-most-lock-ttl"):
            assert invariant not in verdicts or verdicts[invariant].verdict != "broken"
    assert tried > 100


@pytest.mark.parametrize("contender", ARTICLE_PATTERNS)
def test_the_same_invariants_are_broken_with_and_without_the_reduction(contender: str, explore: Explore) -> None:
    """The reduction skips schedules, but never a fault."""
    reduced, every = 0, 0
    for situation in (
        "reader-reader",
        "reader-reader-ageing",
        "reader-writer",
        "writer-writer",
        "create-read",
        "reader-writer-ageing",
        "writer-writer-expiry",
    ):
        info, _ = explore(contender, situation, Bound(without_reduction=True))
        assert info.without_reduction is not None
        assert not info.disagrees
        reduced, every = reduced + info.schedules, every + info.without_reduction
    assert reduced < every


@pytest.mark.parametrize("situation", [name for name, s in situations().items() if s.limiting])
def test_every_order_of_the_calls_of_a_limiter_is_tried(situation: str, explore: Explore) -> None:
    """The article's limiter makes one round trip for each call, on one key, so no two calls commute.

    Every order is tried with and without the reduction, and the same invariants are broken.
    """
    info, verdicts = explore(find_explorable("sliding-window"), situation, Bound(without_reduction=True))
    orders = math.factorial(len(situations()[situation].clients))
    assert (info.schedules, info.without_reduction) == (orders, orders)
    assert not info.disagrees
    broken = "broken" in {verdict.verdict for verdict in verdicts.values()}
    assert broken == (not situations()[situation].clocks_agree)


def test_all_schedules_of_three_clients_are_tried(explore: Explore) -> None:
    """Two readers and a writer, every schedule."""
    info, verdicts = explore("cache-aside", "reader-reader-writer")
    assert info.complete
    assert verdicts["eventually-fresh"].verdict == "broken"


def test_beyond_the_bound_random_schedules_are_tried(explore: Explore) -> None:
    """The facts of a situation above the bound show it, and random schedules find its fault."""
    info, verdicts = explore("cache-aside", "reader-reader-writer", Bound(schedules=3, random=60))
    assert (info.complete, info.schedules, info.random) == (False, 3, 60)
    assert verdicts["eventually-fresh"].verdict == "broken"


def test_every_guarantee_of_the_patterns_has_an_invariant() -> None:
    """An invariant checks each guarantee, except the two that only contract tests check."""
    from stampede.races.verdicts.invariants import INVARIANTS

    judged = {p for i in INVARIANTS for p in (i.guarantee, i.stronger) if p is not None}
    made = {guarantee for contender in contenders().values() for guarantee in contender.pattern.guarantees}
    assert made - judged <= {Guarantee.READ_AFTER_WRITE, Guarantee.AVAILABLE_WITHOUT_CACHE}


def test_a_client_that_blocks_on_a_lock_in_the_process_is_refused(
    tmp_path: Path, explore: Explore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The explorer cannot schedule a lock in the process: the error names it, and nothing hangs."""
    monkeypatch.setattr("stampede.races.scheduler.scheduler.WATCHDOG_S", 0.3)
    path = tmp_path / "in_process.py"
    body = """
    import threading
    mutex = threading.Lock()

    def miss(self, record_id):
        with self.mutex:
            return self.source.load(record_id)
"""
    path.write_text(HEAD + body, encoding="utf-8")
    with pytest.raises(ExplorerError, match="lock in the process"):
        explore(find_contender(str(path)), "reader-reader")


@pytest.mark.parametrize("schedule", ["nowhere:a2", "reader-writer:a2.?"])
def test_an_id_that_is_not_a_schedule_is_refused(schedule: str, sandbox: Sandbox) -> None:
    """A situation that does not exist, or a step that does not exist, is an error of the input."""
    with pytest.raises(ConfigError):
        replay(sandbox, find_contender("cache-aside"), schedule)


def test_an_id_of_another_contender_is_refused(sandbox: Sandbox) -> None:
    """The error names the first step that cannot happen."""
    with pytest.raises(ExplorerError, match="step 1 of the schedule is c"):
        replay(sandbox, find_contender("cache-aside"), "reader-writer:c")
