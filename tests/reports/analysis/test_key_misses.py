"""Misses of the most-read key are attributed to an expiry or to a write that deleted the entry."""

from pathlib import Path

from stampede.reports.analysis.analysis import analyse
from stampede.reports.metrics.key_misses import KeyMisses, all_key_misses, expiries_with_a_miss
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import CellInfo
from tests.reports.planted_runs.planted import MS, Change, Row, plant, row, scenario


def read(start_ms: int, *, key: int = 1, hit: bool = True) -> Row:
    """A read that takes 1 ms if it hits, else 6 ms with a load of 4 ms."""
    start, end = start_ms * MS, (start_ms + (1 if hit else 6)) * MS
    facts: Row = {"key": key}
    if not hit:
        facts |= {"first_cache_reply": "none", "loads": 1}
        facts |= {"load_start_ns": start + MS, "load_end_ns": start + 5 * MS}
    return row(start, start, end, **facts)


def write(start_ms: int, *, key: int = 1) -> Row:
    """A write that commits after 2 ms and deletes the entry within 3 ms."""
    start = start_ms * MS
    times = {"commit_start_ns": start + MS, "commit_end_ns": start + 2 * MS}
    return row(start, start, start + 3 * MS, key=key, operation="write", first_cache_reply=None, **times)


def misses_of(tmp_path: Path, rows: list[Row], rounds: int = 1) -> tuple[KeyMisses, float]:
    """The misses of cells with these rows; their times count from the window's start. The TTL is 0.5 s."""

    def change(cell: CellInfo, _rows: list[Row]) -> list[Row]:
        start = cell.window_start_ns or 0
        names = ("due_ns", "thread_free_ns", "start_ns", "end_ns")
        times = (*names, "load_start_ns", "load_end_ns", "commit_start_ns", "commit_end_ns")
        return [r | {name: r[name] + start for name in times if r[name] is not None} for r in rows]

    planted: Change = change
    where = scenario("stampede", read_share=0.9)
    folder = plant(tmp_path / "run", rounds=rounds, contenders=("cache-aside",), scenarios=[where], change=planted)
    cells = analyse(read_run(folder)).of("stampede", "cache-aside")
    found = all_key_misses(cells)
    assert found is not None
    return found, expiries_with_a_miss(cells).value


def test_a_miss_after_a_write_is_attributed_to_the_write(tmp_path: Path) -> None:
    """Hit, write, miss, and a second miss before the fill: both belong to the write, and no expiry is counted."""
    found, expiries = misses_of(tmp_path, [read(10), write(20), read(30, hit=False), read(33, hit=False), read(50)])
    assert (found.after_writes, found.after_expiry, found.expiries, expiries) == (2, 0, 0, 0.0)


def test_a_miss_without_a_write_is_an_expiry_and_misses_close_to_each_other_are_one(tmp_path: Path) -> None:
    """Three misses within half a TTL are one expiry; one more than half a TTL later is the next."""
    rows = [read(10), *(read(t, hit=False) for t in (30, 32, 34)), read(60), read(600, hit=False)]
    found, expiries = misses_of(tmp_path, rows)
    assert (found.after_writes, found.after_expiry, found.expiries) == (0, 4, 2)
    assert expiries == 2 / found.ttls == 0.5


def test_a_write_before_the_last_fill_deleted_an_earlier_entry(tmp_path: Path) -> None:
    """The entry was filled again after the write, and hit; the later miss is an expiry."""
    found, _ = misses_of(tmp_path, [write(20), read(30, hit=False), read(50), read(600, hit=False)])
    assert (found.after_writes, found.after_expiry) == (1, 1)


def test_a_hit_between_commit_and_delete_does_not_hide_the_write(tmp_path: Path) -> None:
    """A read may still hit after the COMMIT; the write deletes the entry before it ends."""
    found, _ = misses_of(tmp_path, [read(10), write(20), read(22), read(30, hit=False)])
    assert (found.after_writes, found.after_expiry) == (1, 0)


def test_only_the_most_read_key_counts_and_writes_of_other_keys_delete_nothing(tmp_path: Path) -> None:
    """Key 1 is read most. A write of key 2 is no reason for a miss of key 1."""
    rows = [read(10), read(11), write(20, key=2), read(30, hit=False), read(32, key=2, hit=False)]
    found, _ = misses_of(tmp_path, rows)
    assert (found.reads, found.after_writes, found.after_expiry) == (3, 0, 1)
