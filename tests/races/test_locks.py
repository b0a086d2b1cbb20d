"""What is a lock: a key that a client makes before its work, whatever the key holds and however it is taken and freed."""

from pathlib import Path

import pytest

from patterns.catalogue import Contender, find_contender
from tests.races.conftest import Explore
from tests.races.lock_plants import FREED_BY_ANOTHER, FREED_BY_OWNERS, HEAD, NO_LOCK

UNLOCKS = "unlocks-only-its-own"


def planted(body: str, tmp_path: Path, name: str = "planted") -> Contender:
    path = tmp_path / f"{name}.py"
    path.write_text(HEAD + body, encoding="utf-8")
    return find_contender(str(path))


@pytest.mark.parametrize("name", FREED_BY_ANOTHER)
def test_a_lock_that_another_client_frees_is_found(name: str, tmp_path: Path, explore: Explore) -> None:
    """The first holder's lock expires, a second client takes it, and the first one frees it."""
    _, verdicts = explore(planted(FREED_BY_ANOTHER[name], tmp_path), "reader-reader-expiry")
    assert verdicts[UNLOCKS].verdict == "broken", name


@pytest.mark.parametrize("name", FREED_BY_OWNERS)
def test_a_lock_that_only_its_owner_frees_is_kept(name: str, tmp_path: Path, explore: Explore) -> None:
    contender = planted(FREED_BY_OWNERS[name], tmp_path)
    for situation in ("reader-reader-expiry", "reader-writer-expiry"):
        _, verdicts = explore(contender, situation)
        assert verdicts[UNLOCKS].verdict == "kept", verdicts[UNLOCKS].how


@pytest.mark.parametrize("name", NO_LOCK)
def test_what_excludes_no_other_client_is_no_lock(name: str, tmp_path: Path, explore: Explore) -> None:
    """Fills, entries, leases, generations and counts may be deleted by every client."""
    contender = planted(NO_LOCK[name], tmp_path)
    for situation in ("reader-reader-expiry", "reader-writer-expiry", "reader-writer"):
        _, verdicts = explore(contender, situation)
        assert verdicts[UNLOCKS].verdict != "broken", (situation, verdicts[UNLOCKS].how, verdicts[UNLOCKS].id)
