"""The verdicts on background work, limiters' clocks, misses, guarantees and crashes match the events."""

import gc
import sys
from pathlib import Path
from typing import Any

import pytest

from stampede.patterns.contender_registry import find_contender
from stampede.races.explore import Bound, replay, search, verdicts
from stampede.races.hooks.limiter_adapter import find_explorable
from stampede.races.hooks.sandbox import Sandbox
from stampede.races.scheduler.schedule import SchedulePlayer
from stampede.races.scheduler.virtual_time import START_S
from stampede.scenarios.interleavings.situation import Situation, find_situation
from tests.races.commands.lock_faults import HEAD
from tests.races.conftest import Explore

SPAWNED = """
    def update(self, record_id, changes):
        record = self.source.update(record_id, changes)
        self.invalidate(record_id)
        self.context.spawn(lambda: (SLEEP, self.invalidate(record_id)))
        return record

    def take(self, lock, token):
        return True

    def free(self, lock, token):
        pass
"""

CLOCKS = """
    clocks = []

    def get(self, record_id):
        def inner():
            self.context.sleep(1)
            self.clocks.append(("inner", self.context.now()))

        def outer():
            self.context.sleep(5)
            self.context.spawn(inner)
            self.clocks.append(("outer", self.context.now()))

        self.context.spawn(outer)
        self.clocks.append(("spawner", self.context.now()))
        return self.source.load(record_id)
"""

READS_THEN_WRITES = """
import json
import time

from stampede.patterns.rate_limiting.rate_limiter import Decision, RateLimiter, Strict


class ReadsThenWrites(RateLimiter):
    summary = "reads the calls, decides, writes them"

    @classmethod
    def contract_for(cls, config):
        return Strict(limit=config.limit, window_s=config.window_s)

    def hit(self, subject):
        now = NOW
        calls = [t for t in json.loads(self.redis.get(self.key(subject)) or "[]") if t > now - self.config.window_s]
        allowed = len(calls) < self.config.limit
        if allowed:
            self.redis.set(self.key(subject), json.dumps([*calls, now]))
        return Decision(
            allowed=allowed,
            limit=self.config.limit,
            remaining=0,
            retry_after_s=0.0 if allowed else 1.0,
            reset_after_s=1.0,
        )
"""

WATCHES = """
    def free(self, lock, token):
        with self.redis.pipeline() as pipe:
            pipe.watch(lock)
            if pipe.get(lock) == token.encode():
                pipe.multi()
                pipe.delete(lock)
                pipe.execute()
"""

FORGETS_THE_RECORD = """
    def get(self, record_id):
        cached = self.redis.get(self.key(record_id))
        return None if cached == b"gone" else self.source.load(record_id)

    def update(self, record_id, changes):
        record = self.source.update(record_id, changes)
        self.redis.set(self.key(record_id), "gone")
        return record
"""


def written(tmp_path: Path, text: str, name: str = "planted") -> str:
    path = tmp_path / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("sleep", "verdict"),
    [("self.context.sleep(0.5)", "kept"), ("__import__('time').sleep(0.5)", "kept"), ("None", "broken")],
)
def test_background_work_sleeps_on_its_own_clock(sleep: str, verdict: str, tmp_path: Path, explore: Explore) -> None:
    """A second deletion in the background, half a second later, removes a stale fill; without the wait it may not."""
    guarantees = HEAD.replace("Guarantee.RELEASES_ONLY_OWN_LOCK", "Guarantee.EVENTUALLY_FRESH")
    contender = find_contender(written(tmp_path, guarantees + SPAWNED.replace("SLEEP", sleep)))
    assert explore(contender, "reader-writer")[1]["eventually-fresh"].verdict == verdict


def test_each_piece_of_background_work_has_its_own_clock(tmp_path: Path, sandbox: Sandbox) -> None:
    """Background work starts at the time of its spawner, and its sleep moves only its own clock."""
    pattern = find_contender(written(tmp_path, HEAD + CLOCKS)).pattern
    SchedulePlayer(sandbox, pattern, Situation(name="one", clients=(("get",),))).play(lambda enabled: enabled[0])
    seen: list[tuple[str, float]] = pattern.clocks  # type: ignore[attr-defined]
    assert {name: round(now_s - START_S) for name, now_s in seen} == {"spawner": 0, "outer": 5, "inner": 6}


