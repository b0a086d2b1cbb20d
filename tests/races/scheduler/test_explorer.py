"""The explorer on real servers: it finds the faults that are known to be there, and no others."""

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
    ("coalescing", "reader-reader", "one-load-per-miss"),  # no second look
    ("refresh-ahead", "reader-reader-ageing", "one-refresh-per-expiry"),
    ("refresh-ahead", "reader-writer-ageing", "eventually-fresh"),  # a refresh that loaded before the write
    ("cache-aside", "reader-writer-death", "eventually-fresh"),  # dead between COMMIT and DEL
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
def test_a_known_fault_is_found_at_its_shortest(
    contender: str, situation: str, invariant: str, explore: Explore, sandbox: Sandbox
) -> None:
    """Each fault is found, in at most 12 steps, and its schedule comes to the same end 20 times of 20."""
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
def test_a_planted_fault_is_found_in_a_file_never_seen(
    name: str, tmp_path: Path, explore: Explore, sandbox: Sandbox
) -> None:
    """A pattern that imports nothing but the base is explored as ours are, and its fault is a broken promise that
    comes to the same end 20 times of 20."""
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


def test_what_is_sound_is_not_cried_at(tmp_path: Path, explore: Explore) -> None:
    """The planted files' common part, without a plant, keeps what the plants break in the same situations.

    It takes no lock, so how long somebody waits for one is not exercised.
    """
    path = tmp_path / "sound.py"
    path.write_text(HEAD, encoding="utf-8")
    for _, situation, invariant in PLANTED.values():
        if invariant != "eventually-fresh":
            wanted = "not exercised" if invariant == "waits-at-most-lock-ttl" else "kept"
            assert explore(find_contender(str(path)), situation)[1][invariant].verdict == wanted


@pytest.mark.parametrize("contender", FIXED_PATTERNS)
def test_a_mended_pattern_keeps_its_promises(contender: str, explore: Explore) -> None:
    """With two clients, in every schedule, under every adversary that its promises name."""
    tried = 0
    for situation in PAIRS:
        info, verdicts = explore(contender, situation)
        assert info.complete
        tried += info.schedules
        assert [v for v in verdicts.values() if v.guaranteed and v.verdict == "broken"] == []
        for least in ("durable-on-return", "stale-at-most-ttl", "waits-at-most-lock-ttl"):
            assert least not in verdicts or verdicts[least].verdict != "broken"
    assert tried > 100


@pytest.mark.parametrize("contender", ARTICLE_PATTERNS)
def test_with_and_without_reduction_the_same_invariants_are_broken(contender: str, explore: Explore) -> None:
    """The reduction leaves out schedules, never a fault."""
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
def test_of_a_limiter_s_calls_no_order_is_left_out(situation: str, explore: Explore) -> None:
    """The article's limiter asks once a call, about one key: no two calls commute, so that with and without reduction
    every order is tried, and the same invariants are broken."""
    info, verdicts = explore(find_explorable("sliding-window"), situation, Bound(without_reduction=True))
    orders = math.factorial(len(situations()[situation].clients))
    assert (info.schedules, info.without_reduction) == (orders, orders)
    assert not info.disagrees
    broken = "broken" in {verdict.verdict for verdict in verdicts.values()}
    assert broken == (not situations()[situation].clocks_agree)


def test_three_clients_are_exhausted(explore: Explore) -> None:
    """Two readers and a writer, every schedule."""
    info, verdicts = explore("cache-aside", "reader-reader-writer")
    assert info.complete
    assert verdicts["eventually-fresh"].verdict == "broken"


def test_beyond_the_bound_random_schedules_are_tried(explore: Explore) -> None:
    """A situation that is too big says so, and its fault is found by chance."""
    info, verdicts = explore("cache-aside", "reader-reader-writer", Bound(schedules=3, random=60))
    assert (info.complete, info.schedules, info.random) == (False, 3, 60)
    assert verdicts["eventually-fresh"].verdict == "broken"


def test_every_promise_of_ours_is_judged_somewhere() -> None:
    """Each promise of our patterns is held by an invariant, but for those that contract specs hold by themselves."""
    from stampede.races.verdicts.invariants import INVARIANTS

    judged = {p for i in INVARIANTS for p in (i.guarantee, i.stronger) if p is not None}
    made = {guarantee for contender in contenders().values() for guarantee in contender.pattern.guarantees}
    assert made - judged <= {Guarantee.READ_AFTER_WRITE, Guarantee.AVAILABLE_WITHOUT_CACHE}


def test_a_client_that_blocks_elsewhere_is_named(
    tmp_path: Path, explore: Explore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock in the process cannot be held still: that is said, nothing hangs."""
    monkeypatch.setattr("stampede.races.scheduler.scheduler.WATCHDOG_S", 0.3)
    path = tmp_path / "in_process.py"
    body = """
    import threading
    gate = threading.Lock()

    def miss(self, record_id):
        with self.gate:
            return self.source.load(record_id)
"""
    path.write_text(HEAD + body, encoding="utf-8")
    with pytest.raises(ExplorerError, match="lock in the process"):
        explore(find_contender(str(path)), "reader-reader")


@pytest.mark.parametrize("schedule", ["nowhere:a2", "reader-writer:a2.?"])
def test_an_id_that_is_none_is_refused(schedule: str, sandbox: Sandbox) -> None:
    """One line says what was wanted."""
    with pytest.raises(ConfigError):
        replay(sandbox, find_contender("cache-aside"), schedule)


def test_an_id_of_another_contender_is_refused(sandbox: Sandbox) -> None:
    """A schedule that cannot be followed says at which step."""
    with pytest.raises(ExplorerError, match="step 1 of the schedule is c"):
        replay(sandbox, find_contender("cache-aside"), "reader-writer:c")
