"""Every metric is checked against a second, simple computation from the planted rows."""

import math
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import numpy as np
import pytest

from stampede.reports.analysis.frames import Cell, cells
from stampede.reports.metrics import convergence_metrics, redis_memory, session_metrics, stale_reads, staleness_age
from stampede.reports.metrics.cache_misses import LEAST_READS
from stampede.reports.metrics.database_loads import episodes, loads_over_expiries, loads_per_ttl
from stampede.reports.metrics.metric import find_metric, metrics
from stampede.reports.metrics.response_times import Spans, evidence, reads, spans
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import CellInfo
from tests.reports.planted_runs.planted import CONTENDERS, MS, Row, plant, row, scenario

Planted = dict[int, tuple[CellInfo, list[Row]]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Cell], Planted]:
    """Six rounds of all contenders, and their rows, some of them failed or open."""
    planted: Planted = {}

    def keep(cell: CellInfo, rows: list[Row]) -> list[Row]:
        assert cell.deadline_ns is not None
        for i, r in enumerate(rows):
            if i % 41 == 7:
                r |= {"error": "TimeoutError", "found": None}
            elif i % 97 == 11:
                r["end_ns"] = cell.deadline_ns + 1
        planted[cell.id] = cell, rows
        return rows

    folder = plant(tmp_path_factory.mktemp("metrics") / "run", rounds=6, change=keep)
    return cells(read_run(folder)), planted


def window(rows: list[Row], *operations: str) -> list[Row]:
    return [r for r in rows if not r["warm_up"] and r["operation"] in (operations or ("read", "write"))]


def is_open(r: Row, cell: CellInfo) -> bool:
    return r["end_ns"] is None or r["end_ns"] > cell.deadline_ns


def waits(rows: list[Row], cell: CellInfo, since: str = "due_ns") -> list[float]:
    """Sorted times in ms of the requests that did not fail; infinity for open requests."""
    kept = [r for r in rows if is_open(r, cell) or r["error"] is None]
    return sorted(math.inf if is_open(r, cell) else (r["end_ns"] - r[since]) / MS for r in kept)


def at(q: float, operation: str, since: str = "due_ns") -> Callable[[CellInfo, list[Row]], float]:
    def of(cell: CellInfo, rows: list[Row]) -> float:
        x = waits(window(rows, operation), cell, since)
        i = math.ceil(round(q * len(x), 6)) - 1
        return float(x[i]) if x and len(x) - i - 1 >= 10 else math.nan

    return of


def over_reads(value: Callable[[list[Row]], float]) -> Callable[[CellInfo, list[Row]], float]:
    return lambda _cell, rows: 1000 * value(rows) / len(window(rows, "read"))


def hits(cell: CellInfo, rows: list[Row]) -> float:
    asked = [
        r["first_cache_reply"] == "value"
        for r in window(rows, "read")
        if r["first_cache_reply"] and not is_open(r, cell) and r["error"] is None
    ]
    return 100 * sum(asked) / len(asked) if asked else math.nan


def redis_hits(_cell: CellInfo, rows: list[Row]) -> float:
    found = [r["first_cache_reply"] for r in rows if r["first_cache_reply"]]
    return 100 * found.count("value") / len(found) if found else math.nan


def database_ms(cell: CellInfo, rows: list[Row]) -> float:
    load = 40.0 if cell.scenario == "stampede" else 5.0
    return float(1000 * load * sum(r["loads"] for r in rows) / sum(r["operation"] == "read" for r in rows))


def longest(cell: CellInfo, rows: list[Row]) -> float:
    return waits(window(rows, "read"), cell)[-1]


def answered_reads(cell: CellInfo, rows: list[Row]) -> list[Row]:
    return [r for r in window(rows, "read") if r["error"] is None and not is_open(r, cell)]


def is_hit(row: Row) -> bool:
    return bool(row["loads"] == 0 and row["first_cache_reply"] == "value")


def is_waiting(row: Row) -> bool:
    return bool(row["loads"] == 0 and row["first_cache_reply"] == "none")