@pytest.mark.parametrize("now", ["self.now()", "time.time()"])
def test_a_limiter_that_reads_the_clock_must_keep_its_bound(now: str, tmp_path: Path, sandbox: Sandbox) -> None:
    """If clocks agree, the bound is guaranteed, and a read followed by a write breaks it."""
    limiter = find_explorable(written(tmp_path, READS_THEN_WRITES.replace("NOW", now)))
    player = SchedulePlayer(sandbox, limiter.pattern, find_situation("calls-at-once"))
    found = search(player, Bound(schedules=30, random=0), lambda: None, reduce=True)
    (judged,) = verdicts(player, found, {})
    assert (judged.verdict, judged.guaranteed) == ("broken", True)


@pytest.mark.parametrize(
    ("situation", "verdict", "guaranteed"),
    [
        ("calls-at-once", "kept", True),
        ("calls-on-one-tick", "broken", False),
        ("calls-with-skewed-clocks", "broken", False),
    ],
)
def test_only_clocks_that_disagree_void_the_guarantee_of_a_limiter(
    situation: str, verdict: str, guaranteed: bool, explore: Explore
) -> None:
    """The article's limiter guarantees its bound if clocks agree and no two calls share a tick, and keeps it."""
    found = explore(find_explorable("sliding-window"), situation)[1]["admits-at-most-its-bound"]
    assert (found.verdict, found.guaranteed) == (verdict, guaranteed)


def test_a_limiter_that_reads_the_server_s_clock_guarantees_its_bound_everywhere(explore: Explore) -> None:
    """The guarantee also holds on one tick and with skewed clocks."""
    for situation in ("calls-on-one-tick", "calls-with-skewed-clocks"):
        assert explore(find_explorable("gcra"), situation)[1]["admits-at-most-its-bound"].guaranteed


@pytest.mark.parametrize(("schedule", "broken"), [("a3.X0.b3", False), ("a2.b2.a.X0.b", True), ("a3.b", False)])
def test_a_load_after_the_entry_has_expired_is_another_miss(schedule: str, broken: bool, sandbox: Sandbox) -> None:
    """If the entry expires between two loads, each load is of another miss; two loads before that are of one miss."""
    found = replay(sandbox, find_contender("cache-aside"), f"reader-reader-expiry:{schedule}").broken
    assert ("one-load-per-miss" in found) == broken


def test_the_expiry_of_a_lock_does_not_begin_another_miss(sandbox: Sandbox) -> None:
    """Two loads while the entry is missing are of one miss, although a lock expired between them."""
    found = replay(sandbox, find_contender("coalescing"), "reader-reader-expiry:a2.X0.b2.a.b").broken
    assert found["one-load-per-miss"] == "2 loads for one missing entry, by client a and client b"


def test_the_text_of_a_read_without_a_record_names_no_version(tmp_path: Path, explore: Explore) -> None:
    """A reader that gets no record is described as such."""
    judged = explore(find_contender(written(tmp_path, HEAD + FORGETS_THE_RECORD)), "reader-writer")[1]
    how = "v2 had been written and acknowledged, and then client a read no record"
    assert judged["no-stale-after-write"].how in (how, "v2 was acknowledged, and afterwards readers get no record")
    assert not [v.how for v in judged.values() if "None" in v.how]


def test_a_client_that_crashes_in_a_watching_pipeline_raises_nothing_later(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """redis-py's clean-up of a crashed client's pipeline takes no step and causes no unraisable exception."""
    ignored: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    contender = find_contender(written(tmp_path, HEAD + WATCHES))
    player = SchedulePlayer(sandbox, contender.pattern, find_situation("reader-reader-death"))
    assert search(player, Bound(), lambda: None, reduce=True).complete
    gc.collect()
    assert [str(raised.exc_value) for raised in ignored] == []
