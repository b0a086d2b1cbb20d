"""A lock is a key that a client creates before its work, with any value and by any command."""

from pathlib import Path

import pytest

from stampede.patterns.contender_registry import Contender, find_contender
from stampede.races.explore import Bound, search
from stampede.races.hooks.sandbox import Sandbox
from stampede.races.scheduler.schedule import SchedulePlayer
from stampede.races.scheduler.search import DepthFirst
from stampede.scenarios.interleavings.situation import find_situation
from tests.races.commands.lock_faults import FREED_BY_ANOTHER, FREED_BY_OWNERS, HEAD, NO_LOCK

UNLOCKS = "releases-only-own-lock"
WAITS = "waits-at-most-lock-ttl"


def planted(body: str, tmp_path: Path, name: str = "planted") -> Contender:
    path = tmp_path / f"{name}.py"
    path.write_text(HEAD + body, encoding="utf-8")
    return find_contender(str(path))


def broken(contender: Contender, situation: str, sandbox: Sandbox) -> set[str]:
    """The invariants that at least one schedule breaks."""
    player = SchedulePlayer(sandbox, contender.pattern, find_situation(situation), name=contender.name)
    found = search(player, Bound(), lambda: None, reduce=True)
    assert found.schedules > 1
    assert found.complete
    return set(found.broken)


@pytest.mark.filterwarnings("ignore:Call to deprecated")
@pytest.mark.parametrize("name", FREED_BY_ANOTHER)
def test_a_lock_that_another_client_frees_is_a_broken_invariant(name: str, tmp_path: Path, sandbox: Sandbox) -> None:
    """The first holder's lock expires, a second client takes it, and the first one frees it."""
    assert UNLOCKS in broken(planted(FREED_BY_ANOTHER[name], tmp_path), "reader-reader-expiry", sandbox)


@pytest.mark.parametrize("name", FREED_BY_OWNERS)
def test_a_lock_that_only_its_owner_frees_breaks_nothing(name: str, tmp_path: Path, sandbox: Sandbox) -> None:
    """A client whose lock expired leaves the next holder's lock alone."""
    contender = planted(FREED_BY_OWNERS[name], tmp_path)
    assert UNLOCKS not in broken(contender, "reader-reader-expiry", sandbox)


@pytest.mark.parametrize("situation", ["reader-reader-expiry", "reader-writer-expiry"])
@pytest.mark.parametrize("name", NO_LOCK)
def test_a_key_that_excludes_no_other_client_is_not_a_lock(
    name: str, situation: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    """Every client may delete fills, entries, leases, generations and counts."""
    assert UNLOCKS not in broken(planted(NO_LOCK[name], tmp_path), situation, sandbox)


@pytest.mark.filterwarnings("ignore:Call to deprecated")
@pytest.mark.parametrize("name", [*FREED_BY_ANOTHER, *FREED_BY_OWNERS])
def test_a_taken_lock_is_recognised(name: str, tmp_path: Path, sandbox: Sandbox) -> None:
    """A schedule without a fault records that a lock was taken, so `kept` refers to an exercised invariant."""
    player = SchedulePlayer(sandbox, planted({**FREED_BY_ANOTHER, **FREED_BY_OWNERS}[name], tmp_path).pattern, READERS)
    assert player.play(DepthFirst(reduce=True)).took_lock


@pytest.mark.parametrize("name", [n for n in NO_LOCK if n.startswith("filled")])
def test_a_fill_is_not_recognised_as_a_lock(name: str, tmp_path: Path, sandbox: Sandbox) -> None:
    """A fill comes after its load."""
    player = SchedulePlayer(sandbox, planted(NO_LOCK[name], tmp_path).pattern, READERS)
    assert not player.play(DepthFirst(reduce=True)).took_lock


READERS = find_situation("reader-reader")
WRITERS_LOCK = """
    def update(self, record_id, changes):
        lock = f"lock:{self.key(record_id)}"
        while not self.take(lock, "w"):
            self.context.sleep(0.1)
        record = self.source.update(record_id, changes)
        self.invalidate(record_id)
        self.redis.delete(lock)
        return record
"""
INVALIDATES_THE_LOCK = """
    def free(self, lock, token):
        self.redis.eval(COMPARE_AND_DELETE, 1, lock, token)

    def invalidate(self, record_id):
        key = self.key(record_id)
        self.redis.delete(key, f"lock:{key}")
"""


def test_the_lock_of_a_writer_is_recognised(tmp_path: Path, sandbox: Sandbox) -> None:
    """A writer that frees its lock without a check may free the lock of another writer."""
    assert UNLOCKS in broken(planted(WRITERS_LOCK, tmp_path), "writer-writer-expiry", sandbox)


def test_an_invalidation_does_not_release_a_lock(tmp_path: Path, sandbox: Sandbox) -> None:
    """A writer that never tried to take the key deletes it to invalidate the fill of its holder."""
    assert UNLOCKS not in broken(planted(INVALIDATES_THE_LOCK, tmp_path), "reader-writer", sandbox)


@pytest.mark.parametrize("name", ["taken_by_exists_and_set_in_lua", "the_value_is_a_json_object"])
def test_readers_wait_for_the_lock_of_a_crashed_holder_only_without_a_ttl(
    name: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    """A lock without a TTL outlives its crashed holder and blocks the other readers; a lock with a TTL expires."""
    body = FREED_BY_ANOTHER[name] + WITHOUT_LIMIT
    assert (WAITS in broken(planted(body, tmp_path), "reader-reader-death", sandbox)) == ("10_000" not in body)


WITHOUT_LIMIT = """
    def get(self, record_id):
        key = self.key(record_id)
        while True:
            cached = self.redis.get(key)
            if cached is not None:
                return self.serializer.loads(cached)
            if self.take(f"lock:{key}", "t"):
                record = self.fill(record_id)
                self.free(f"lock:{key}", "t")
                return record
            self.context.sleep(0.5)
"""