def misses_per_ttl(cell: CellInfo, rows: list[Row]) -> float:
    """stampede is the only planted scenario with one hot key; its TTL is 0.5 s."""
    missed = [r for r in answered_reads(cell, rows) if not is_hit(r)]
    assert cell.window_start_ns is not None
    assert cell.window_end_ns is not None
    ttls = (cell.window_end_ns - cell.window_start_ns) / 1e9 / 0.5
    return len(missed) / ttls if cell.scenario == "stampede" else math.nan


def middle_service(select: Callable[[Row], bool]) -> Callable[[CellInfo, list[Row]], float]:
    def of(cell: CellInfo, rows: list[Row]) -> float:
        x = sorted((r["end_ns"] - r["start_ns"]) / 1e6 for r in answered_reads(cell, rows) if select(r))
        return x[math.ceil(len(x) / 2) - 1] if len(x) >= LEAST_READS else math.nan

    return of


def misses_per_1000(cell: CellInfo, rows: list[Row]) -> float:
    own = answered_reads(cell, rows)
    return 1000 * sum(not is_hit(r) for r in own) / len(own)


PLAIN: dict[str, Callable[[CellInfo, list[Row]], float]] = {
    "due": lambda _, rows: len(window(rows)),
    "answered": lambda c, rows: sum(not is_open(r, c) and r["error"] is None for r in window(rows)),
    "failed": lambda c, rows: sum(not is_open(r, c) and r["error"] is not None for r in window(rows)),
    "unanswered": lambda c, rows: sum(is_open(r, c) for r in window(rows)),
    "read-p50": at(0.5, "read"),
    "read-p99": at(0.99, "read"),
    "service-p10": at(0.10, "read", "start_ns"),
    "service-p99": at(0.99, "read", "start_ns"),
    "hit-p50": middle_service(is_hit),
    "miss-p50": middle_service(lambda row: not is_hit(row)),
    "waiting-p50": middle_service(is_waiting),
    "misses-per-1000-reads": misses_per_1000,
    "misses-per-ttl": misses_per_ttl,
    "read-max": longest,
    "write-p50": at(0.5, "write"),
    "loads-per-1000-reads": over_reads(
        lambda rows: sum(r["loads"] for r in window(rows, "read", "write", "background"))
    ),
    "database-ms-per-1000-reads": database_ms,
    "hit-rate": hits,
    "redis-hit-rate": redis_hits,
    "commands-per-request": lambda _, rows: (
        sum(r["commands"] for r in window(rows, "read", "write", "background")) / len(window(rows))
    ),
}
TESTED_ELSEWHERE = {"loads-per-expiry"} | {
    m.name
    for module in (convergence_metrics, redis_memory, session_metrics, stale_reads, staleness_age)
    for m in module.METRICS
}  # tests/reports/freshness


def test_every_metric_has_a_second_computation() -> None:
    assert {m.name for m in metrics()} == PLAIN.keys() | TESTED_ELSEWHERE


@pytest.mark.parametrize("name", PLAIN)
def test_figure_of_a_cell_equals_the_second_computation(run: tuple[list[Cell], Planted], name: str) -> None:
    found, planted = run
    for cell in found:
        want = PLAIN[name](*planted[cell.info.id])
        got = find_metric(name).of_cell(cell)
        assert got == pytest.approx(want, rel=1e-9, nan_ok=True), (cell.info.scenario, cell.info.contender)


def test_due_is_the_sum_of_answered_failed_and_unanswered(run: tuple[list[Cell], Planted]) -> None:
    for cell in run[0]:
        due, *parts = (find_metric(n).of_cell(cell) for n in ("due", "answered", "failed", "unanswered"))
        assert due == sum(parts)
        assert all(part > 0 for part in parts)


def test_loads_of_all_rounds_are_total_over_total(run: tuple[list[Cell], Planted]) -> None:
    mine = [c for c in run[0] if (c.info.scenario, c.info.contender) == ("read-mostly", "cache-aside")]
    rows = [r for c in mine for r in run[1][c.info.id][1]]
    total = sum(r["loads"] for r in window(rows, "read", "write", "background"))
    figure = find_metric("loads-per-1000-reads").estimate(mine)
    assert figure.value == pytest.approx(1000 * total / len(window(rows, "read")))
    assert figure.low < figure.value < figure.high


def test_percentile_among_open_requests_is_beyond_the_deadline(run: tuple[list[Cell], Planted]) -> None:
    mine = [c for c in run[0] if (c.info.scenario, c.info.contender) == ("read-mostly", "cache-aside")]
    assert math.isinf(find_metric("read-p99").estimate(mine).value)
    assert math.isfinite(find_metric("read-p50").estimate(mine).value)


def one_cell(folder: Path, make: Callable[[int], list[Row]], name: str = "cache-aside", rounds: int = 1) -> list[Cell]:
    """Cells with exactly these rows, made from the window's start."""

    def only(cell: CellInfo, _rows: list[Row]) -> list[Row]:
        assert cell.window_start_ns is not None
        return make(cell.window_start_ns)

    plant(folder, rounds=rounds, contenders=[name], scenarios=[scenario("stampede")], change=only)
    return cells(read_run(folder))


def misses_of(cell: CellInfo, rows: list[Row], number: int) -> list[Row]:
    """The rows with only that many misses."""
    kept = 0
    for r in answered_reads(cell, rows):
        if not is_hit(r):
            kept += 1
            if kept > number:
                r |= {"loads": 0, "first_cache_reply": "value"}
    return rows


@pytest.mark.parametrize(("few", "is_estimated"), [(2, True), (3, False)])
def test_rounds_with_fewer_than_five_misses_are_left_out_and_six_others_are_needed(
    tmp_path: Path, few: int, *, is_estimated: bool
) -> None:
    """Of eight rounds, two or three have four misses, and the others five: six rounds with a median are enough."""

    def change(cell: CellInfo, rows: list[Row]) -> list[Row]:
        return misses_of(cell, rows, 4 if cell.round <= few else 5)

    plant(tmp_path, rounds=8, contenders=["cache-aside"], scenarios=[scenario("stampede")], change=change)
    figure = find_metric("miss-p50").estimate(cells(read_run(tmp_path)))
    assert figure.missing is not is_estimated
    if not is_estimated:
        assert figure.why == "not estimated: 37 such reads, 5 a round in 6 rounds needed"


def load(start: int, at_ms: float, took_ms: float = 40.0, **facts: object) -> Row:
    begin = start + round(at_ms * MS)
    end = begin + round(took_ms * MS)
    return row(begin, begin, end, loads=1, load_start_ns=begin, load_end_ns=end, first_cache_reply="none", **facts)


def test_expiry_is_the_loads_between_two_pauses_of_half_a_ttl(tmp_path: Path) -> None:
    def make(start: int) -> list[Row]:
        return [
            load(start, -300, warm_up=True),
            *(load(start, t) for t in (200, 210, 239)),
            *(load(start, t) for t in (740, 760)),
            load(start, 1300, operation="background", client=-1),
            load(start, 1800),  # less than half a TTL before the window's end: not complete
        ]

    (cell,) = one_cell(tmp_path / "run", make)
    assert [e.loads for e in episodes(cell)] == [3, 2, 1]
    assert find_metric("loads-per-expiry").of_cell(cell) == 2.0
    assert [e.begin_s for e in episodes(cell)] == pytest.approx([0.2, 0.74, 1.3])


def test_expiry_that_began_before_the_window_does_not_count(tmp_path: Path) -> None:
    def make(start: int) -> list[Row]:
        return [load(start, -20, warm_up=True), load(start, 5), load(start, 700)]

    (cell,) = one_cell(tmp_path / "run", make)
    assert [e.loads for e in episodes(cell)] == [1]


def test_loads_without_a_pause_are_reported_per_ttl(tmp_path: Path) -> None:
    found = one_cell(tmp_path / "run", lambda start: [load(start, t) for t in range(0, 2000, 10)], "no-cache")
    assert episodes(found[0]) == []
    assert loads_per_ttl(found[0]) == pytest.approx(50)
    figure = loads_over_expiries(found)
    assert figure.missing
    assert "50 per TTL" in figure.why


def test_mean_reports_how_many_expiries_without_an_end_were_left_out(tmp_path: Path) -> None:
    """The expiries without an observed end are the large ones, so a mean without them needs a caveat."""

    def make(start: int) -> list[Row]:
        return [load(start, 100), *(load(start, t) for t in range(700, 1900, 10))]

    figure = loads_over_expiries(one_cell(tmp_path / "run", make))
    assert figure.value == 1.0
    assert "1 more are left out" in figure.why


def test_loads_per_expiry_gives_every_expiry_the_same_weight(tmp_path: Path) -> None:
    planted = plant(
        tmp_path / "run", rounds=8, contenders=["cache-aside", "coalescing"], scenarios=[scenario("stampede")]
    )
    found = [c for c in cells(read_run(planted)) if c.info.contender == "cache-aside"]
    each = [e.loads for c in found for e in episodes(c)]
    figure = find_metric("loads-per-expiry").estimate(found)
    assert figure.value == pytest.approx(mean(each))
    assert figure.low < 9 < figure.high  # 1 + 200/s × 40 ms, as simulated
    alone = [c for c in cells(read_run(planted)) if c.info.contender == "coalescing"]
    assert find_metric("loads-per-expiry").estimate(alone).value == 1.0


def test_samples_that_wait_in_one_stall_are_one_episode(tmp_path: Path) -> None:
    def make(start: int) -> list[Row]:
        quick = [row(start + t * MS, start + t * MS, start + t * MS + MS) for t in range(0, 900, 3)]
        stall = [row(start + t * MS, start + t * MS, start + 1400 * MS) for t in range(1000, 1400, 5)]
        return quick + stall

    (cell,) = one_cell(tmp_path / "run", make)
    assert evidence([spans(cell, reads(cell))], 0.9) == (38, 1)


def test_percentile_of_a_single_stall_is_seen_not_estimated(tmp_path: Path) -> None:
    def make(start: int) -> list[Row]:
        quick = [row(start + t * MS, start + t * MS, start + t * MS + MS) for t in range(0, 1000)]
        stall = [row(start + t * MS, start + t * MS, start + 1400 * MS) for t in range(1000, 1400, 5)]
        return quick + stall

    (cell,) = one_cell(tmp_path / "run", make)
    figure = find_metric("read-p99").estimate([cell])
    assert figure.why == "not estimated: 1 episode beyond it, 3 needed"
    few = find_metric("read-p99").estimate(one_cell(tmp_path / "few", lambda s: make(s)[:500]))
    assert few.missing
    assert few.why == "not estimated: 5 samples beyond it, 10 needed"


def test_episodes_are_counted_as_by_brute_force() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        n = int(rng.integers(5, 60))
        due = np.sort(rng.uniform(0, 1, n))
        wait = rng.exponential(0.02, n)
        cell = Spans(due, due + wait, wait * 1000)
        limit = sorted(wait.tolist())[math.ceil(round(0.5 * n, 6)) - 1]
        far = [(d, d + w) for d, w in zip(due.tolist(), wait.tolist(), strict=True) if w > limit]
        groups: list[list[tuple[float, float]]] = []
        for span in far:
            touching = [g for g in groups if any(s[0] <= span[1] and span[0] <= s[1] for s in g)]
            groups = [g for g in groups if g not in touching] + [[span, *(s for g in touching for s in g)]]
        assert evidence([cell], 0.5) == (len(far), len(groups))


def test_baselines_have_the_same_counts_as_contenders(run: tuple[list[Cell], Planted]) -> None:
    assert {c.info.contender for c in run[0]} == set(CONTENDERS)
    assert all(c.window_s == pytest.approx(2.0) for c in run[0])
